/** Views of one space: right bytes at the wrong address, by whole views and in part. */
import { expect, test } from "bun:test";
import type { FindingKind } from "../../src/judge/finding.ts";
import { judgeViews } from "../../src/judge/views.ts";
import { counter } from "../../src/pattern/counter.ts";

const KIB = 1024;
const pattern = counter();
const written = (offsetBytes: number, lengthBytes: number) => {
  const bytes = new Uint8Array(lengthBytes);
  pattern.fill(bytes, offsetBytes);
  return bytes;
};
const facts = (views: Parameters<typeof judgeViews>[0]) =>
  judgeViews(views, { pattern, file: "the mapping" }).findings.map(
    ({ kind, offsetBytes, lengthBytes, originBytes, alsoAtBytes, file }) => ({
      ...{ kind, offsetBytes, lengthBytes, originBytes, alsoAtBytes, file },
    }),
  );

const at = (
  kind: FindingKind,
  offsetBytes: number,
  lengthBytes: number,
  originBytes: number | undefined,
  also: number,
) => ({
  ...{ kind, offsetBytes, lengthBytes, originBytes, alsoAtBytes: also, file: "the mapping" },
});

test("what is in its place is clean, and so are zeros where nothing was written", () => {
  const views = [
    { offsetBytes: 0, bytes: new Uint8Array(64 * KIB), untouched: true },
    { offsetBytes: 512 * KIB, bytes: written(512 * KIB, 64 * KIB) },
  ];
  expect(judgeViews(views, { pattern })).toEqual({ verifiedBytes: 128 * KIB, findings: [] });
});

test("bytes at another address are misplaced, and both places name each other", () => {
  const moved = { offsetBytes: 0, bytes: written(512 * KIB, 64 * KIB), untouched: true };
  const left = { offsetBytes: 512 * KIB, bytes: new Uint8Array(64 * KIB) };
  expect(facts([moved, left])).toEqual([
    at("misplaced", 0, 64 * KIB, 512 * KIB, 512 * KIB),
    at("zeroed", 512 * KIB, 64 * KIB, undefined, 0),
  ]);
});

test("a page of it", () => {
  const moved = { offsetBytes: 0, bytes: new Uint8Array(64 * KIB), untouched: true };
  moved.bytes.set(written(520 * KIB, 4 * KIB), 8 * KIB);
  const left = { offsetBytes: 512 * KIB, bytes: written(512 * KIB, 64 * KIB).fill(0, 8 * KIB, 12 * KIB) };
  expect(facts([moved, left])).toEqual([
    at("misplaced", 8 * KIB, 4 * KIB, 520 * KIB, 520 * KIB),
    at("zeroed", 520 * KIB, 4 * KIB, undefined, 8 * KIB),
  ]);
});

test("a flipped bit in what was moved is a finding of its own", () => {
  const moved = { offsetBytes: 0, bytes: written(512 * KIB, 64 * KIB), untouched: true };
  moved.bytes[1000] = (moved.bytes[1000] as number) ^ 4;
  const left = { offsetBytes: 512 * KIB, bytes: new Uint8Array(64 * KIB) };
  expect(facts([moved, left]).map(({ kind }) => kind)).toEqual(["misplaced", "bit-flipped", "zeroed"]);
});
