/** Bytes without a pattern, the same in every run: what happens to fit their neighbours once fits them always, or never. */
import { Random } from "../src/workload/random.ts";

export function noise(lengthBytes: number, label = "noise"): Uint8Array<ArrayBuffer> {
  const random = new Random(1, label);
  return Uint8Array.from({ length: lengthBytes }, () => random.uint32() >>> 24);
}
