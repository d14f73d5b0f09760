/** A second reading is compared with the pattern: damage on the device, in the page cache alone, and none. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { allocate } from "../../src/ops/memory.ts";
import { filesystemOf } from "../../src/ops/stat.ts";
import { Counter } from "../../src/pattern/counter.ts";
import { judgeFileOnce } from "../../src/workload/judge-file.ts";
import type { Reading } from "../../src/workload/readback.ts";
import { withLongSecondReading, withSecondReading } from "../../src/workload/second-reading.ts";
import { needed } from "../needed.ts";

const directory = mkdtempSync("/dev/shm/second-reading-");
afterAll(() => rmSync(directory, { recursive: true }));

const SIZE = 64 * 1024;
const expected = { pattern: new Counter({ generation: 1 }), expectBytes: SIZE };

const judge = (path: string) => (reading: Reading) => judgeFileOnce(path, expected, reading);

/** A file with one bad page in `where`, and what the first reading finds. */
function damaged(where: string) {
  using memory = allocate(SIZE);
  expected.pattern.fill(memory.bytes, 0);
  const bytes = Buffer.from(memory.bytes);
  bytes.fill(0, 4096, 8192);
  const path = `${where}/damaged`;
  writeFileSync(path, bytes);
  return { path, findings: judgeFileOnce(path, expected).findings };
}

test("where the files are the page cache there is no second reading", () => {
  const { path, findings } = damaged(directory);
  expect(filesystemOf(path).type).toBe("tmpfs");
  const again = withSecondReading(path, findings, judge(path));
  expect(again.map(({ kind, offsetBytes, secondReading }) => [kind, offsetBytes, secondReading])).toEqual([
    ["zeroed", 4096, "unavailable"],
  ]);
});

test("a file that is gone, and a good one: nothing is claimed", () => {
  const { findings } = damaged(directory);
  const again = withSecondReading(`${directory}/gone`, findings, judge(`${directory}/gone`));
  expect(again.map(({ secondReading }) => secondReading)).toEqual(["unavailable"]);
  expect(withSecondReading(`${directory}/damaged`, [], judge(`${directory}/damaged`))).toEqual([]);
});

test("findings that a second reading does not show are called different, never damage in the file", () => {
  const place = mkdtempSync(`${os.tmpdir()}/second-reading-`);
  try {
    const { path, findings } = damaged(place);
    using memory = allocate(SIZE);
    expected.pattern.fill(memory.bytes, 0);
    writeFileSync(path, memory.bytes);
    const [again] = withSecondReading(path, findings, judge(path));
    expect(again?.secondReading).toBe(filesystemOf(path).type === "tmpfs" ? "unavailable" : "different");
  } finally {
    rmSync(place, { recursive: true });
  }
});

test.skipIf(needed("root", "mkfs.ext4"))(
  "damage in the page cache alone is distinguished from damage on the device",
  () => {
    const child = Bun.spawnSync([process.execPath, `${import.meta.dir}/fixtures/second-reading.ts`], {
      stderr: "inherit",
    });
    const finding = { kind: expect.any(String), offsetBytes: 65_536 };
    const both = (...findings: unknown[]) => ({ judgeFile: findings, verify: findings });
    expect(JSON.parse(child.stdout.toString())).toEqual({
      "in the cache": both({ ...finding, secondReading: "different" }),
      "on the device": both({ ...finding, secondReading: "same" }),
      nowhere: both(),
    });
  },
);

test("a judge that takes long is asked in its own turns, and agrees with the short one", async () => {
  const { path, findings } = damaged(directory);
  const place = mkdtempSync(`${os.tmpdir()}/second-reading-`);
  try {
    const there = damaged(place);
    let turns = 0;
    const slowly = async (reading: Reading) => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      turns += 1;
      return judge(there.path)(reading);
    };
    const long = await withLongSecondReading(there.path, there.findings, slowly);
    expect(long).toEqual(withSecondReading(there.path, there.findings, judge(there.path)));
    expect(turns).toBe(filesystemOf(there.path).type === "tmpfs" ? 0 : 1);
    expect(await withLongSecondReading(path, findings, slowly)).toEqual(withSecondReading(path, findings, judge(path)));
    expect(await withLongSecondReading(there.path, [], slowly)).toEqual([]);
  } finally {
    rmSync(place, { recursive: true });
  }
});
