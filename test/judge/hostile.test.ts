/** Input made to hurt the judge: time stays linear, findings and memory bounded, the map whole. */
import { describe, expect, test } from "bun:test";
import { Judge, judgeBytes } from "../../src/judge/judge.ts";
import { constant } from "../../src/pattern/constant.ts";
import { counter } from "../../src/pattern/counter.ts";
import { lines } from "../../src/pattern/lines.ts";
import { reference } from "../../src/pattern/reference.ts";
import { tagged } from "../../src/pattern/tagged.ts";
import { zero } from "../../src/pattern/zero.ts";
import { Dice } from "./cases.ts";
import { spell } from "./proof.ts";

function stream(length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  counter().fill(bytes, 0);
  return bytes;
}

describe("hostile input", () => {
  const noise = (length: number) => {
    const words = new Uint32Array(length / 4);
    let state = 12345;
    for (let i = 0; i < words.length; i += 1) {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
      words[i] = state;
    }
    return new Uint8Array(words.buffer);
  };
  /** Valid words of far-away places, sixteen bytes each, so that nothing proves itself for long. */
  const nearPatterns = (length: number) => {
    const bytes = new Uint8Array(length);
    const dice = new Dice(3);
    for (let at = 0; at < length; at += 40) counter().fill(bytes.subarray(at, at + 40), dice.below(2 ** 31));
    return bytes;
  };
  const blinking = (length: number) => {
    const bytes = stream(length);
    for (let at = 0; at < length; at += 16) bytes[at] = (bytes[at] as number) ^ 0xff;
    return bytes;
  };
  const makers: [string, (length: number) => Uint8Array][] = [
    ["random bytes", noise],
    ["all zeros", (length) => new Uint8Array(length)],
    ["all ones", (length) => new Uint8Array(length).fill(255)],
    ["valid words from far away", nearPatterns],
    ["every other word wrong", blinking],
    ["a sector of zeros, a byte of noise", (length) => new Uint8Array(length).map((_, i) => (i % 513 === 0 ? 7 : 0))],
  ];
  test.each(makers)("%s: linear time, capped findings, a map that covers all", (_name, make) => {
    const timed = (length: number) => {
      const bytes = make(length);
      const cpu = process.cpuUsage().user;
      const judgement = judgeBytes(bytes, { pattern: counter(), expectBytes: length });
      return { judgement, seconds: (process.cpuUsage().user - cpu) / 1e6 };
    };
    timed(1 << 18);
    const small = timed(1 << 20);
    const large = timed(4 << 20);
    // Four times the bytes; the slack is for a busy machine, quadratic time would show as sixteen.
    expect(large.seconds).toBeLessThan(small.seconds * 10 + 0.5);
    const { findings, findingsLeftOut, segments } = large.judgement;
    expect(findings.length).toBeLessThanOrEqual(256);
    expect(findings.length + findingsLeftOut).toBeGreaterThan(0);
    expect(segments.length).toBeLessThanOrEqual(4096);
    expect(segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(4 << 20);
  });

  test("a quarter of a gigabyte of garbage leaves no memory behind", () => {
    const judge = new Judge({ pattern: counter(), expectBytes: 2 ** 28 });
    const block = noise(1 << 20);
    judge.push(block);
    const before = process.memoryUsage().rss;
    for (let i = 1; i < 256; i += 1) judge.push(block);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    expect(judge.finish().findings.map(spell)).toEqual(["foreign@0+268435456"]);
  }, 60_000);

  test("zeros that were never read are judged as zeros that were", () => {
    const patterns = [
      ...[counter(), counter({ generation: 2 }), zero(), tagged(), constant([0xaa]), constant([0, 1]), lines()],
      reference({ lengthBytes: 3_075_001, read: (block, at) => counter({ generation: 3 }).fill(block, at) }),
    ];
    for (const pattern of patterns) {
      const parts = [5000, 3_000_001, 70_000];
      const bytes = new Uint8Array(3_075_001);
      pattern.fill(bytes.subarray(0, 5000), 0);
      pattern.fill(bytes.subarray(3_005_001), 3_005_001);
      const judge = new Judge({ pattern, expectBytes: bytes.length });
      judge.push(bytes.subarray(0, parts[0]));
      judge.pushZeros(parts[1] as number);
      judge.push(bytes.subarray(3_005_001));
      expect(judge.finish()).toEqual(judgeBytes(bytes, { pattern, expectBytes: bytes.length }));
    }
  });

  test("a tebibyte of zeros that were never read costs nothing, whatever should be there", () => {
    const read = (block: Uint8Array, at: number) => counter().fill(block, at);
    for (const pattern of [counter(), zero(), constant([0xaa]), lines(), reference({ lengthBytes: 5000, read })]) {
      const lengthBytes = pattern.name === "reference" ? 5000 : 2 ** 40;
      const judge = new Judge({ pattern, expectBytes: lengthBytes });
      judge.pushZeros(2 ** 40);
      const { findings, verifiedBytes } = judge.finish();
      expect(verifiedBytes).toBe(2 ** 40);
      expect(findings.length > 0).toBe(pattern.name !== "zero");
    }
  }, 60_000);
});
