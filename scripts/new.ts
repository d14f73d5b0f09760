#!/usr/bin/env bun
/**
 * new: begins a reproducer. Writes a script that runs at once and ends 0, ready for the calls in question.
 *
 *   bun run new.ts fsync-gap            scripts/fsync-gap.ts
 *   bun run new.ts /elsewhere/gap.ts    that file, with an import that finds this package from there
 *
 * Never overwrites: a file that is there is an error that names it (254).
 */
import { dirname, relative, resolve } from "node:path";
import { isSyscallError, openFile, UsageError, writeAll } from "bytewitness";
import { O_CREAT, O_EXCL, O_WRONLY } from "bytewitness/uapi";
import { parseArguments } from "../src/cli/args.ts";
import { cString } from "../src/ops/memory.ts";
import { EXIT } from "../src/report/document.ts";

const HERE = import.meta.dir;
const PACKAGE = dirname(HERE);

/** The reproducer's name, where its file goes, and how it imports this package. */
function planned(given: string) {
  const isPath = given.includes("/");
  const base = (isPath ? given.slice(given.lastIndexOf("/") + 1) : given).replace(/\.ts$/, "");
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(base)) {
    throw new UsageError(`"${base}" is no name for a reproducer: lower-case words with hyphens, as in fsync-gap`);
  }
  // A package script runs in the package's root (Bun tells nobody where it was called), so relative paths begin there.
  const path = isPath ? resolve(process.cwd(), dirname(given), `${base}.ts`) : `${HERE}/${base}.ts`;
  const inside = path.startsWith(`${PACKAGE}/`);
  return {
    name: base,
    path,
    door: inside ? "bytewitness" : relative(dirname(path), `${PACKAGE}/src/index.ts`),
    inside,
  };
}

async function main(): Promise<number> {
  const positionals = { name: { kind: "text", description: "the reproducer's name, or a path ending in it" } } as const;
  if (process.argv.includes("--help")) {
    console.log(
      "usage: bun run new.ts NAME\n\nwrites scripts/NAME.ts (or NAME, when it is a path) from a template that runs",
    );
    return EXIT.clean;
  }
  const { name, path, door, inside } = planned(
    String(parseArguments(process.argv.slice(2), { positionals, options: {} }).name),
  );
  const template = await Bun.file(`${HERE}/template.ts.txt`).text();
  const run = inside ? relative(PACKAGE, path) : path;
  const text = template.replaceAll("{{name}}", name).replaceAll("{{door}}", door).replaceAll("{{run}}", run);
  using file = openFile(path, O_WRONLY | O_CREAT | O_EXCL, 0o755);
  using bytes = cString(text);
  writeAll(file, bytes, { lengthBytes: bytes.lengthBytes - 1 }); // without the C string's final NUL
  console.log(`wrote ${run}; try it: bun ${run}`);
  if (path.startsWith(`${HERE}/`)) {
    console.log(
      `for \`bun run ${name}.ts\`, add to the scripts of package.json: "${name}.ts": "bun scripts/${name}.ts"`,
    );
  }
  return EXIT.clean;
}

try {
  process.exit(await main());
} catch (error) {
  if (!(error instanceof UsageError) && !isSyscallError(error)) throw error;
  console.error(`new: ${error.message}`);
  process.exit(EXIT.badArguments);
}
