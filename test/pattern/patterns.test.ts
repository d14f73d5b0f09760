/** Every pattern against BigInt arithmetic and against itself, with the compiled loops and without. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Counter, counter, GENERATION_MAX } from "../../src/pattern/counter.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";
import { fillRecord, fillRecords, readRecord, readTag, STEP } from "../../src/pattern/record.ts";
import { reference } from "../../src/pattern/reference.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { add, advance, multiply, readWord, U64_ONE, u64 } from "../../src/pattern/u64.ts";
import { firstSuccessor } from "../../src/pattern/words.ts";
import { zero } from "../../src/pattern/zero.ts";
import { blindness, nativeLoops, nativeLoopsError, useNativeLoops } from "../../src/sys/loops.ts";

const MASK = (1n << 64n) - 1n;
const big = ({ lo, hi }: { lo: number; hi: number }) => (BigInt(hi) << 32n) | BigInt(lo);
const filled = (pattern: Pattern, offset: number, length: number) => {
  const block = new Uint8Array(new ArrayBuffer(length));
  pattern.fill(block, offset);
  return block;
};

test("64-bit arithmetic in halves is BigInt's", () => {
  const values = [
    0n,
    1n,
    0xffffffffn,
    0x100000000n,
    0x9e3779b97f4a7c15n,
    0xffffffffffffffffn,
    0x8000000080000000n,
    12345678901234567n,
  ];
  for (const a of values) {
    for (const b of values) {
      expect(big(add(u64(a), u64(b)))).toBe((a + b) & MASK);
      expect(big(multiply(u64(a), u64(b)))).toBe((a * b) & MASK);
    }
    for (const count of [0, 1, 7, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 3]) {
      expect(big(advance(u64(a), STEP, count))).toBe((a + big(STEP) * BigInt(count)) & MASK);
      expect(big(advance(u64(a), u64(1n), count))).toBe((a + BigInt(count)) & MASK);
    }
  }
});

test("the compiled loops are available here", () => {
  expect(nativeLoopsError()).toBeUndefined();
  const loops = nativeLoops();
  if (loops === undefined) throw new Error("no compiled loops");
  // Loops that forget the last words, or a bit, are not used.
  const { fill, mismatch } = loops;
  expect(blindness({ fill, mismatch })).toBeUndefined();
  const short: typeof mismatch = (bytes, at, words, ...rest) => mismatch(bytes, at, words & ~7, ...rest);
  expect(blindness({ fill, mismatch: short })).toBe("they overlooked a flipped bit in word 256");
  expect(blindness({ fill, mismatch: () => -1 })).toBe("they overlooked a flipped bit in word 0");
  expect(blindness({ fill: () => 0, mismatch })).toBe("they filled wrong words");
});

test("little work is done before loops are compiled for it, and much is not", () => {
  const script = `
    import { nativeLoopsFor } from "${import.meta.dir}/../../src/sys/loops.ts";
    const MiB = 2 ** 20;
    console.log([MiB, 10 * MiB, 10 * MiB, 1].map((bytes) => nativeLoopsFor(bytes) !== undefined).join());`;
  const child = Bun.spawnSync([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  expect(child.stdout.toString()).toBe("false,false,true,true\n");
}, 60_000);

describe.each([
  ["compiled", true],
  ["TypeScript", false],
] as const)("with %s loops", (_name, native) => {
  beforeAll(() => useNativeLoops(native));
  afterAll(() => useNativeLoops(true));

  test("generation 0 of the counter is report 1's pattern", () => {
    const block = filled(counter(), 0, 8192);
    const view = new DataView(block.buffer);
    for (let j = 0; j < 1024; j += 1) expect(view.getBigUint64(j * 8, true)).toBe(BigInt(j));
  });

  test("two words one step apart are found at every byte, among thousands that only look like it", () => {
    const block = new Uint8Array(new ArrayBuffer(4096));
    // The lowest byte is larger by one at every byte of the first half: no more than a candidate.
    for (let i = 0; i < block.length; i += 1) block[i] = i < 2048 ? (i >> 3) & 0xff : (i * 151) & 0xff;
    const view = new DataView(block.buffer);
    const search = () => firstSuccessor(block, { fromIndex: 3, toIndex: 4000, step: U64_ONE });
    expect(search()).toBe(-1);
    for (const at of [3, 4, 17, 18, 19, 31, 500, 2047, 2048, 3001, 3983, 3998, 3999, 4000]) {
      const kept = block.slice();
      view.setBigUint64(at, 0x1234_5678_9abc_deffn, true);
      view.setBigUint64(at + 8, 0x1234_5678_9abc_df00n, true);
      expect([at, search()]).toEqual([at, at < 4000 ? at : -1]);
      block.set(kept);
    }
  });

  // 32 GiB: the low half of the word wraps. 2^52: halfway to the last offset.
  test.each([
    0,
    5,
    2 ** 35 - 4096,
    2 ** 35 - 4093,
    2 ** 36 - 512,
    2 ** 43 - 4096,
    2 ** 52 + 3,
    Number.MAX_SAFE_INTEGER - 70000,
  ])("the counter's bytes at %d are those of BigInt, at any phase and length", (offset) => {
    for (const generation of [0, 1, GENERATION_MAX]) {
      const pattern = counter({ generation });
      const block = filled(pattern, offset, 8209);
      for (let i = 0; i < block.length; i += i < 32 || i > 8170 ? 1 : 61) {
        const at = BigInt(offset) + BigInt(i);
        const word = ((BigInt(generation) << 40n) + at / 8n) & MASK;
        expect(block[i]).toBe(Number((word >> ((at % 8n) * 8n)) & 0xffn));
      }
      expect(pattern.firstMismatch(block, offset)).toBe(-1);
    }
  });

  // As doubles these words are 0, -0, denormals, the smallest normal, infinity, NaN, and ordinary numbers of both signs.
  test.each([
    [0, 0],
    [0x800000, 0],
    [0x000000, 8 * 77],
    [0x000fff, 2 ** 43 - 2048],
    [0x001000, 0],
    // Crosses into the next binade at the third word of a group of four: word 131 less its lowest bit looks like word 130.
    [0x001fff, 2 ** 43 - 8 * 130],
    [0x7fefff, 2 ** 43 - 2080],
    [0x7ff000, 0],
    [0x7ff800, 64],
    [0xffffff, 2 ** 40],
    [0x3ff000, 2 ** 35 - 1024],
    [0xbff123, 8],
  ])("generation %p at %p: every single flipped bit is found where it is", (generation, offset) => {
    const pattern = counter({ generation });
    const block = filled(pattern, offset, 2080);
    expect(pattern.firstMismatch(block, offset)).toBe(-1);
    let missed = 0;
    for (let bit = 0; bit < block.length * 8; bit += 1) {
      const at = bit >> 3;
      block[at] = (block[at] as number) ^ (1 << (bit & 7));
      if (pattern.firstMismatch(block, offset) !== at) missed += 1;
      block[at] = (block[at] as number) ^ (1 << (bit & 7));
    }
    expect(missed).toBe(0);
  });

  const patterns: [string, Pattern][] = [
    ["counter", counter()],
    ["counter of a generation", counter({ generation: 70000 })],
    ["tagged", tagged({ writer: 7, generation: 3, recordBytes: 4096 })],
    ["tagged, small records", tagged({ writer: 255, generation: 4095, recordBytes: 72 })],
    ["zero", zero()],
    ["reference", reference({ lengthBytes: 2 ** 40, read: (block, at) => counter({ generation: 9 }).fill(block, at) })],
  ];
  test.each(patterns)(
    "%s: a wrong byte is found at its index, whatever the phase and the buffer's alignment",
    (_kind, pattern) => {
      const room = new Uint8Array(new ArrayBuffer(9000));
      for (const offset of [0, 1, 4095, 123457]) {
        for (const shift of [0, 1, 3, 4]) {
          const block = room.subarray(shift, shift + 8190);
          pattern.fill(block, offset);
          expect(pattern.firstMismatch(block, offset)).toBe(-1);
          for (let at = 0; at < block.length; at += 53) {
            block[at] = (block[at] as number) ^ 64;
            expect(pattern.firstMismatch(block, offset)).toBe(at);
            block[at] = (block[at] as number) ^ 64;
          }
        }
      }
    },
  );

  test.each([counter(), counter({ generation: 5 }), tagged({ writer: 1, generation: 2 })])(
    "three words of $name ($label) record where they are, at every byte phase",
    (pattern) => {
      for (let shift = 0; shift < 16; shift += 1) {
        const noise = new Uint8Array(new ArrayBuffer(6000)).fill(0x3c);
        // Past the header of a tagged record, whose three last words carry more than their place.
        noise.set(filled(pattern, 8192 + 64, 24), 3000 + shift);
        const range = { fromIndex: 0, toIndex: 6000, limitBytes: 1 << 20 };
        const { index, streamOffsetBytes, stream } = pattern.locate(noise, range) ?? {};
        expect({ index, streamOffsetBytes }).toEqual({ index: 3000 + shift, streamOffsetBytes: 8256 });
        expect(stream).toBe(pattern);
      }
    },
  );

  test("zeros, ones and noise prove nothing", () => {
    const noise = new Uint8Array(new ArrayBuffer(1 << 18));
    let state = 1;
    for (let i = 0; i < noise.length; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      noise[i] = state >>> 24;
    }
    for (const block of [noise, new Uint8Array(1 << 16), new Uint8Array(1 << 16).fill(255)]) {
      const range = { fromIndex: 0, toIndex: block.length, limitBytes: 2 ** 43 };
      expect(counter().locate(block, range)).toBeUndefined();
      expect(tagged().locate(block, range)).toBeUndefined();
    }
  });
});

test("words beyond the stream's end are not believed", () => {
  const block = filled(counter(), 1 << 20, 256);
  const range = { fromIndex: 0, toIndex: 256 };
  expect(counter().locate(block, { ...range, limitBytes: 1 << 20 })).toBeUndefined();
  expect(counter().locate(block, { ...range, limitBytes: 1 << 21 })?.streamOffsetBytes).toBe(1 << 20);
});

test("another generation is named", () => {
  const block = filled(counter({ generation: 41 }), 800, 64);
  const found = counter({ generation: 7 }).locate(block, { fromIndex: 0, toIndex: 64, limitBytes: 4096 });
  expect([found?.stream.label, found?.streamOffsetBytes]).toEqual(["generation 41", 800]);
});

describe("records", () => {
  const tag = { writer: 3, generation: 4000, sequence: 8388607, lengthBytes: 4096, streamOffsetBytes: 2 ** 40 + 8 };
  test("read back what was written, and nothing after one flipped bit of the header", () => {
    const block = new Uint8Array(4096);
    fillRecord(block, tag);
    expect(readRecord(block, 0)).toEqual(tag);
    for (let bit = 0; bit < 512; bit += 1) {
      const flipped = block.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(readRecord(flipped, 0)).toBeUndefined();
    }
  });

  test("each word records whose it is", () => {
    const block = new Uint8Array(4096);
    fillRecord(block, tag);
    const { writer, generation, sequence } = tag;
    for (const at of [0, 8, 32, 64, 4088]) {
      expect(readTag(readWord(block, at))).toEqual({ writer, generation, sequence, offsetBytes: at });
    }
  });

  test("of a stream are the records of its writer", () => {
    const block = filled(tagged({ writer: 3, generation: 9, recordBytes: 512 }), 0, 2048);
    const own = { writer: 3, generation: 9, sequence: 2, lengthBytes: 512, streamOffsetBytes: 1024 };
    expect(readRecord(block, 1024)).toEqual(own);
  });

  test.each([
    { ...tag, writer: 256 },
    { ...tag, generation: 4096 },
    { ...tag, sequence: -1 },
    { ...tag, lengthBytes: 100 },
    { ...tag, lengthBytes: 56 },
    { ...tag, lengthBytes: 2 ** 24 + 8 },
  ])("refuse what their words cannot hold: %p", (bad) => {
    expect(() => fillRecord(new Uint8Array(8192), bad)).toThrow(RangeError);
  });
});

test("offsets that numbers cannot hold and generations that words cannot hold are refused", () => {
  expect(() => counter().fill(new Uint8Array(8), 2 ** 53)).toThrow(RangeError);
  expect(() => counter().firstMismatch(new Uint8Array(8), -1)).toThrow(RangeError);
  expect(() => new Counter({ generation: GENERATION_MAX + 1 })).toThrow(RangeError);
});

test("the reference ends where its file ends", () => {
  const pattern = reference({ lengthBytes: 100, read: (block) => void block.fill(7) });
  expect(pattern.firstMismatch(new Uint8Array(100).fill(7), 0)).toBe(-1);
  expect(pattern.firstMismatch(new Uint8Array(101).fill(7), 0)).toBe(100);
});

test("a buffer of records is record after record, and what is left over stays as it was", () => {
  const tag = { writer: 2, generation: 1, sequence: 5, lengthBytes: 64 };
  const bytes = new Uint8Array(3 * 64 + 8);
  fillRecords(bytes, tag);
  expect([0, 64, 128].map((at) => readRecord(bytes, at)?.sequence)).toEqual([5, 6, 7]);
  expect(bytes.subarray(3 * 64).every((byte) => byte === 0)).toBe(true);
});
