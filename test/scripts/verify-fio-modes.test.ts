/** verify.ts --pattern fio on what a real fio leaves with options that change which blocks there are: no false alarm. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needed } from "../needed.ts";
import { command, reportOf } from "./command.ts";

const SLOW_MS = 120_000;
const SIZE = 2 << 20;
const skipped = needed("fio");
const directory = mkdtempSync(join(tmpdir(), "bytewitness-fio-modes-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fio(name: string, options: readonly string[]): string {
  const path = join(directory, name);
  const common = ["--name=job", "--rw=randwrite", "--ioengine=psync", "--bs=4k", `--size=${SIZE}`, "--do_verify=0"];
  const ran = Bun.spawnSync(["fio", ...common, `--filename=${path}`, "--verify=crc32c", ...options], {
    ...{ cwd: directory, stderr: "pipe" },
  });
  if (ran.exitCode !== 0) throw new Error(`fio: ${ran.stderr}${ran.stdout}`);
  return path;
}

const judged = async (path: string, ...more: string[]) => {
  const ended = await command("verify", [path, "--pattern", "fio", "--json", "--quiet", ...more], {
    timeoutMs: SLOW_MS,
  });
  const { verdict, reason, totals, findings } = reportOf(ended);
  return { code: ended.code, verdict, reason, bytes: totals.bytesVerified, findings };
};

const UNWRITTEN = /^[\d,]+ bytes that hold no block of fio were not judged: all [\d,]+ writes are in the file/;
const NO_BLOCK = /^[\d,]+ bytes that hold no block of fio were not judged: they are shorter than a block/;

test.skipIf(skipped).each([
  ["blocks of two sizes", ["--bssplit=4k/50:16k/50"], SIZE, undefined],
  [
    "blocks of two sizes, one over the other",
    ["--bssplit=4k/50:16k/50", "--norandommap", "--rw=write"],
    SIZE,
    undefined,
  ],
  ["one block", ["--bs=2m"], SIZE, undefined],
  ["a part of the file", ["--io_size=1m"], SIZE / 2, UNWRITTEN],
  ["the second half", ["--offset=1m", "--size=1m"], SIZE / 2, UNWRITTEN],
  ["a file that is written by a reader, too", ["--rw=rw"], undefined, UNWRITTEN],
  ["at random among reads", ["--rw=randrw"], undefined, UNWRITTEN],
  ["blocks that do not fill the file", ["--bs=3k", "--rw=write"], Math.floor(SIZE / 3072) * 3072, NO_BLOCK],
  ["twice", ["--loops=2"], SIZE, undefined],
] as const)(
  "%s",
  async (name, options, bytes, reason) => {
    const path = fio(name.replaceAll(/\W/g, "-"), options);
    const found = await judged(path);
    // What was not written may be what was lost at the end: the file looks the same.
    const verdict = reason === UNWRITTEN ? "inconclusive" : "clean";
    expect({ verdict: found.verdict, findings: found.findings }).toEqual({ verdict, findings: [] });
    if (bytes !== undefined) expect(found.bytes).toBe(bytes);
    expect(found.reason).toMatch(reason ?? /^the length was not checked/);
    // A length that was promised makes them findings.
    if (reason === UNWRITTEN) expect((await judged(path, "--expect-bytes", String(SIZE))).code).toBe(1);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "where blocks were never written and a write is missing, whether it is lost cannot be known",
  async () => {
    const path = fio("missing", ["--io_size=1m", "--rw=write"]);
    const fd = openSync(path, "r+");
    writeSync(fd, new Uint8Array(4096), 0, 4096, 4096 * 7);
    closeSync(fd);
    const { code, reason } = await judged(path);
    expect([code, reason]).toEqual([
      125,
      expect.stringContaining("were not judged: 1 of 256 writes is not in the file (overwritten, or lost), too few"),
    ]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "a file whose end was lost is not clean, and its end a finding where a length was promised",
  async () => {
    const path = fio("lost-end", ["--rw=write"]);
    const fd = openSync(path, "r+");
    writeSync(fd, new Uint8Array(SIZE / 4), 0, SIZE / 4, (SIZE / 4) * 3);
    closeSync(fd);
    expect((await judged(path)).code).toBe(125);
    const { findings } = await judged(path, "--expect-bytes", String(SIZE));
    expect(findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
      ["zeroed", (SIZE / 4) * 3, SIZE / 4],
    ]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "a sparse file of 2^40 bytes takes a moment, whatever was promised",
  async () => {
    const path = fio("sparse", []);
    truncateSync(path, 2 ** 40);
    const { verdict, bytes, reason } = await judged(path);
    expect([verdict, bytes, reason]).toEqual(["inconclusive", SIZE, expect.stringMatching(UNWRITTEN)]);
    // Up to a length that was promised, all is there.
    expect((await judged(path, "--expect-bytes", String(SIZE))).code).toBe(0);
    const { findings } = await judged(path, "--expect-bytes", "1TiB");
    expect(findings.map(({ kind, offsetBytes, lengthBytes }) => [kind, offsetBytes, lengthBytes])).toEqual([
      ["zeroed", SIZE, 2 ** 40 - SIZE],
    ]);
  },
  SLOW_MS,
);

test.skipIf(skipped)(
  "without a map of what was written, an older write is right and a block without one cannot be judged",
  async () => {
    const found = await judged(fio("no-map", ["--norandommap", `--io_size=${SIZE * 4}`]));
    expect({ findings: found.findings, code: found.code === 0 || found.code === 125 }).toEqual({
      ...{ findings: [], code: true },
    });
  },
  SLOW_MS,
);

test.skipIf(skipped).each([
  [["--verify_offset=1024"], "fio put its headers 1024 bytes into the blocks (verify_offset)"],
  [
    ["--bs=16k", "--blockalign=4k", "--norandommap", "--io_size=8m"],
    "its blocks of fio overlap (blockalign is smaller",
  ],
  [["--verify_offset=100"], "its headers of fio are not where sectors begin: the one at 100 is of the block at 0"],
])(
  "%j is refused in one sentence",
  async (options, reason) => {
    const found = await judged(fio(`refused${options[0]}`, options));
    expect([found.code, found.reason]).toEqual([125, expect.stringContaining(reason)]);
  },
  SLOW_MS,
);
