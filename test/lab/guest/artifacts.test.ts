/** What a guest sends behind its archive, and in what pieces, does not matter to what arrives. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArtifactReceiver } from "../../../src/lab/guest/artifacts.ts";
import { noise } from "../../noise.ts";

const directory = mkdtempSync(join(tmpdir(), "bytewitness-artifacts-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("an archive with many MiB of zeros behind it arrives whole", async () => {
  const evidence = noise(60_000);
  writeFileSync(join(directory, "file"), evidence);
  const archive = Bun.spawnSync(["tar", "-c", "-C", directory, "file"]).stdout;
  const receiver = new ArtifactReceiver(join(directory, "out"));
  receiver.push(new Uint8Array(archive));
  for (let i = 0; i < 160; i++) {
    receiver.push(new Uint8Array(32 * 1024));
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const [file, ...more] = await receiver.finish();
  expect([file?.sizeBytes, more]).toEqual([60_000, []]);
  expect(readFileSync(file?.path ?? "").equals(Buffer.from(evidence))).toBe(true);
}, 60_000);
