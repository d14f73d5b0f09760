/**
 * A block of fio without a sound header whose payload still shows what it is.
 *
 * Owns finding the payload's seed, or its checksum, and from that which bytes of the block are wrong. Refuses payload that
 * is of another place in its write, or shifted: of that the header alone is proof.
 */
import type { U64 } from "../../pattern/u64.ts";
import { constantOf, type Damage, differences } from "./damage.ts";
import { BEGINNING_BYTES, type FioLayout } from "./layout.ts";
import { fillPayload, seedOfBlock, seedOfShifted } from "./payload.ts";

const SECTOR_BYTES = 512;
/** Of a header, behind which its time begins: what is before can be known without it. */
const KNOWN_BYTES = 24;
const SEED_AT = 8;
const OFFSET_AT = 16;

type ChecksumOf = (name: string, payload: Uint8Array) => Uint8Array | undefined;

/** The block's wrong pieces; undefined when its payload does not show them. */
export function byPayload(
  block: Uint8Array,
  at: number,
  { layout, checksum }: { readonly layout: FioLayout; readonly checksum: ChecksumOf },
): Damage[] | undefined {
  const { blockBytes, headBytes, payload, template } = layout;
  if (block.length !== blockBytes) return undefined;
  if (payload === "unknown") {
    const head = damagedHead(block, at, { layout, checksum: checksum(layout.checksum, block.subarray(headBytes)) });
    // A short checksum is right by chance too often.
    const isSumRight = layout.checksumBytes >= 4 && head !== undefined && head.to <= headBytes - layout.checksumBytes;
    return isSumRight ? [head] : undefined;
  }
  const expected = new Uint8Array(new ArrayBuffer(Math.max(2048, blockBytes))).subarray(0, blockBytes);
  let seed: U64 | undefined;
  if (payload === "constant") {
    // Where nothing of it is there, another block may be.
    if (template === undefined || !sharesASector(block, template, headBytes)) return undefined;
    expected.set(template);
  } else {
    const inWrite = Math.floor((at + layout.baseBytes) / blockBytes) % layout.blocksOfWrite;
    const fromWord = (inWrite * blockBytes) / 8;
    seed = layout.blocksOfWriteMax === layout.blocksOfWrite ? seedOfBlock(block, fromWord) : undefined;
    if (seed === undefined || isShifted(seed, layout)) return undefined;
    fillPayload(expected, { seed, fromWord });
  }
  const sum = checksum(layout.checksum, expected.subarray(headBytes));
  const head = damagedHead(block, at, { layout, checksum: sum, ...(seed && { seed }) });
  const heads = head === undefined ? [] : [head];
  const place = seed === undefined ? undefined : layout.order.placeOf(seed);
  if (seed !== undefined && place !== undefined && layout.blocksOfWrite === 1 && place !== at)
    return [...heads, { kind: "stale", from: headBytes, to: blockBytes, seed }];
  return [...heads, ...differences(block, expected, headBytes)];
}

/** From the first byte of the header that is wrong to the last of the checksum; between them the time cannot be known. */
function damagedHead(
  block: Uint8Array,
  at: number,
  {
    layout,
    seed,
    checksum,
  }: { readonly layout: FioLayout; readonly seed?: U64; readonly checksum?: Uint8Array | undefined },
): Damage | undefined {
  const { headBytes, checksumBytes, beginning, baseBytes } = layout;
  const checksumAt = headBytes - checksumBytes;
  const known = new Uint8Array(headBytes);
  known.set(block.subarray(0, headBytes));
  known.set(beginning.subarray(0, BEGINNING_BYTES));
  const view = new DataView(known.buffer);
  if (seed !== undefined) {
    view.setUint32(SEED_AT, seed.lo, true);
    view.setUint32(SEED_AT + 4, seed.hi, true);
  }
  view.setBigUint64(OFFSET_AT, BigInt(at + baseBytes), true);
  if (checksum !== undefined) known.set(checksum.subarray(0, checksumBytes), checksumAt);
  // Of a file that was cut, the header's beginning.
  if (block.length < KNOWN_BYTES && Buffer.compare(block, known.subarray(0, block.length)) === 0) return undefined;
  let from = 0;
  while (from < KNOWN_BYTES && block[from] === known[from]) from += 1;
  let to = headBytes;
  while (to > checksumAt && block[to - 1] === known[to - 1]) to -= 1;
  if (constantOf(block, from, to) !== undefined) return constantOf(block, from, to);
  return { kind: "foreign", from, to, inHeader: true };
}

/** Data that is not where its block begins shows another seed, that of a block some sectors away. */
function isShifted(seed: U64, { order, blockBytes }: FioLayout): boolean {
  for (let bytes = SECTOR_BYTES; bytes < blockBytes; bytes += SECTOR_BYTES) {
    if (order.placeOf(seedOfShifted(seed, bytes)) !== undefined) return true;
    if (order.placeOf(seedOfShifted(seed, -bytes)) !== undefined) return true;
  }
  return false;
}

function sharesASector(block: Uint8Array, template: Uint8Array, headBytes: number): boolean {
  const sector = (bytes: Uint8Array, from: number) =>
    bytes.subarray(from === 0 ? headBytes : from, Math.min(bytes.length, from + SECTOR_BYTES));
  for (let from = 0; from < block.length; from += SECTOR_BYTES)
    if (Buffer.compare(sector(block, from), sector(template, from)) === 0) return true;
  return false;
}

/** True for the last bytes of a file that was cut, in a header that is right as far as it can be known. */
export function isCutHeader(block: Uint8Array, at: number, layout: FioLayout): boolean {
  return block.length < layout.headBytes && damagedHead(block, at, { layout }) === undefined;
}

/** True for what begins as every header does. */
export function beginsLikeOne(block: Uint8Array, { beginning }: FioLayout): boolean {
  return Buffer.compare(block.subarray(0, beginning.length), beginning) === 0;
}
