/** The doors as a guest gets them, run here: names that the bundler changed must not matter. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cachedBundle } from "../../../src/lab/guest/bundle.ts";
import { PACKAGE_ROOT } from "../../../src/ops/self.ts";
import { temporaryDirectory } from "../temporary.ts";

test("a verb that the bundler renamed still runs in another thread", async () => {
  using temporary = temporaryDirectory();
  for (const [path, bytes] of await cachedBundle(PACKAGE_ROOT, PACKAGE_ROOT)) {
    mkdirSync(dirname(join(temporary.path, path)), { recursive: true });
    writeFileSync(join(temporary.path, path), bytes);
  }
  const script = join(temporary.path, "try.ts");
  writeFileSync(
    script,
    `import * as door from "./src/index.ts";
     using thread = await door.Thread.start();
     using pipe = door.openPipe();
     using buffer = door.allocate(8);
     console.log(await thread.call(door.write, pipe.writeEnd, buffer), await thread.call(door.read, pipe.readEnd, buffer));`,
  );
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, script]);
  expect({ exitCode, stdout: String(stdout), stderr: String(stderr) }).toEqual({
    exitCode: 0,
    stdout: "8 8\n",
    stderr: "",
  });
}, 120_000);
