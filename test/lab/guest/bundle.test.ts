/** The doors as a guest gets them, run here: names that the bundler changed must not matter. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cachedBundle } from "../../../src/lab/guest/bundle.ts";
import { PACKAGE_ROOT } from "../../../src/ops/self.ts";
import { temporaryDirectory } from "../temporary.ts";

async function unpackBundle(directory: string): Promise<Map<string, Uint8Array>> {
  const files = await cachedBundle(PACKAGE_ROOT, PACKAGE_ROOT);
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
  return files;
}

function runBun(...words: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, ...words]);
  return { exitCode, stdout: String(stdout), stderr: String(stderr) };
}

test("a verb that the bundler renamed still runs in another thread", async () => {
  using temporary = temporaryDirectory();
  await unpackBundle(temporary.path);
  const script = join(temporary.path, "try.ts");
  writeFileSync(
    script,
    `import * as door from "./src/index.ts";
     using thread = await door.Thread.start();
     using pipe = door.openPipe();
     using buffer = door.allocate(8);
     console.log(await thread.call(door.write, pipe.writeEnd, buffer), await thread.call(door.read, pipe.readEnd, buffer));`,
  );
  expect(runBun(script)).toEqual({ exitCode: 0, stdout: "8 8\n", stderr: "" });
}, 120_000);

test("a script that looks behind the doors is one file, its worker another, and both run", async () => {
  using temporary = temporaryDirectory();
  const files = await unpackBundle(temporary.path);
  const text = (path: string) => new TextDecoder().decode(files.get(path));
  // Doors share pieces; what a process or thread begins with imports nothing of this package.
  const imports = (path: string) =>
    [...text(path).matchAll(/^(?:import|export) .*from "(\.[^"]*)"/gm)].map(([, from]) => from);
  const alone = [...files.keys()].filter((path) => !/^src\/(index|uapi|survey\/main|chunk-\w+)\.[jt]s$/.test(path));
  expect(alone).toContain("scripts/uring-append.ts");
  expect(alone).toContain("src/workload/append/judge-worker.ts");
  expect(alone.flatMap((path) => imports(path))).toEqual([]);
  // Whatever the sources start by its place is among them.
  for (const name of new Bun.Glob("{sys,ops,machine,workload,evidence}/**/*.ts").scanSync(join(PACKAGE_ROOT, "src"))) {
    const source = readFileSync(join(PACKAGE_ROOT, "src", name), "utf8");
    for (const [, started = ""] of source.matchAll(/new URL\("(\.[^"]*\.ts)", import\.meta\.url\)/g))
      expect(alone).toContain(join("src", dirname(name), started));
  }
  const file = join(temporary.path, "counted");
  const script = (name: string) => join(temporary.path, "scripts", `${name}.ts`);
  expect(runBun(script("fill"), file, "--bytes", "1MiB")).toMatchObject({ exitCode: 0 });
  expect(runBun(script("verify"), file, "--expect-bytes", "1MiB")).toMatchObject({ exitCode: 0 });
  expect(
    runBun(script("uring-append"), join(temporary.path, "repro"), "1", "1", "--inject", "duplicated"),
  ).toMatchObject({
    exitCode: 1,
  });
}, 120_000);
