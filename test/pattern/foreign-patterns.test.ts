/** Patterns that other programs write, against BigInt arithmetic, with the compiled loops and without. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { constant } from "../../src/pattern/constant.ts";
import { type NumberedOptions, numbered } from "../../src/pattern/numbered.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { prng } from "../../src/pattern/prng.ts";
import { parsePattern } from "../../src/pattern/spec.ts";
import { useNativeLoops } from "../../src/sys/loops.ts";

const MASK = (1n << 64n) - 1n;
const filled = (pattern: Pattern, offset: number, length: number) => {
  const block = new Uint8Array(new ArrayBuffer(length));
  pattern.fill(block, offset);
  return block;
};

/** The bytes from an offset on, by the definition and nothing else. */
function byDefinition(options: Required<NumberedOptions>, offset: number, length: number): Uint8Array {
  const wordBytes = options.width / 8;
  const unitBytes = { bytes: 1, words: wordBytes, sectors: 512 }[options.unit];
  const word = new DataView(new ArrayBuffer(8));
  return Uint8Array.from({ length }, (_, i) => {
    const at = offset + i;
    const inWord = at % wordBytes;
    const value = BigInt(options.start) + BigInt(Math.floor((at - inWord) / unitBytes));
    if (options.width === 32) word.setUint32(0, Number(value & 0xffffffffn), options.order === "little");
    else word.setBigUint64(0, value & MASK, options.order === "little");
    return word.getUint8(inWord);
  });
}

/** splitmix64.c, word by word. */
function splitmix(seed: bigint, index: bigint): bigint {
  let z = (seed + (index + 1n) * 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

const VARIANTS = ([32, 64] as const).flatMap((width) =>
  (["little", "big"] as const).flatMap((order) =>
    (["bytes", "words", "sectors"] as const).flatMap((unit) =>
      [0, 0xfffffff0].map((start) => ({ width, order, unit, start })),
    ),
  ),
);

describe.each([
  ["compiled", true],
  ["TypeScript", false],
] as const)("with %s loops", (_name, native) => {
  beforeAll(() => useNativeLoops(native));
  afterAll(() => useNativeLoops(true));

  test.each(VARIANTS)("counter %j is its definition, and any wrong byte is found", (variant) => {
    const pattern = numbered(variant);
    for (const offset of [0, 3, 8, 509, 2 ** 32 - 1030, 2 ** 34 - 1025, 2 ** 43 + 5]) {
      for (const length of [1, 7, 40, 2051]) {
        const block = filled(pattern, offset, length);
        expect(Buffer.compare(block, byDefinition(variant, offset, length))).toBe(0);
        expect(pattern.firstMismatch(block, offset)).toBe(-1);
        const bad = Math.floor(length * 0.7);
        block[bad] = (block[bad] as number) ^ 0x40;
        expect(pattern.firstMismatch(block, offset)).toBe(bad);
      }
    }
  });

  test.each(VARIANTS)("counter %j proves where its bytes belong, at any phase", (variant) => {
    const pattern = numbered(variant);
    for (const offset of [4096, 5120 + 8, 81_923]) {
      const block = new Uint8Array(4096).fill(0xee);
      block.set(filled(pattern, offset, 1500), 100);
      const nearBytes = 3996 + 7;
      const found = pattern.locate(block, { fromIndex: 0, toIndex: 4000, limitBytes: 2 ** 40, nearBytes });
      expect(found).toBeDefined();
      const { index, streamOffsetBytes, provenBytes } = found as NonNullable<typeof found>;
      expect(index - 100).toBeLessThan(variant.width / 8);
      expect(streamOffsetBytes).toBe(offset + index - 100);
      expect(pattern.firstMismatch(block.subarray(index, index + provenBytes), streamOffsetBytes)).toBe(-1);
      expect(pattern.locate(block, { fromIndex: 0, toIndex: 4000, limitBytes: 4000 })).toBeUndefined();
    }
  });

  test("32-bit numbers that come again mean the place nearest to where the walk is", () => {
    const pattern = numbered({ width: 32 });
    const block = filled(pattern, 2 ** 34 + 8192, 512);
    const at = (nearBytes: number) =>
      pattern.locate(block, { fromIndex: 0, toIndex: 400, limitBytes: 2 ** 40, nearBytes })?.streamOffsetBytes;
    expect([at(0), at(2 ** 34), at(2 ** 35 - 4096)]).toEqual([8192, 2 ** 34 + 8192, 2 ** 35 + 8192]);
  });

  test("a sector of another place, alone among good ones, is where it belongs", () => {
    for (const width of [32, 64] as const) {
      const pattern = numbered({ width, unit: "sectors" });
      const block = filled(pattern, 512 * 100, 4096);
      block.set(filled(pattern, 512 * 777, 512), 1024);
      const found = pattern.locate(block, {
        fromIndex: 1024,
        toIndex: 1500,
        limitBytes: 2 ** 30,
        nearBytes: 512 * 100,
      });
      expect([found?.index, found?.streamOffsetBytes]).toEqual([1024, 512 * 777]);
    }
  });

  test.each([0, 1, 7, 0xdeadbeef, Number.MAX_SAFE_INTEGER])("prng of seed %d is splitmix64.c", (seed) => {
    const pattern = prng({ seed });
    for (const offset of [0, 5, 2 ** 35 - 1030, 2 ** 52]) {
      const block = filled(pattern, offset, 2051);
      for (let i = 0; i < block.length; i += i < 20 ? 1 : 13) {
        const at = BigInt(offset + i);
        expect(block[i]).toBe(Number((splitmix(BigInt(seed), at / 8n) >> ((at % 8n) * 8n)) & 0xffn));
      }
      expect(pattern.firstMismatch(block, offset)).toBe(-1);
      const found = new Uint8Array(9000);
      found.set(block, 1001);
      const location = pattern.locate(found, { fromIndex: 0, toIndex: 8000, limitBytes: 2 ** 53 });
      const phase = (8 - (offset % 8)) % 8;
      expect([location?.index, location?.streamOffsetBytes]).toEqual([1001 + phase, offset + phase]);
      expect(
        prng({ seed: seed === 0 ? 3 : seed - 1 }).locate(found, { fromIndex: 0, toIndex: 8000, limitBytes: 2 ** 42 }),
      ).toBeUndefined();
    }
  });

  test("bytes that repeat: one, a few, many, at any offset", () => {
    for (const bytes of [
      [0xaa],
      [1, 2],
      [0xde, 0xad, 0xbe, 0xef],
      [1, 2, 3],
      [...Array(512).keys()].map((i) => i & 0xff),
    ]) {
      const pattern = constant(bytes);
      for (const offset of [0, 1, 4097, 2 ** 40 + 3]) {
        for (const length of [1, 17, 4100]) {
          const block = filled(pattern, offset, length);
          expect([...block]).toEqual(Array.from({ length }, (_, i) => bytes[(offset + i) % bytes.length] as number));
          expect(pattern.firstMismatch(block, offset)).toBe(-1);
          const bad = Math.floor(length * 0.9);
          block[bad] = (block[bad] as number) ^ 1;
          expect(pattern.firstMismatch(block, offset)).toBe(bad);
        }
      }
    }
  });
});

const plain = { generation: 0, writer: 0, recordBytes: 4096 };
const bytesOf = (pattern: string, length: number) => {
  const spec = parsePattern({ pattern, ...plain });
  if (spec.kind !== "stream") throw new Error(`${pattern} is a ${spec.kind}`);
  return Buffer.from(filled(spec.pattern, 0, length)).toString("hex");
};

test("what --pattern means", () => {
  expect(bytesOf("byte:0xAA", 3)).toBe("aaaaaa");
  expect(bytesOf("byte:10", 2)).toBe("0a0a");
  expect(bytesOf("byte:0xdeadbeef", 5)).toBe("deadbeefde");
  expect(bytesOf("byte:1,0x2,3", 4)).toBe("01020301");
  expect(bytesOf("counter:width=32,order=be,start=0x10", 8)).toBe("0000001000000011");
  expect(bytesOf("counter:unit=bytes", 16)).toBe("00000000000000000800000000000000");
  expect(bytesOf("prng:0", 8)).toBe("afcd1d7b39a820e2");
  expect(bytesOf("zero", 2)).toBe("0000");
  expect(parsePattern({ pattern: "reference:a:b", ...plain })).toEqual({ kind: "reference", path: "a:b" });
});

test.each([
  ["nonsense", "--pattern is counter"],
  ["byte", "takes one to 512 bytes"],
  ["byte:", "needs something after the colon"],
  ["byte:300", "takes one to 512 bytes"],
  ["byte:0xabc", "takes one to 512 bytes"],
  ["byte:0xAA,", "takes one to 512 bytes"],
  ["prng", "takes a whole number"],
  ["prng:-1", "takes a whole number"],
  ["prng:0x20000000000001", "takes a whole number"],
  ["counter:width=16", 'width is 32 or 64, not "16"'],
  ["counter:width=32,width=64", "width was given twice"],
  ["counter:start=", "takes a whole number"],
  ["counter:width=32,start=0x100000000", "starts at a whole number from 0 to 4294967295"],
  ["counter:bogus=1", "takes width, order, unit and start"],
  ["counter:order=toString", "order is le or be"],
  ["counter:constructor=1", "takes width, order, unit and start"],
  ["zero:1", "takes no options"],
  ["zero:", "--pattern zero takes no options, and no colon"],
  ["lines:digits=16", "--pattern lines: a line's number has 1 to 15 digits, not 16"],
  ["reference", "reference:FILE"],
  ["toString", "--pattern is counter"],
])("--pattern %s is refused in one line", (pattern, line) => {
  expect(() => parsePattern({ pattern, ...plain })).toThrow(line);
});
