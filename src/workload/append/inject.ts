/**
 * Faults of our own in the writing path, so that anyone can see the whole chain go red on a healthy kernel.
 *
 * Owns where the damage goes (decided by the seed) and what the judge must answer: kind, offset, length and origin,
 * exactly. The writer applies it; nothing here writes. `duplicated` is our copy of the kernel's bug as report 1 shows
 * it: the first part of a chunk reaches the file up to a page boundary, then the whole chunk is appended again.
 */
import { Random } from "../random.ts";

export const INJECTIONS = ["duplicated", "lost", "zeroed", "bit-flipped", "foreign", "stale", "truncated"] as const;
export type InjectionKind = (typeof INJECTIONS)[number];

export interface Injection {
  readonly kind: InjectionKind;
  readonly fileIndex: number;
  readonly chunkIndex: number;
  /** Where the damage begins in the file, and how long it is. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** What a finding of this damage has as its origin, if anything. */
  readonly originBytes?: number;
  /** Damage in the buffer: byte offset inside the chunk. */
  readonly inChunkBytes: number;
}

const PAGE = 4096;

interface InjectionPlace {
  readonly random: Random;
  /** File offset of the chunk's first byte, and its length. */
  readonly start: number;
  readonly length: number;
  readonly totalBytes: number;
}

/** Plans the one injection of a run for file `fileIndex`, whose chunks are given. */
export function planInjection(
  kind: InjectionKind,
  seed: number,
  fileIndex: number,
  chunks: readonly number[],
): Injection {
  const random = new Random(seed, `inject ${kind}`);
  // Any chunk but the first and the last of several, so that both sides of the damage are there to be judged.
  const chunkIndex = chunks.length > 2 ? random.between(1, chunks.length - 2) : 0;
  const start = chunks.slice(0, chunkIndex).reduce((sum, length) => sum + length, 0);
  const totalBytes = chunks.reduce((sum, length) => sum + length, 0);
  const place = { random, start, length: chunks[chunkIndex] as number, totalBytes };
  return { kind, fileIndex, chunkIndex, ...PLACES[kind](place) };
}

type AppendDamage = Pick<Injection, "offsetBytes" | "lengthBytes" | "originBytes" | "inChunkBytes">;

/** Some whole page inside the chunk; small chunks fall back to their first word. */
function page({ random, start, length }: InjectionPlace): AppendDamage {
  const first = Math.ceil(start / PAGE) * PAGE;
  const pages = Math.floor((start + length - first) / PAGE);
  if (pages < 1) return { offsetBytes: start, lengthBytes: 8, inChunkBytes: 0 };
  const offsetBytes = first + random.below(pages) * PAGE;
  return { offsetBytes, lengthBytes: PAGE, inChunkBytes: offsetBytes - start };
}

const PLACES: Record<InjectionKind, (place: InjectionPlace) => AppendDamage> = {
  duplicated: ({ random, start, length }) => {
    // The copy ends at a page boundary of the file, as the kernel's does: it stops between two pages.
    const first = Math.floor(start / PAGE) + 1;
    const last = Math.floor((start + length - 8) / PAGE);
    const offsetBytes = last < first ? start + 8 : random.between(first, last) * PAGE;
    return { offsetBytes, lengthBytes: offsetBytes - start, originBytes: start, inChunkBytes: 0 };
  },
  lost: ({ start, length }) => ({ offsetBytes: start, lengthBytes: length, originBytes: start, inChunkBytes: 0 }),
  zeroed: page,
  stale: page,
  foreign: ({ random, start, length }) => {
    // 172 bytes at any byte phase: report 2's damage.
    const lengthBytes = Math.min(172, length - 8);
    const inChunkBytes = random.below(length - lengthBytes);
    return { offsetBytes: start + inChunkBytes, lengthBytes, inChunkBytes };
  },
  "bit-flipped": ({ random, start, length }) => {
    const inChunkBytes = random.below(length);
    return { offsetBytes: start + inChunkBytes, lengthBytes: 1, inChunkBytes };
  },
  truncated: ({ random, totalBytes }) => {
    const lengthBytes = random.between(1, Math.min(PAGE, totalBytes - 8));
    return { offsetBytes: totalBytes - lengthBytes, lengthBytes, inChunkBytes: 0 };
  },
};

/**
 * Damages the chunk in the buffer (`zeroed`, `bit-flipped`, `foreign`, `stale`); the other kinds are the writer's.
 * `fillStale` writes the bytes of an earlier file at the given file offset.
 */
export function damageBuffer(
  injection: Injection,
  chunk: Uint8Array,
  seed: number,
  fillStale: (block: Uint8Array, offsetBytes: number) => void,
): void {
  const bytes = chunk.subarray(injection.inChunkBytes, injection.inChunkBytes + injection.lengthBytes);
  const random = new Random(seed, "inject bytes");
  if (injection.kind === "zeroed") bytes.fill(0);
  if (injection.kind === "stale") fillStale(bytes, injection.offsetBytes);
  if (injection.kind === "bit-flipped") bytes[0] = (bytes[0] as number) ^ (1 << random.below(8));
  if (injection.kind === "foreign") {
    // Every byte differs from the good one, so that the damaged range is exactly the one that was planned.
    for (let i = 0; i < bytes.length; i++) bytes[i] = ((bytes[i] as number) + random.between(1, 255)) & 0xff;
  }
}
