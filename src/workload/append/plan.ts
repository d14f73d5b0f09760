/**
 * What will be written: the chunks of every file, from the seed alone. Pure.
 *
 * As in the report: chunks of random length, multiples of 8 bytes that are deliberately not page-aligned, until the
 * file has reached its target; the last chunk may pass it.
 */
import { Random } from "../random.ts";

export interface Plan {
  readonly seed: number;
  readonly fileBytes: number;
  readonly chunkBytes: { readonly min: number; readonly max: number };
}

/** The chunk lengths of file `index`, in order. */
export function chunksOfFile(plan: Plan, index: number): number[] {
  const random = new Random(plan.seed, `file ${index}`);
  const chunks: number[] = [];
  for (let total = 0; total < plan.fileBytes; ) {
    const length = chunkLength(random, plan.chunkBytes);
    chunks.push(length);
    total += length;
  }
  return chunks;
}

function chunkLength(random: Random, range: Plan["chunkBytes"]): number {
  const length = Math.max(8, random.between(range.min, range.max) & ~7);
  if (length % 4096 !== 0) return length;
  return length - 8 >= range.min ? length - 8 : length + 8;
}

/** The longest chunk a plan can hold, which is what the buffer must hold. */
export function chunkBytesMax(plan: Pick<Plan, "chunkBytes">): number {
  return plan.chunkBytes.max + 8;
}
