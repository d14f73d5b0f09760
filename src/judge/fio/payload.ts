/**
 * What fio fills a block with: four interleaved chains of 64-bit words, each word the one before it times a constant
 * (__fill_random_buf of fio's lib/rand.c with CONFIG_SEED_BUCKETS 4, its default). The seed is in the block's header, so
 * every byte can be made again, and a few words in a row prove which seed they come from and where in the block they were.
 *
 * Owns making the words and turning them back. Refuses fill options (compression, deduplication): layout.ts sees those.
 */
import { multiply, readWord, type U64 } from "../../pattern/u64.ts";
import { NATIVE_BYTES_MIN, nativeLoops } from "../../sys/loops.ts";

const GOLDEN: U64 = { lo: 0x80b583eb, hi: 0x61c88646 };
const GOLDEN_INVERSE: U64 = inverse(GOLDEN);
const CHAINS = 4;
const PRIMES = [1, 2, 3, 5];
const ONE: U64 = { lo: 1, hi: 0 };

/** Modulo 2^64, by Newton's iteration: each turn doubles the bits that are right. */
function inverse(odd: U64): U64 {
  let x = odd;
  for (let i = 0; i < 6; i += 1) {
    const product = multiply(odd, x);
    // 2 - product
    const lo = 2 - product.lo;
    x = multiply(x, { lo: lo >>> 0, hi: (0 - product.hi - Number(lo < 0)) >>> 0 });
  }
  return x;
}

function power(base: U64, exponent: number): U64 {
  let result = ONE;
  let square = base;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** Writes the words from word `fromWord` of a seed's payload on; the block's length is a multiple of 32. */
export function fillPayload(block: Uint8Array, { seed, fromWord }: { seed: U64; fromWord: number }): void {
  const first = power(GOLDEN, Math.floor(fromWord / CHAINS));
  const starts = PRIMES.map((prime) => multiply(multiply(seed, { lo: prime, hi: 0 }), first));
  fioWords(block, starts, GOLDEN);
}

/** True when the word at the index is followed in its chain, 32 bytes on. */
export function isChained(block: Uint8Array, index: number): boolean {
  if (index + 40 > block.length) return false;
  const next = multiply(readWord(block, index), GOLDEN);
  const found = readWord(block, index + CHAINS * 8);
  return next.lo === found.lo && next.hi === found.hi && (next.lo !== 0 || next.hi !== 0);
}

/** The seed whose payload has this word as its word number `word`; undefined when no whole seed fits (word 1: odd words). */
function seedOf(value: U64, word: number): U64 | undefined {
  const prime = PRIMES[word % CHAINS] as number;
  const start = multiply(value, power(GOLDEN_INVERSE, Math.floor(word / CHAINS)));
  // Twice the seed loses its highest bit: the callers ask the neighbouring chains.
  if (prime === 2) return undefined;
  return multiply(start, inverse({ lo: prime, hi: 0 }));
}

/**
 * Which seed the bytes at the index come from, when several chains agree that they are word `word` of its payload; other
 * word numbers are other seeds, so callers ask for the places that are possible.
 */
export function seedAt(block: Uint8Array, index: number, word: number): U64 | undefined {
  let agreed: U64 | undefined;
  for (let i = 0; i < CHAINS; i += 1) {
    const seed = seedOf(readWord(block, index + i * 8), word + i);
    if (seed === undefined) continue;
    if (agreed !== undefined && (agreed.lo !== seed.lo || agreed.hi !== seed.hi)) return undefined;
    agreed = seed;
  }
  return agreed;
}

const SAMPLES = 8;
/** Behind the longest header; a multiple of the chains. */
const FIRST_SAMPLE_WORD = 24;

/** Words of a block with payload, spread over it, each the first of four chains; none in a block too short for them. */
function sampleWords(blockBytes: number): number[] {
  const most = blockBytes / 8 - 2 * CHAINS - FIRST_SAMPLE_WORD;
  if (most < 0) return [];
  const all = Array.from({ length: SAMPLES }, (_, i) => Math.floor((most * i) / (SAMPLES - 1) / CHAINS) * CHAINS);
  return [...new Set(all)].map((word) => word + FIRST_SAMPLE_WORD);
}

/**
 * Which block of its write holds this payload, of at most so many: with several block sizes fio puts a header into each
 * piece of the smallest, and only the payload shows which piece it is.
 */
export function blockOfWrite(block: Uint8Array, seed: U64, most: number): number {
  const chain = power(GOLDEN, block.length / 8 / CHAINS);
  const words = sampleWords(block.length).map((word) => ({
    found: readWord(block, word * 8),
    expected: multiply(seed, power(GOLDEN, word / CHAINS)),
  }));
  let best = { count: 0, number: 0 };
  for (let number = 0; number < most; number += 1) {
    const count = words.filter(({ found, expected }) => found.lo === expected.lo && found.hi === expected.hi).length;
    if (count > best.count) best = { count, number };
    for (const word of words) word.expected = multiply(word.expected, chain);
  }
  return best.number;
}

/** The seed that a block's payload shows in two places or more; `fromWord`: where in its write the block begins. */
export function seedOfBlock(block: Uint8Array, fromWord: number): U64 | undefined {
  const votes = new Map<string, { seed: U64; count: number }>();
  const words = sampleWords(block.length);
  for (const word of words) {
    const seed = isChained(block, word * 8) ? seedAt(block, word * 8, fromWord + word) : undefined;
    if (seed === undefined) continue;
    const key = `${seed.hi} ${seed.lo}`;
    votes.set(key, { seed, count: (votes.get(key)?.count ?? 0) + 1 });
  }
  const best = [...votes.values()].sort((a, b) => b.count - a.count)[0];
  return best !== undefined && best.count > 1 ? best.seed : undefined;
}

/** True when every word of the range follows the one 32 bytes before it: payload of one write. */
export function isOneChain(block: Uint8Array, from: number, to: number): boolean {
  if (to - from < 2 * CHAINS * 8) return false;
  for (let at = from; at + CHAINS * 8 + 8 <= to; at += 8) if (!isChained(block, at)) return false;
  return true;
}

/** The seed of data that is so many bytes further on than it seems, a multiple of 32: what seems to be `seed` is its. */
export function seedOfShifted(seed: U64, bytes: number): U64 {
  return multiply(seed, power(bytes < 0 ? GOLDEN_INVERSE : GOLDEN, Math.abs(bytes) / (CHAINS * 8)));
}

/** Word i of the block is starts[i % 4] times factor^(i / 4), modulo 2^64, little-endian. */
function fioWords(block: Uint8Array, starts: readonly U64[], factor: U64): void {
  const words = block.length >>> 3;
  const native = block.length >= NATIVE_BYTES_MIN ? nativeLoops() : undefined;
  for (let chain = 0; chain < 4; chain += 1) {
    const { lo, hi } = starts[chain] as U64;
    if (native !== undefined) {
      native.geometric(block, chain * 8, (words - chain + 3) >>> 2, lo, hi, factor.lo, factor.hi);
      continue;
    }
    let value: U64 = { lo, hi };
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    for (let at = chain * 8; at + 8 <= block.length; at += 32) {
      view.setUint32(at, value.lo, true);
      view.setUint32(at + 4, value.hi, true);
      value = multiply(value, factor);
    }
  }
}
