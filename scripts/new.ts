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
import { isSyscallError, openFile, runCommand, UsageError, writeAll } from "bytewitness";
import { O_CREAT, O_EXCL, O_WRONLY } from "bytewitness/uapi";
import { commandLine, scriptCommand } from "../src/machine/invocation.ts";
import { cString } from "../src/ops/memory.ts";
import { PACKAGE_ROOT } from "../src/ops/self.ts";
import { EXIT } from "../src/report/document.ts";

const HERE = import.meta.dir;

/** The reproducer's name, where its file goes, and how it imports this package. */
function planned(given: string) {
  const isPath = given.includes("/");
  const base = (isPath ? given.slice(given.lastIndexOf("/") + 1) : given).replace(/\.ts$/, "");
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(base)) {
    throw new UsageError(`"${base}" is not a name for a reproducer: lower-case words with hyphens, as in fsync-gap`);
  }
  // A package script runs in the package's root (Bun does not pass on where it was called), so relative paths begin there.
  const home = PACKAGE_ROOT.includes("/node_modules/") ? process.cwd() : HERE;
  const path = isPath ? resolve(process.cwd(), dirname(given), `${base}.ts`) : `${home}/${base}.ts`;
  return { name: base, path, door: doorFrom(dirname(path)), inside: path.startsWith(`${PACKAGE_ROOT}/`) };
}

/** By its name where the package is found, else by a path, which needs its "./". */
function doorFrom(directory: string): string {
  try {
    if (Bun.resolveSync("bytewitness", directory) === `${PACKAGE_ROOT}/src/index.ts`) return "bytewitness";
  } catch {
    // not found from there
  }
  const path = relative(directory, `${PACKAGE_ROOT}/src/index.ts`);
  return path.startsWith(".") ? path : `./${path}`;
}

await runCommand({
  name: "new",
  summary: "begins a reproducer: writes a script that runs at once and ends 0",
  positionals: { name: { kind: "text", description: "the reproducer's name, or a path ending in it" } },
  run: async ({ args, print }) => {
    const { name, path, door, inside } = planned(args.name);
    const template = await Bun.file(`${HERE}/template.ts.txt`).text();
    const run = inside ? relative(PACKAGE_ROOT, path) : path;
    const text = template.replaceAll("{{name}}", name).replaceAll("{{door}}", door).replaceAll("{{run}}", run);
    create(path, text);
    print(`wrote ${run}; try it: ${scriptCommand(path)}`);
    if (!inside) {
      // Bun itself ends 1 for a script that does not even parse, before anything of ours is loaded.
      const guarded = commandLine("bun", ["--preload", `${PACKAGE_ROOT}/src/cli/guard.ts`, path]);
      print(`where an exit code decides (git bisect run), so that a script that does not load ends 255: ${guarded}`);
    }
    if (path === `${HERE}/${name}.ts`) {
      print(`for \`bun run ${name}.ts\`, add to the scripts of package.json: "${name}.ts": "bun scripts/${name}.ts"`);
    }
    return EXIT.clean;
  },
});

/** Never overwrites; whatever is wrong with the place is a bad argument. */
function create(path: string, text: string): void {
  try {
    using file = openFile(path, { flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o755 });
    using bytes = cString(text);
    writeAll(file, bytes, { lengthBytes: bytes.lengthBytes - 1 }); // without the C string's final NUL
  } catch (error) {
    if (isSyscallError(error, "EEXIST")) throw new UsageError(`${path} exists and is not overwritten (EEXIST)`);
    throw isSyscallError(error) ? new UsageError(error.message) : error;
  }
}
