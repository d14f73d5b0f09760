/**
 * What a buffer held, in as few words as describe it exactly: one byte repeated, words that count up, or the bytes themselves.
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
  const scan = new ContentScan();
  scan.add(bytes);
  return scan.content();
}

/**
 * The description of bytes that come in pieces: what a call was given may be larger than the memory that a run under a
 * limit has to spare. Every piece but the last is a whole number of words.
 */
export class ContentScan {
  #lengthBytes = 0;
  #first: Uint8Array = new Uint8Array();
  #hash = 0n;
  #filled = true;
  #counts = true;
  /** The word that is due next, as two halves: a BigInt for each word of some MiB takes longer than the call itself. */
  #low = 0;
  #high = 0;

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#lengthBytes === 0) {
      this.#first = bytes.slice(0, KEPT_BYTES_MAX);
      const word = new DataView(this.#padded().buffer);
      this.#low = word.getUint32(0, true);
      this.#high = word.getUint32(4, true);
    }
    this.#filled = this.#filled && isFilled(bytes, this.#first[0] as number);
    this.#counts = this.#counts && this.#count(bytes);
    this.#hash = BigInt(Bun.hash(bytes, this.#hash));
    this.#lengthBytes += bytes.length;
  }

  content(): Content {
    const lengthBytes = this.#lengthBytes;
    if (this.#filled) return { shape: "fill", byte: this.#first[0] ?? 0, lengthBytes };
    if (this.#counts && lengthBytes >= 2 * WORD_BYTES) {
      const first = new DataView(this.#padded().buffer).getBigUint64(0, true);
      return { shape: "words", first, lengthBytes };
    }
    if (lengthBytes <= KEPT_BYTES_MAX)
      return { shape: "bytes", hex: Buffer.from(this.#first).toString("hex"), lengthBytes };
    return { shape: "other", hash: this.#hash.toString(16), lengthBytes };
  }

  /** The first word, completed by zeros where there are fewer bytes. */
  #padded(): Uint8Array {
    const word = new Uint8Array(WORD_BYTES);
    word.set(this.#first.subarray(0, WORD_BYTES));
    return word;
  }

  /** True when these are the words that are due; the last may be a part. */
  #count(bytes: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const whole = bytes.length - (bytes.length % WORD_BYTES);
    let low = this.#low;
    let high = this.#high;
    for (let at = 0; at < whole; at += WORD_BYTES) {
      if (view.getUint32(at, true) !== low || view.getUint32(at + 4, true) !== high) return false;
      low = (low + 1) >>> 0;
      if (low === 0) high = (high + 1) >>> 0;
    }
    this.#low = low;
    this.#high = high;
    const rest = new DataView(new ArrayBuffer(WORD_BYTES));
    rest.setUint32(0, low, true);
    rest.setUint32(4, high, true);
    for (let at = whole; at < bytes.length; at++) if (bytes[at] !== rest.getUint8(at - whole)) return false;
    return true;
  }
}

function isFilled(bytes: Uint8Array, byte: number): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== byte) return false;
  return true;
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

/** The counter word that `bytes` would begin in, `shift` bytes after its start; undefined when too few bytes prove it. */
function wordAround(bytes: Buffer, shift: number): bigint | undefined {
  if (shift === 0) return bytes.length >= WORD_BYTES ? bytes.readBigUInt64LE(0) : undefined;
  const next = WORD_BYTES - shift;
  return bytes.length >= next + WORD_BYTES ? BigInt.asUintN(64, bytes.readBigUInt64LE(next) - 1n) : undefined;
}
