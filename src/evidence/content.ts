/**
 * What a buffer held, in as few words as say it exactly: one byte repeated, words that count up, or the bytes themselves.
 *
 * Owns the description of contents, so that a recorded write can be printed and written again by another program.
 * Refuses to keep more than 1 KiB: longer contents of no known shape are only distinguished (by a hash).
 */

export type Content =
  | { readonly shape: "fill"; readonly byte: number; readonly lengthBytes: number }
  /** Little-endian 64-bit words: the first is `first`, each next one is greater by one; a last part of a word may follow. */
  | { readonly shape: "words"; readonly first: bigint; readonly lengthBytes: number }
  | { readonly shape: "bytes"; readonly hex: string; readonly lengthBytes: number }
  | { readonly shape: "other"; readonly hash: string; readonly lengthBytes: number };

const KEPT_BYTES_MAX = 1024;
const WORD_BYTES = 8;

export function contentOf(bytes: Uint8Array): Content {
  const lengthBytes = bytes.length;
  const byte = bytes[0] ?? 0;
  if (isFilled(bytes, byte)) return { shape: "fill", byte, lengthBytes };
  const first = firstWord(bytes);
  if (first !== undefined) return { shape: "words", first, lengthBytes };
  if (lengthBytes <= KEPT_BYTES_MAX) return { shape: "bytes", hex: Buffer.from(bytes).toString("hex"), lengthBytes };
  return { shape: "other", hash: Bun.hash(bytes).toString(16), lengthBytes };
}

function isFilled(bytes: Uint8Array, byte: number): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== byte) return false;
  return true;
}

/** The first word when all words count up by one; undefined when they do not, or when there are fewer than two. */
function firstWord(bytes: Uint8Array): bigint | undefined {
  const count = Math.floor(bytes.length / WORD_BYTES);
  if (count < 2) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = view.getBigUint64(0, true);
  // Two halves of a word at a time: a BigInt for each word of some MiB takes longer than the call that is recorded.
  let low = view.getUint32(0, true);
  let high = view.getUint32(4, true);
  for (let at = 0; at < count * WORD_BYTES; at += WORD_BYTES) {
    if (view.getUint32(at, true) !== low || view.getUint32(at + 4, true) !== high) return undefined;
    low = (low + 1) >>> 0;
    if (low === 0) high = (high + 1) >>> 0;
  }
  const rest = new Uint8Array(WORD_BYTES);
  new DataView(rest.buffer).setBigUint64(0, BigInt.asUintN(64, first + BigInt(count)), true);
  for (let at = count * WORD_BYTES; at < bytes.length; at++) {
    if (bytes[at] !== rest[at - count * WORD_BYTES]) return undefined;
  }
  return first;
}

export function sameContent(a: Content, b: Content): boolean {
  if (a.shape !== b.shape || a.lengthBytes !== b.lengthBytes) return false;
  if (a.shape === "fill" && b.shape === "fill") return a.byte === b.byte;
  if (a.shape === "words" && b.shape === "words") return a.first === b.first;
  if (a.shape === "bytes" && b.shape === "bytes") return a.hex === b.hex;
  return a.shape === "other" && b.shape === "other" && a.hash === b.hash;
}

/** True when the content holds these bytes somewhere. */
export function contentHolds(content: Content, hex: string): boolean {
  const bytes = Buffer.from(hex, "hex");
  if (content.lengthBytes < bytes.length) return false;
  if (content.shape === "fill") return bytes.every((byte) => byte === content.byte);
  if (content.shape === "bytes") return Buffer.from(content.hex, "hex").includes(bytes);
  if (content.shape === "other") return false;
  for (let shift = 0; shift < WORD_BYTES; shift++) {
    const first = wordAround(bytes, shift);
    if (first === undefined) continue;
    const index = BigInt.asUintN(64, first - content.first);
    if (index * 8n + BigInt(shift + bytes.length) > BigInt(content.lengthBytes)) continue;
    const made = Buffer.alloc(Math.ceil((shift + bytes.length) / WORD_BYTES) * WORD_BYTES);
    for (let at = 0; at < made.length; at += WORD_BYTES)
      made.writeBigUInt64LE(BigInt.asUintN(64, first + BigInt(at / WORD_BYTES)), at);
    if (made.subarray(shift, shift + bytes.length).equals(bytes)) return true;
  }
  return false;
}

/** The counter word that `bytes` would begin in, `shift` bytes after its start; undefined when too few bytes say so. */
function wordAround(bytes: Buffer, shift: number): bigint | undefined {
  if (shift === 0) return bytes.length >= WORD_BYTES ? bytes.readBigUInt64LE(0) : undefined;
  const next = WORD_BYTES - shift;
  return bytes.length >= next + WORD_BYTES ? BigInt.asUintN(64, bytes.readBigUInt64LE(next) - 1n) : undefined;
}
