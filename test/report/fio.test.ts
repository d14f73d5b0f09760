/** The sentences about fio's blocks, from hand-made evidence. */
import { expect, test } from "bun:test";
import type { Finding, FioEvidence } from "../../src/judge/finding.ts";
import { reported } from "../../src/report/sentence.ts";

const textOf = (fio: FioEvidence, rest: Partial<Finding> = {}) =>
  reported({ kind: "misplaced", offsetBytes: 8192, lengthBytes: 512, pageAligned: true, ...rest, fio }).detail;

test("a whole block that belongs elsewhere names who wrote it, and what belongs here", () => {
  const fio = { what: "other block", operation: 1234, timeNs: 1_500_000_000 } as const;
  const what = "the block at 8,192 holds the data of 4,096, written by operation 1,234, 1.500 s after the start";
  expect(textOf(fio, { originBytes: 4096 })).toBe(what);
  expect(textOf({ ...fio, damaged: true }, { originBytes: 4096 })).toBe(`${what}, and that data is damaged too`);
  const swapped = { originBytes: 4096, alsoAtBytes: 4096 };
  const there = `${what}; what belongs here is at 4,096`;
  expect(textOf({ ...fio, operationsLater: 1 }, swapped)).toBe(`${there}, written 1 operation earlier`);
  expect(textOf({ ...fio, operationsLater: -1200 }, swapped)).toBe(`${there}, written 1,200 operations later`);
  expect(textOf(fio, swapped)).toBe(there);
});

test("a piece names its bits, and the header only where they are in it", () => {
  const piece = { what: "piece", blockAtBytes: 8192 } as const;
  const bits = [{ offsetBytes: 8200, bit: 3 }];
  const kind = "bit-flipped" as const;
  expect(textOf(piece, { kind, bits })).toBe("bit 3 of byte 8,200, in the block at 8,192");
  expect(textOf({ ...piece, inHeader: true }, { kind, bits })).toBe(
    "bit 3 of byte 8,200 of the header, in the block at 8,192",
  );
  expect(textOf(piece, { kind, bits, wordBytes: 8 })).toBe(
    "bit 3 of byte 8,200, and so every 8 bytes, in the block at 8,192",
  );
  expect(textOf(piece, { kind: "zeroed" })).toBe("zeros in the block at 8,192");
  expect(textOf(piece, { kind: "filled", value: 170 })).toBe("bytes 0xaa in the block at 8,192");
  expect(textOf(piece, { kind: "foreign" })).toBe("bytes that fio did not write there, in the block at 8,192");
  expect(textOf({ ...piece, headless: true }, { kind: "foreign" })).toBe(
    "bytes without a header of fio, so it is not known which of them are wrong, in the block at 8,192",
  );
});

test("every other kind of evidence has its sentence", () => {
  const at = { offsetBytes: 8704, originBytes: 4608 };
  expect(textOf({ what: "part of a block", blockAtBytes: 8192 }, at)).toBe(
    "a part of the block at 8,192 holds the data of the block at 4,096",
  );
  expect(textOf({ what: "shifted" }, at)).toBe(
    "the data of 4,608 is at 8,704: fio's blocks were shifted by 4,096 bytes",
  );
  expect(textOf({ what: "part of a write", blockAtBytes: 8192 }, { kind: "stale" })).toBe(
    "a part of the block at 8,192 is from another write of fio: a write that was torn, or lost",
  );
  expect(textOf({ what: "no block" }, { kind: "zeroed" })).toBe(
    "zeros where a block should be (or it was never written)",
  );
  expect(textOf({ what: "no block" }, { kind: "filled", value: 5 })).toStartWith("bytes 0x05 where a block should be");
  expect(textOf({ what: "reversed block" }, { kind: "byte-swapped", wordBytes: 4 })).toBe(
    "the right block with the bytes of every 32-bit word reversed",
  );
  expect(textOf({ what: "other job" }, { kind: "stale", label: "job 2, blocks of 8,192 bytes" })).toBe(
    "a block of job 2, blocks of 8,192 bytes",
  );
  expect(textOf({ what: "piece", blockAtBytes: 8192, inHeader: true }, { kind: "foreign" })).toBe(
    "a damaged header (some of its bytes may be right: its time cannot be known) in the block at 8,192",
  );
  expect(textOf({ what: "piece", blockAtBytes: 8192, bySum: true }, { kind: "foreign" })).toBe(
    "a payload whose checksum is wrong (some of its bytes may be right) in the block at 8,192",
  );
  expect(textOf({ what: "older write", operation: 7, timeNs: 2e9 }, { kind: "stale" })).toBe(
    "the bytes here are of operation 7 at 2.000 s, which does not fit this run: an older write",
  );
  expect(textOf({ what: "end" }, { kind: "truncated" })).toBe("512 bytes are missing at the end");
});
