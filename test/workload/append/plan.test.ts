/** The plan and the injections are functions of the seed alone, and keep their promises for every seed. */
import { expect, test } from "bun:test";
import { damageBuffer, INJECTIONS, planInjection } from "../../../src/workload/append/inject.ts";
import { chunkBytesMax, chunksOfFile } from "../../../src/workload/append/plan.ts";
import { Random } from "../../../src/workload/random.ts";

const MiB = 2 ** 20;
const REPORT = { fileBytes: 48 * MiB, chunkBytes: { min: MiB, max: 24 * MiB } };

test("the same seed gives the same chunks, another seed others", () => {
  const plan = { seed: 7, ...REPORT };
  expect(chunksOfFile(plan, 3)).toEqual(chunksOfFile(plan, 3));
  expect(chunksOfFile(plan, 3)).not.toEqual(chunksOfFile(plan, 4));
  expect(chunksOfFile(plan, 3)).not.toEqual(chunksOfFile({ seed: 8, ...REPORT }, 3));
});

test("chunks are multiples of 8, never of 4096, within the range, and fill the file", () => {
  for (let seed = 0; seed < 300; seed++) {
    const plan = { seed, ...REPORT };
    const chunks = chunksOfFile(plan, seed % 5);
    const total = chunks.reduce((sum, length) => sum + length, 0);
    expect(total).toBeGreaterThanOrEqual(plan.fileBytes);
    expect(total - (chunks.at(-1) as number)).toBeLessThan(plan.fileBytes);
    for (const length of chunks) {
      expect(length % 8).toBe(0);
      expect(length % 4096).not.toBe(0);
      expect(length).toBeGreaterThanOrEqual(plan.chunkBytes.min - 8);
      expect(length).toBeLessThanOrEqual(chunkBytesMax(plan));
    }
  }
});

test("an injection lies inside its chunk, and a duplicate's copy ends at a page of the file", () => {
  for (let seed = 0; seed < 300; seed++) {
    const chunks = chunksOfFile({ seed, fileBytes: 4 * MiB, chunkBytes: { min: 65536, max: MiB } }, 0);
    const total = chunks.reduce((sum, length) => sum + length, 0);
    for (const kind of INJECTIONS) {
      const injection = planInjection(kind, seed, 0, chunks);
      const start = chunks.slice(0, injection.chunkIndex).reduce((sum, length) => sum + length, 0);
      const length = chunks[injection.chunkIndex] as number;
      expect(injection.lengthBytes).toBeGreaterThan(0);
      expect(injection.offsetBytes + injection.lengthBytes).toBeLessThanOrEqual(Math.max(total, start + 2 * length));
      if (kind === "duplicated") expect(injection.offsetBytes % 4096).toBe(0);
      if (kind === "duplicated") expect(injection.lengthBytes).toBeLessThan(length);
    }
  }
});

test("foreign bytes differ from the good ones in every byte, a flip in exactly one bit", () => {
  const chunk = new Uint8Array(65536).map((_, index) => index & 0xff);
  for (let seed = 0; seed < 50; seed++) {
    const foreign = planInjection("foreign", seed, 0, [chunk.length]);
    const damaged = chunk.slice();
    damageBuffer(foreign, damaged, seed, () => {});
    const changed = Array.from(damaged.keys()).filter((index) => damaged[index] !== chunk[index]);
    expect(changed.length).toBe(foreign.lengthBytes);
    expect(changed[0]).toBe(foreign.offsetBytes);
    const flip = planInjection("bit-flipped", seed, 0, [chunk.length]);
    const flipped = chunk.slice();
    damageBuffer(flip, flipped, seed, () => {});
    const difference = (flipped[flip.offsetBytes] as number) ^ (chunk[flip.offsetBytes] as number);
    expect([1, 2, 4, 8, 16, 32, 64, 128]).toContain(difference);
  }
});

test("random numbers stay in their bounds and reach both ends", () => {
  const random = new Random(1, "bounds");
  const seen = new Set<number>();
  for (let i = 0; i < 2000; i++) seen.add(random.between(3, 9));
  expect([...seen].sort()).toEqual([3, 4, 5, 6, 7, 8, 9]);
  for (let i = 0; i < 1000; i++) expect(random.below(2 ** 50)).toBeLessThan(2 ** 50);
  expect(() => random.below(0)).toThrow(RangeError);
  expect(new Random(5, "a").uint32()).not.toBe(new Random(5, "b").uint32());
});
