/**
 * The zero pattern: report 2's quick test (feed /dev/zero, look for anything else).
 *
 * Owns nothing but the rule "every byte is 0". Zeros record nothing about where they belong, so neither a lost nor a
 * duplicated range can be seen; only foreign bytes and the length can be judged.
 */
import type { Pattern } from "./pattern.ts";
import { U64_ZERO } from "./u64.ts";
import { firstWordMismatch } from "./words.ts";

class Zero implements Pattern {
  readonly name = "zero";
  readonly label = "zeros";
  readonly wordBytes = 8;
  /** Foreign data is full of zeros; only a longer run of them ends a damaged range. */
  readonly resumeBytes = 64;
  readonly proofBytes = 0;
  readonly reachBytes = 0;
  readonly holdsZeros = true;
  readonly periodBytes = 1;

  fill(block: Uint8Array): void {
    block.fill(0);
  }

  firstMismatch(block: Uint8Array): number {
    const head = Math.min(block.length, (8 - (block.byteOffset % 8)) % 8);
    const words = (block.length - head) >>> 3;
    const inHead = firstNonZero(block, 0, head);
    if (inHead >= 0) return inHead;
    const word = firstWordMismatch(block, { atIndex: head, words, start: U64_ZERO, step: U64_ZERO });
    const from = head + (word >= 0 ? word : words) * 8;
    return firstNonZero(block, from, Math.min(block.length, from + 8));
  }

  locate(): undefined {
    return undefined;
  }
}

function firstNonZero(block: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i += 1) if (block[i] !== 0) return i;
  return -1;
}

/** Zeros: what a hole, a discarded range or a file made longer must be. */
export function zero(): Pattern {
  return new Zero();
}
