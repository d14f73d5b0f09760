/** One test per kind with whole-value equality, the documented equivalents, never a false alarm, never a miss. */
import { describe, expect, test } from "bun:test";
import { Judge, type JudgeOptions, judgeBytes } from "../../src/judge/judge.ts";
import { applyEdits, type Edit } from "../../src/judge/planted-damage.ts";
import { selfTest } from "../../src/judge/self-test.ts";
import { sightTest } from "../../src/judge/sight-test.ts";
import { counter } from "../../src/pattern/counter.ts";
import { reference } from "../../src/pattern/reference.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { zero } from "../../src/pattern/zero.ts";
import { Dice } from "./cases.ts";
import { spell } from "./proof.ts";

const PAGE = 4096;
const LENGTH = 16 * PAGE + 13;

function stream(length: number, generation = 0): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  counter({ generation }).fill(bytes, 0);
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function foundIn(bytes: Uint8Array, options: Partial<JudgeOptions> = {}): string[] {
  return judgeBytes(bytes, { pattern: counter(), expectBytes: LENGTH, ...options }).findings.map(spell);
}

function edited(...edits: Edit[]): Uint8Array {
  return applyEdits(edits, { pattern: counter(), lengthBytes: LENGTH }).bytes;
}

test("the self-test trusts this judge", () => {
  expect(selfTest()).toBeUndefined();
});

test("the sight test trusts this judge, and none that overlooks a byte or names another one", () => {
  const good = counter({ generation: 5 });
  expect(sightTest()).toBeUndefined();
  const like = (firstMismatch: (block: Uint8Array, at: number) => number) =>
    Object.assign(Object.create(good), { firstMismatch, fill: good.fill.bind(good) });
  expect(sightTest(like(() => -1))).toBe("bit 0 of byte 0 was flipped, and the first wrong byte was -1");
  expect(sightTest(like(() => 3))).toBe("bit 0 of byte 0 was flipped, and the first wrong byte was 3");
  // The last bytes, behind the last whole word, are the ones that a loop forgets.
  const forgets = (block: Uint8Array, at: number) => good.firstMismatch(block.subarray(0, block.length & ~7), at);
  expect(sightTest(like(forgets))).toContain(`bit 7 of byte 499 was flipped`);
  expect(sightTest(like((block, at) => good.firstMismatch(block, at === 16 ? 8 : at)))).toBe(
    "bytes of another place were called right",
  );
});

test("where damage begins, after good blocks of any size, does not change the verdict on it", () => {
  const bytes = edited(
    { kind: "duplicated", offsetBytes: 8 * PAGE, lengthBytes: 1460 },
    { kind: "bit-flipped", offsetBytes: 12 * PAGE + 3, lengthBytes: 1, bit: 2 },
    { kind: "lost", offsetBytes: 14 * PAGE, lengthBytes: 512 },
  );
  const whole = judgeBytes(bytes, { pattern: counter(), expectBytes: LENGTH });
  expect(whole.findings.map(({ kind }) => kind)).toEqual(["duplicated", "bit-flipped", "lost"]);
  for (const size of [1, 7, 8, 100, 4096, 8 * PAGE - 1, 8 * PAGE, 8 * PAGE + 1, 8 * PAGE + 1460]) {
    const judge = new Judge({ pattern: counter(), expectBytes: LENGTH });
    for (let at = 0; at < bytes.length; at += size) judge.push(bytes.subarray(at, at + size));
    expect(judge.finish()).toEqual(whole);
  }
});

describe("kinds", () => {
  test("duplicated: report 1's shape, a first copy of a chunk and then the whole chunk again", () => {
    const bytes = edited({ kind: "duplicated", offsetBytes: 8 * PAGE, lengthBytes: 3 * PAGE });
    const judgement = judgeBytes(bytes, { pattern: counter(), expectBytes: LENGTH, file: "f" });
    expect({ ...judgement, findings: judgement.findings.map(({ sample, ...rest }) => rest) }).toEqual({
      verifiedBytes: LENGTH + 3 * PAGE,
      findings: [
        {
          kind: "duplicated",
          file: "f",
          offsetBytes: 8 * PAGE,
          lengthBytes: 3 * PAGE,
          originBytes: 5 * PAGE,
          pageAligned: true,
        },
      ],
      findingsLeftOut: 0,
      segments: [
        { offsetBytes: 0, lengthBytes: 8 * PAGE, kind: "intact" },
        { offsetBytes: 8 * PAGE, lengthBytes: 3 * PAGE, kind: "duplicated", originBytes: 5 * PAGE },
        { offsetBytes: 11 * PAGE, lengthBytes: 8 * PAGE + 13, kind: "intact", originBytes: 8 * PAGE },
      ],
      segmentsLeftOut: 0,
    });
    expect(judgement.findings[0]?.sample?.offsetBytes).toBe(8 * PAGE - 16);
  });

  test("the figures of the issue: 1,937,408 bytes from 5,664,768 again at 7,602,176", () => {
    const good = stream(12_000_000);
    const bytes = join(good.subarray(0, 7_602_176), good.subarray(5_664_768));
    expect(foundIn(bytes, { expectBytes: 12_000_000 })).toEqual(["duplicated@7602176+1937408<5664768"]);
  });

  const one: [string, Edit, string][] = [
    [
      "a TCP segment twice",
      { kind: "duplicated", offsetBytes: 14164, lengthBytes: 1460 },
      "duplicated@14164+1460<12704",
    ],
    [
      "an older range",
      { kind: "duplicated", offsetBytes: 9 * PAGE, lengthBytes: PAGE, originBytes: 0 },
      "duplicated@36864+4096<0",
    ],
    ["a lost range", { kind: "lost", offsetBytes: 5000, lengthBytes: 4001 }, "lost@5000+4001<5000"],
    ["a zeroed page", { kind: "zeroed", offsetBytes: 2 * PAGE, lengthBytes: PAGE }, "zeroed@8192+4096"],
    ["a flipped bit", { kind: "bit-flipped", offsetBytes: 4099, lengthBytes: 1, bit: 4 }, "bit-flipped@4099+1"],
    ["a stale page", { kind: "stale", offsetBytes: PAGE, lengthBytes: PAGE }, "stale@4096+4096<4096"],
    ["report 2's 172 bytes", { kind: "foreign", offsetBytes: 14164, lengthBytes: 172 }, "foreign@14164+172"],
    ["bytes pushed in", { kind: "foreign", offsetBytes: 999, lengthBytes: 33, inserted: true }, "foreign@999+33"],
    [
      "a short file",
      { kind: "truncated", offsetBytes: 50001, lengthBytes: 0 },
      `truncated@50001+${LENGTH - 50001}<50001`,
    ],
    ["a long file", { kind: "extra", offsetBytes: 0, lengthBytes: 99 }, `extra@${LENGTH}+99`],
  ];
  test.each(one)("%s", (_name, edit, wanted) => {
    expect(foundIn(edited(edit))).toEqual([wanted]);
  });

  test("the foreign bytes of report 2, zeros and all, are one finding", () => {
    const bytes = stream(LENGTH);
    bytes.fill(0, 0x3754, 0x3800);
    bytes.set([2, 0, 0, 0, 0, 0, 0, 0, 8], 0x3754);
    bytes.set([0x4d, 0x69, 0x63], 0x3764);
    // Its last six bytes are zero in the good stream as well; the damage ends in zeros, so they are counted to it.
    expect(foundIn(bytes)).toEqual(["foreign@14164+172"]);
  });
});

describe("documented equivalents", () => {
  const good = stream(LENGTH);
  const part = (from: number, to?: number) => good.subarray(from, to);

  test("two neighbouring blocks in the other order are one block moved", () => {
    const bytes = join(part(0, PAGE), part(2 * PAGE, 3 * PAGE), part(PAGE, 2 * PAGE), part(3 * PAGE));
    const { findings, segments } = judgeBytes(bytes, { pattern: counter(), expectBytes: LENGTH });
    expect(findings.map(spell)).toEqual(["misplaced@4096+4096<8192"]);
    expect(findings[0]).toMatchObject({ replacesBytes: 0, alsoAtBytes: 3 * PAGE });
    expect(segments.map(({ kind }) => kind)).toEqual(["intact", "misplaced", "intact", "intact"]);
  });

  test("damage inside a duplicate does not end it", () => {
    const bytes = edited({ kind: "duplicated", offsetBytes: 8 * PAGE, lengthBytes: 4 * PAGE });
    bytes.fill(0, 9 * PAGE, 10 * PAGE);
    expect(foundIn(bytes)).toEqual(["duplicated@32768+16384<16384", "zeroed@36864+4096"]);
  });

  test("bytes before a duplicate are pushed in", () => {
    const bytes = join(part(0, 4 * PAGE), new Uint8Array(64).fill(255), part(2 * PAGE));
    expect(foundIn(bytes)).toEqual(["filled@16384+64", "duplicated@16448+8192<8192"]);
  });

  test("a file of the right length whose second half is of another place has that half misplaced, and nothing lost", () => {
    const bytes = join(part(0, 4 * PAGE), part(2 * PAGE)).subarray(0, LENGTH);
    expect(foundIn(bytes)).toEqual([`misplaced@16384+${LENGTH - 4 * PAGE}<8192`]);
  });

  test("a word that becomes zero by one to three bits is bit-flipped", () => {
    const bytes = stream(LENGTH);
    bytes.fill(0, PAGE, PAGE + 8);
    expect(foundIn(bytes)).toEqual(["bit-flipped@4097+1"]);
  });

  test("a window ends where it ends: what is shifted inside it is not missing at its end", () => {
    const pattern = counter();
    const window = join(part(PAGE, 2 * PAGE), part(PAGE, 3 * PAGE));
    const options = { pattern, startBytes: PAGE, expectBytes: LENGTH, openEnd: true };
    expect(judgeBytes(window, options).findings.map(spell)).toEqual(["duplicated@8192+4096<4096"]);
  });

  test("without an expected length, the end is never wrong", () => {
    const bytes = stream(5003);
    expect(judgeBytes(bytes, { pattern: counter() }).findings).toEqual([]);
  });
});

describe("never a false alarm", () => {
  test("streams of every length from 0 to 70,000 are clean", () => {
    const good = stream(70_000);
    for (let length = 0; length <= 70_000; length += 1) {
      const { findings, segments } = judgeBytes(good.subarray(0, length), { pattern: counter(), expectBytes: length });
      if (findings.length > 0 || (segments[0]?.lengthBytes ?? 0) !== length)
        expect({ length, findings }).toEqual({ length, findings: [] });
    }
    expect(foundIn(good.subarray(0, 69_999), { expectBytes: 69_999 })).toEqual([]);
  }, 60_000);

  test("random long streams of every pattern, in random blocks from random places, are clean", () => {
    const dice = new Dice(5);
    const patterns = [counter(), counter({ generation: 123456 }), tagged({ writer: 3, recordBytes: 512 }), zero()];
    for (const pattern of patterns) {
      for (let i = 0; i < 8; i += 1) {
        const startBytes = dice.pick([
          0,
          dice.below(2 ** 31),
          2 ** 35 - dice.below(100_000),
          2 ** 42 + dice.below(2 ** 31),
        ]);
        const length = dice.below(600_000);
        const judge = new Judge({ pattern, startBytes, expectBytes: startBytes + length });
        for (let done = 0; done < length; ) {
          const block = new Uint8Array(new ArrayBuffer(Math.min(length - done, 1 + dice.below(200_000))));
          pattern.fill(block, startBytes + done);
          judge.push(block);
          done += block.length;
        }
        const { findings, verifiedBytes } = judge.finish();
        expect({ findings, verifiedBytes }).toEqual({ findings: [], verifiedBytes: length });
      }
    }
  });
});

describe("never a miss", () => {
  test("every single flipped bit of 16 KiB is found, as what it is", () => {
    const good = stream(16_384);
    let found = 0;
    for (let at = 0; at < good.length; at += 512) {
      const piece = good.slice(at, at + 512);
      for (let bit = 0; bit < 4096; bit += 1) {
        const index = bit >> 3;
        piece[index] = (piece[index] as number) ^ (1 << (bit & 7));
        const [finding] = judgeBytes(piece, { pattern: counter(), startBytes: at, expectBytes: at + 512 }).findings;
        if (finding?.kind === "bit-flipped" && finding.offsetBytes === at + index && finding.lengthBytes === 1)
          found += 1;
        piece[index] = (piece[index] as number) ^ (1 << (bit & 7));
      }
    }
    expect(found).toBe(16_384 * 8);
  }, 300_000);
});

describe("other patterns", () => {
  test("zero: foreign bytes with small gaps are one finding", () => {
    const bytes = new Uint8Array(10_000);
    for (let at = 3000; at < 3500; at += 20) bytes.fill(0xff, at, at + 4);
    expect(foundIn(bytes, { pattern: zero(), expectBytes: 10_000 })).toEqual(["foreign@3000+484"]);
  });

  test("reference: in-place damage and length", () => {
    const dice = new Dice(8);
    const original = Uint8Array.from({ length: 9000 }, () => dice.below(256));
    const pattern = reference({
      lengthBytes: 9000,
      read: (block, at) => void block.set(original.subarray(at, at + block.length)),
    });
    const copy = original.slice();
    for (let at = 700; at < 800; at += 1) copy[at] = (copy[at] as number) ^ 0x55;
    expect(foundIn(join(copy, new Uint8Array(50)), { pattern, expectBytes: 9000 })).toEqual([
      "foreign@700+100",
      "extra@9000+50",
    ]);
    expect(foundIn(copy.subarray(0, 8000), { pattern, expectBytes: 9000 })).toEqual([
      "foreign@700+100",
      "truncated@8000+1000<8000",
    ]);
  });

  test("tagged: another writer's bytes are stale, and the finding names whose they are", () => {
    const pattern = tagged({ writer: 1, recordBytes: 1024 });
    const bytes = new Uint8Array(10_000);
    pattern.fill(bytes, 0);
    tagged({ writer: 2, recordBytes: 1024 }).fill(bytes.subarray(2048, 3072), 5120);
    const { findings } = judgeBytes(bytes, { pattern, expectBytes: 10_000 });
    expect(findings.map(spell)).toEqual(["stale@2048+1024<5120"]);
    expect(findings[0]?.label).toContain("writer 2, generation 0");
  });
});

test("a judge speaks once", () => {
  const judge = new Judge({ pattern: counter() });
  judge.finish();
  expect(() => judge.push(new Uint8Array(1))).toThrow("push() called after finish()");
  expect(() => judge.finish()).toThrow("finish() called twice");
});
