/**
 * This package's doors as a guest gets them: each one file, instead of the two hundred that an emulated processor would
 * read and translate again for every script it starts (two thirds of a script's start there).
 *
 * The same code: nothing is minified, and what a module finds as its own place is the place of its source, which the guest
 * has too (workers and compiled loops are found by it). Refuses to be needed: where the bundler fails, the sources run.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheDirectory, readJson, writeJson } from "../kernels/cache.ts";

/** Entered by scripts (the package's exports), and by scripts/survey.ts. */
const DOORS = ["src/index.ts", "src/uapi.ts", "src/survey/main.ts"];

/** The bundle of these very sources, from the cache where it was made before. */
export async function cachedBundle(packageRoot: string, guestRoot: string): Promise<Map<string, Uint8Array>> {
  const directory = cacheDirectory("bundles");
  const sources = [...new Bun.Glob("**/*.ts").scanSync(join(packageRoot, "src"))].sort();
  const hash = createHash("sha256").update(`${Bun.version} ${guestRoot}\n`);
  for (const file of [...sources.map((name) => join("src", name)), "package.json"]) {
    hash.update(`${file}\0`).update(readFileSync(join(packageRoot, file)));
  }
  const place = join(directory, `${hash.digest("hex").slice(0, 24)}.json`);
  const known = readJson<Record<string, string>>(place);
  if (known !== undefined) {
    return new Map(Object.entries(known).map(([file, text]) => [file, new TextEncoder().encode(text)]));
  }
  const made = await bundleDoors(packageRoot, guestRoot);
  for (const old of readdirSync(directory)) rmSync(join(directory, old), { force: true });
  writeJson(place, Object.fromEntries([...made].map(([file, bytes]) => [file, new TextDecoder().decode(bytes)])));
  return made;
}

/** Paths below the package and what a guest finds there; empty when there is no bundle. */
async function bundleDoors(packageRoot: string, guestRoot: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const doors = DOORS.filter((file) => existsSync(join(packageRoot, file)));
  let built: Awaited<ReturnType<typeof Bun.build>>;
  try {
    built = await Bun.build({
      entrypoints: doors.map((file) => join(packageRoot, file)),
      root: join(packageRoot, "src"),
      target: "bun",
      splitting: true,
      plugins: [placeKeeper(packageRoot, guestRoot)],
    });
  } catch {
    return files;
  }
  if (!built.success) return files;
  for (const output of built.outputs) {
    const path = join("src", output.path);
    // A door keeps its name; the pieces that doors share are next to them.
    const door = doors.find((file) => file.replace(/\.ts$/, ".js") === path);
    files.set(
      door ?? join("src", dirname(output.path), basename(output.path)),
      new Uint8Array(await output.arrayBuffer()),
    );
  }
  return doors.every((door) => files.has(door)) ? files : new Map();
}

/** import.meta.url and import.meta.dir of a module stay those of its source, in the guest. */
function placeKeeper(packageRoot: string, guestRoot: string): Bun.BunPlugin {
  return {
    name: "places",
    setup(build) {
      build.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        const place = guestRoot + path.slice(packageRoot.length);
        const text = await Bun.file(path).text();
        const contents = text
          .replaceAll("import.meta.url", JSON.stringify(`file://${place}`))
          .replaceAll("import.meta.dir", JSON.stringify(dirname(place)));
        return { loader: "ts", contents };
      });
    },
  };
}
