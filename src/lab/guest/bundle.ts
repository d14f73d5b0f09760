/**
 * This package's doors as a guest gets them: each one file, instead of the two hundred that an emulated processor would
 * read and translate again for every script it starts (two thirds of a script's start there).
 *
 * The same code: nothing is minified, and what a module says of its own place is the place of its source, which the guest
 * has too (workers and compiled loops are found by it). Refuses to be needed: where the bundler fails, the sources run.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Entered by scripts (the package's exports), and by scripts/survey.ts. */
const DOORS = ["src/index.ts", "src/uapi.ts", "src/survey/main.ts"];

/** Paths below the package and what a guest finds there; empty when there is no bundle. */
export async function bundleDoors(packageRoot: string, guestRoot: string): Promise<Map<string, Uint8Array>> {
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
    // A door keeps its name; the pieces that doors share are beside them.
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
