/**
 * This package as a guest gets it: the doors, each worker and each script that looks behind the doors as one file,
 * instead of the two hundred that an emulated processor would read and translate again for every script it starts (two
 * thirds of a script's start there).
 *
 * The same code: nothing is minified, and what a module finds as its own place is the place of its source, which the guest
 * has too (workers and compiled loops are found by it). Refuses to be needed: where the bundler fails, the sources run.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheDirectory, readJson, writeJson } from "../kernels/cache.ts";

/** Entered by scripts (the package's exports), and by scripts/survey.ts. They share what they have in common. */
const DOORS = ["src/index.ts", "src/uapi.ts", "src/survey/main.ts"];

/** Started as a thread or process of its own, by path: each holds all it needs. */
const WORKERS = [
  ...["src/ops/process/child.ts", "src/ops/thread/worker.ts", "src/machine/sweep-main.ts", "src/sys/signal-watch.ts"],
  ...["src/workload/pressure/writeback-worker.ts", "src/workload/race/writer.ts"],
  ...["src/workload/scan/worker.ts", "src/workload/scan/rear-worker.ts"],
  ...["src/workload/append/judge-worker.ts", "src/evidence/thread-recorder.ts"],
];

/** Scripts that import more than the doors: with the doors as a bundle they would load most modules twice. */
const SCRIPTS = ["uring-append", "splice-relay", "verify", "fill", "doctor"].map((name) => `scripts/${name}.ts`);

/** The bundle of these very sources, from the cache where it was made before. */
export async function cachedBundle(packageRoot: string, guestRoot: string): Promise<Map<string, Uint8Array>> {
  const directory = cacheDirectory("bundles");
  const sources = [...new Bun.Glob("**/*.ts").scanSync(join(packageRoot, "src"))].sort();
  const hash = createHash("sha256").update(`2 ${Bun.version} ${guestRoot}\n`);
  const scripts = SCRIPTS.filter((file) => existsSync(join(packageRoot, file)));
  for (const file of [...sources.map((name) => join("src", name)), ...scripts, "package.json"]) {
    hash.update(`${file}\0`).update(readFileSync(join(packageRoot, file)));
  }
  const place = join(directory, `${hash.digest("hex").slice(0, 24)}.json`);
  const known = readJson<Record<string, string>>(place);
  if (known !== undefined) {
    return new Map(Object.entries(known).map(([file, text]) => [file, new TextEncoder().encode(text)]));
  }
  const roots = { packageRoot, guestRoot };
  const made = await bundled(DOORS, { splitting: true, ...roots });
  for (const file of [...WORKERS, ...scripts])
    for (const [path, bytes] of await bundled([file], { splitting: false, ...roots })) made.set(path, bytes);
  removeAllBut(KEPT - 1, directory);
  writeJson(place, Object.fromEntries([...made].map(([file, bytes]) => [file, new TextDecoder().decode(bytes)])));
  return made;
}

/** Checkouts that take turns do not bundle again each time. */
const KEPT = 6;

function removeAllBut(count: number, directory: string): void {
  const newestFirst = readdirSync(directory)
    .map((name) => ({
      path: join(directory, name),
      madeMs: statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => b.madeMs - a.madeMs);
  for (const { path } of newestFirst.slice(count)) rmSync(path, { force: true });
}

/** Paths below the package and what a guest finds there; empty when there is no bundle. */
async function bundled(
  entries: readonly string[],
  { packageRoot, guestRoot, splitting }: { packageRoot: string; guestRoot: string; splitting: boolean },
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const present = entries.filter((file) => existsSync(join(packageRoot, file)));
  let built: Awaited<ReturnType<typeof Bun.build>>;
  try {
    built = await Bun.build({
      entrypoints: present.map((file) => join(packageRoot, file)),
      root: packageRoot,
      target: "bun",
      splitting,
      plugins: [placeKeeper(packageRoot, guestRoot)],
    });
  } catch {
    return files;
  }
  if (!built.success) return files;
  for (const output of built.outputs) {
    const path = join(output.path);
    // An entry keeps its name; the pieces that doors share keep theirs.
    const entry = present.find((file) => file.replace(/\.ts$/, ".js") === path);
    files.set(entry ?? path, new Uint8Array(await output.arrayBuffer()));
  }
  return present.every((file) => files.has(file)) ? files : new Map();
}

/** import.meta.url and import.meta.dir of a module stay those of its source, in the guest. */
function placeKeeper(packageRoot: string, guestRoot: string): Bun.BunPlugin {
  return {
    name: "places",
    setup(build) {
      build.onLoad({ filter: /\/(src|scripts)\/.*\.ts$/ }, async ({ path }) => {
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
