/**
 * Comparing with bytes that a pattern makes on the side, for patterns whose words no compiled loop knows.
 *
 * Owns one scratch block and repeating a short cycle of bytes. Refuses to know any pattern.
 */

/** Half of a first-level cache away from the block that is compared: the made bytes never leave the cache. */
const SCRATCH_BYTES = 16384;

let scratch: Uint8Array | undefined;

/** Index of the first byte of the block that `fill` would have made otherwise, or -1. */
export function mismatchByFilling(
  block: Uint8Array,
  streamOffsetBytes: number,
  fill: (expected: Uint8Array, streamOffsetBytes: number) => void,
): number {
  scratch ??= new Uint8Array(new ArrayBuffer(SCRATCH_BYTES));
  for (let done = 0; done < block.length; done += SCRATCH_BYTES) {
    const length = Math.min(SCRATCH_BYTES, block.length - done);
    const expected = length === SCRATCH_BYTES ? scratch : scratch.subarray(0, length);
    fill(expected, streamOffsetBytes + done);
    const bad = firstDifference(block.subarray(done, done + length), expected);
    if (bad >= 0) return done + bad;
  }
  return -1;
}

const STEPS = [1024, 64, 1];

/** Index of the first byte in which two blocks of one length differ, or -1. */
export function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  if (Buffer.compare(found, expected) === 0) return -1;
  let at = 0;
  for (const step of STEPS) {
    while (Buffer.compare(found.subarray(at, at + step), expected.subarray(at, at + step)) === 0) at += step;
  }
  return at;
}

/** Writes a cycle of bytes over the block; block[0] is at `streamOffsetBytes` of the endless cycle. */
export function fillRepeated(block: Uint8Array, cycle: Uint8Array, streamOffsetBytes: number): void {
  const period = cycle.length;
  const head = Math.min(period, block.length);
  for (let i = 0; i < head; i += 1) block[i] = cycle[(streamOffsetBytes + i) % period] as number;
  for (let done = head; done < block.length; done *= 2) block.copyWithin(done, 0, Math.min(done, block.length - done));
}
