/** Edits a few words before the end of a file: the stream's last bytes are proven by where they end. */
import { describe, expect, test } from "bun:test";
import { judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { replayed } from "./edit-script.ts";
import { judgeInPieces, spell } from "./proof.ts";
import { problemOfReplay } from "./replay.ts";

const SIZE = 1 << 17;
const PAGE = 4096;

const PATTERNS = { counter: counter(), tagged: tagged(), "tagged, short": tagged({ recordBytes: 64 }) };

/** The file, and the finding that it is; `at` is where the stream's last bytes begin in the good stream. */
type Made = (good: Uint8Array, at: number) => readonly [readonly Uint8Array[], string];

const EDITS: Readonly<Record<string, Made>> = {
  "zeros pushed in": (good, at) => [
    [good.subarray(0, at), new Uint8Array(PAGE), good.subarray(at)],
    `zeroed@${at}+4096`,
  ],
  "a page repeated": (good, at) => [
    [good.subarray(0, at), good.subarray(8192, 12288), good.subarray(at)],
    `duplicated@${at}+4096<8192`,
  ],
  "a page lost": (good, at) => [
    [good.subarray(0, at - PAGE), good.subarray(at)],
    `lost@${at - PAGE}+4096<${at - PAGE}`,
  ],
  "a page of another offset": (good, at) => [
    [good.subarray(0, at - PAGE), good.subarray(8192, 12288), good.subarray(at)],
    `misplaced@${at - PAGE}+4096<8192`,
  ],
};

describe.each(Object.entries(PATTERNS))("%s", (_name, pattern) => {
  const good = new Uint8Array(SIZE);
  pattern.fill(good, 0);
  const cases = Object.keys(EDITS).flatMap((edit) => [8, 16, 24, 40].map((tail) => [edit, tail] as const));
  test.each(cases)("%s, %d bytes before the end", (edit, tail) => {
    const [parts, wanted] = (EDITS[edit] as Made)(good, SIZE - tail);
    const bytes = new Uint8Array(Buffer.concat(parts));
    const options = { pattern, expectBytes: SIZE };
    const judgement = judgeBytes(bytes, options);
    expect(judgement.findings.map(spell)).toEqual([wanted]);
    expect(judgeInPieces(bytes, options, () => 1000)).toEqual(judgement);
    const replay = { bytes, judgement, ...options };
    expect(problemOfReplay(replay)).toBeUndefined();
    expect(Buffer.compare(replayed(replay), bytes)).toBe(0);
  });
});
