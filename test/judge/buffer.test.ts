/** Bytes as users have them: a Buffer, whose slice() is a view, and a block that is used again for the next bytes. */
import { expect, test } from "bun:test";
import { Judge, judgeBytes } from "../../src/judge/judge.ts";
import { counter } from "../../src/pattern/counter.ts";

const LENGTH = 65549;

function good(generation = 0): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  counter({ generation }).fill(bytes, 0);
  return bytes;
}

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

test("a Buffer is judged as its bytes are, is not written to, and may be used again", () => {
  const stale = good(7);
  const reversed = good().subarray(4096 + 16);
  for (let at = 0; at < 4096; at += 8) reversed.subarray(at, at + 8).reverse();
  for (const bytes of [join(good().subarray(0, 5000), stale.subarray(5000, 9000), good().subarray(9000)), reversed]) {
    const wanted = judgeBytes(bytes, { pattern: counter(), expectBytes: LENGTH });
    const buffer = Buffer.from(bytes);
    expect(judgeBytes(buffer, { pattern: counter(), expectBytes: LENGTH })).toEqual(wanted);
    expect(Buffer.compare(buffer, bytes)).toBe(0);
    const judge = new Judge({ pattern: counter(), expectBytes: LENGTH });
    for (let at = 0; at < bytes.length; at += 4999) {
      const block = buffer.subarray(0, Math.min(4999, bytes.length - at));
      block.set(bytes.subarray(at, at + block.length));
      judge.push(block);
      block.fill(0x55);
    }
    expect(judge.finish()).toEqual(wanted);
  }
});
