/** Windows that begin in or right before damage, of a stream that is shifted before them. */
import { describe, expect, test } from "bun:test";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import { replayed } from "./edit-script.ts";
import { spell } from "./proof.ts";
import { problemOfReplay } from "./replay.ts";
import { SIZE } from "./shapes.ts";

const GOOD = new Uint8Array(SIZE);
counter().fill(GOOD, 0);

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const good = (from: number, to?: number) => GOOD.subarray(from, to);

describe("a window that begins in the middle of damaged words, of a stream that is shifted before it", () => {
  const at = 18000;
  const damages: Readonly<Record<string, (word: Uint8Array) => void>> = {
    "bit-flipped": (word) => {
      word[0] = (word[0] as number) ^ 8;
    },
    "byte-swapped": (word) => {
      word.reverse();
    },
  };
  const cases = Object.keys(damages).flatMap((kind) => [296, 304, -296].map((growth) => [kind, growth] as const));
  test.each(cases)("%s, by %d bytes", (kind, growth) => {
    const stream = new Uint8Array(65536);
    counter().fill(stream, 0);
    for (let i = 16384; i < 24576; i += 8) damages[kind]?.(stream.subarray(i, i + 8));
    const middle = new Uint8Array(Math.max(0, growth)).fill(7);
    const bytes = Buffer.concat([stream.subarray(0, 4096), middle, stream.subarray(4096 - Math.min(0, growth))]);
    const window = { pattern: counter(), startBytes: at, expectBytes: stream.length };
    const { findings } = judgeBytes(new Uint8Array(bytes.subarray(at)), window);
    const jump = [growth > 0 ? "duplicated" : "lost", at, Math.abs(growth)];
    // What is repeated in the window ends where the stream's bytes begin that belong there.
    const repeated = growth > 0 ? [[kind, at, growth]] : [];
    const from = at + Math.max(0, growth);
    const found: unknown[] = findings.map((one) => [one.kind, one.offsetBytes, one.lengthBytes]);
    expect(found).toEqual([jump, ...repeated, [kind, from, 24576 + growth - from]]);
  });
});

describe("a window that begins in wrong bits that make blocks of other places, of a stream that is shifted before it", () => {
  const rules: Readonly<Record<string, (byte: number, bit: number) => number>> = {
    inverted: (byte, bit) => byte ^ bit,
    "stuck at 1": (byte, bit) => byte | bit,
    "stuck at 0": (byte, bit) => byte & ~bit,
  };
  // Bit 3 of the word makes blocks of 64 bytes, bit 8 such of 2,048.
  const cases = Object.keys(rules).flatMap((rule) =>
    [3, 6, 7, 8].flatMap((bit) => [296, 4096, -296, -4096].map((growth) => [rule, bit, growth] as const)),
  );
  test.each(cases)("%s, bit %d, by %d bytes", (rule, bit, growth) => {
    const stream = new Uint8Array(131072);
    counter().fill(stream, 0);
    for (let i = 16384 + (bit >> 3); i < 65536; i += 8)
      stream[i] = (rules[rule] as (byte: number, bit: number) => number)(stream[i] as number, 1 << (bit & 7));
    const pushedIn = new Uint8Array(Math.max(0, growth)).fill(7);
    const bytes = join(stream.subarray(0, 4096), pushedIn, stream.subarray(4096 - Math.min(0, growth)));
    for (const startBytes of [18000, 18500, 20001]) {
      const window = bytes.subarray(startBytes);
      const { findings } = judgeBytes(window, { pattern: counter(), startBytes, expectBytes: stream.length });
      // What is repeated before the stream's own bytes begin has the wrong bits too.
      expect(findings.length).toBeLessThanOrEqual(growth > 0 ? 3 : 2);
      expect(new Set(findings.map(({ kind }) => kind))).toEqual(
        new Set([growth > 0 ? "duplicated" : "lost", "bit-flipped"]),
      );
    }
  });
});

describe("a window that begins a few bytes before damage, of a stream that is shifted before it", () => {
  const damages: Readonly<Record<string, Uint8Array>> = {
    zeroed: new Uint8Array(2880),
    filled: new Uint8Array(2880).fill(0x6b),
  };
  const cases = Object.keys(damages).flatMap((kind) => [40, 64, 200, 1000].map((bytes) => [kind, bytes] as const));
  // The page that is missing before the window is behind it.
  test.each(cases)("%s, %d bytes: these are not there twice", (kind, before) => {
    const pushedIn = damages[kind] as Uint8Array;
    const bytes = join(good(0, 8192), good(12288, 14336), pushedIn, good(14336, 65536), good(8192, 12288), good(65536));
    const startBytes = 10240 - before;
    const window = bytes.subarray(startBytes);
    const judgement = judgeBytes(window, { pattern: counter(), startBytes, expectBytes: SIZE });
    expect(judgement.findings.map(spell)).toEqual([
      `misplaced@${startBytes}+${before}<${startBytes + 4096}`,
      `${kind}@10240+2880`,
      "misplaced@64320+4096<8192",
    ]);
    expect(judgement.findings.map(({ alsoAtBytes, replacesBytes }) => [alsoAtBytes, replacesBytes])).toEqual([
      [13120, 0],
      [66368, 2048 - before],
      [13120, 0],
    ]);
    const replay = { bytes: window, judgement, pattern: counter(), startBytes };
    expect(problemOfReplay(replay)).toBeUndefined();
    expect(Buffer.compare(replayed(replay), window)).toBe(0);
  });
});
