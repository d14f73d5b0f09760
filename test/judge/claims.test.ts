/** Claims judged on hand-made files: every kind of loss, and none where the file is as the writers were promised. */
import { expect, test } from "bun:test";
import { judgeClaims, letters } from "../../src/judge/claims.ts";

const A = { name: "A", offsetBytes: 0, bytes: letters("A", 8) };
const B = { name: "B", offsetBytes: 8, bytes: letters("B", 20) };
const C = { name: "C", offsetBytes: 28, bytes: letters("C", 4) };
const file = (text: string) => new TextEncoder().encode(text);

const WHOLE = `${"A".repeat(8)}${"B".repeat(20)}CCCC`;

test("a file that is what the writers were promised has no finding", () => {
  expect(judgeClaims(file(WHOLE), [A, B, C])).toEqual([]);
});

test("a record overwritten by another is lost, with the exact range and the name of what is there", () => {
  const call = (what: string, index: number) => ({ what, index, atNs: 0, requestedBytes: 4, result: 4 });
  const claims = [A, { ...B, call: call("write (b)", 1) }, { ...C, offsetBytes: 8, call: call("write (c)", 2) }];
  const text = `${"A".repeat(8)}CCCC${"B".repeat(16)}`;
  expect(judgeClaims(file(text), claims, { file: "f", cause: "a test" })).toEqual([
    {
      kind: "lost",
      file: "f",
      offsetBytes: 8,
      lengthBytes: 4,
      originBytes: 8,
      pageAligned: false,
      calls: [call("write (b)", 1), call("write (c)", 2)],
      claim: { name: "B", offsetBytes: 8, instead: "C" },
      cause: "a test",
      sample: { offsetBytes: 8, expectedHex: "42".repeat(20), foundHex: `${"43".repeat(4)}${"42".repeat(16)}` },
    },
  ]);
});

test("bytes past the end of the file and bytes that were never written are distinguished", () => {
  expect(judgeClaims(file(WHOLE.slice(0, 30)), [A, B, C]).map((finding) => finding.claim)).toEqual([
    { name: "C", offsetBytes: 28, fileBytes: 30 },
  ]);
  const damaged = file(WHOLE);
  damaged[10] = 0;
  damaged[20] = 0;
  expect(judgeClaims(damaged, [A, B, C]).map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes])).toEqual([
    [10, 1],
    [20, 1],
  ]);
  expect(judgeClaims(damaged, [A, B, C])[0]?.claim).toEqual({ name: "B", offsetBytes: 8 });
});

test("bytes from the middle of another record are that record's", () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
  const long = { name: "the long record", offsetBytes: 64, bytes };
  const short = { name: "the short record", offsetBytes: 0, bytes: letters("S", 8) };
  const found = new Uint8Array(128);
  found.set(bytes.subarray(20, 28), 0);
  found.set(bytes, 64);
  const [finding] = judgeClaims(found, [short, long]);
  expect(finding?.claim?.instead).toBe("the long record");
});
