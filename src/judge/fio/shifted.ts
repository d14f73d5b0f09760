/**
 * Data of fio that is not at a block's beginning: blocks that were pushed aside, by any number of bytes.
 *
 * Owns finding a sound header inside a block, and proving with the payload which bytes are whose. Refuses data that fio's
 * generator did not make: of that only the header is proof.
 */
import { type FioHeader, MAGIC_LOW, readHeader } from "./header.ts";
import { fillPayload } from "./payload.ts";

/** Bytes of the block, and where in the file they belong. */
export interface ShiftedPiece {
  readonly from: number;
  readonly to: number;
  readonly originBytes: number;
}

/** What the blocks before left unfinished: the block that goes on in the next one. */
export interface Unfinished {
  readonly header: FioHeader;
  /** How many of its bytes were there. */
  readonly doneBytes: number;
}

export interface ShiftedLayout {
  readonly blockBytes: number;
  readonly blocksOfWrite: number;
  readonly baseBytes: number;
}

/** The block's pieces of other blocks, in order, and what goes on behind it; no pieces when it holds none. */
export function shiftedPieces(
  block: Uint8Array,
  layout: ShiftedLayout,
  before: Unfinished | undefined,
): { pieces: ShiftedPiece[]; unfinished: Unfinished | undefined } {
  const { blockBytes, baseBytes } = layout;
  const pieces: ShiftedPiece[] = [];
  let at = 0;
  if (before !== undefined) {
    const length = Math.min(block.length, blockBytes - before.doneBytes);
    if (isPayload(block.subarray(0, length), before, layout)) {
      const originBytes = before.header.offsetBytes - baseBytes + before.doneBytes;
      pieces.push({ from: 0, to: length, originBytes });
      at = length;
    }
  }
  for (let from = block.indexOf(MAGIC_LOW, at); from >= 0; from = block.indexOf(MAGIC_LOW, from + 1)) {
    const header = readHeader(block, from);
    if (header === undefined || header.lengthBytes !== blockBytes) continue;
    const doneBytes = block.length - from;
    const begun = { header, doneBytes: header.headBytes };
    if (doneBytes >= blockBytes || !isPayload(block.subarray(from + header.headBytes), begun, layout)) continue;
    pieces.push({ from, to: block.length, originBytes: header.offsetBytes - baseBytes });
    return { pieces, unfinished: { header, doneBytes } };
  }
  return { pieces, unfinished: undefined };
}

/** True when the bytes are the ones of that block, from its byte `doneBytes` on. */
function isPayload(found: Uint8Array, { header, doneBytes }: Unfinished, layout: ShiftedLayout): boolean {
  const { blockBytes, blocksOfWrite } = layout;
  const expected = new Uint8Array(new ArrayBuffer(blockBytes));
  const inWrite = Math.floor(header.offsetBytes / blockBytes) % blocksOfWrite;
  fillPayload(expected, { seed: header.seed, fromWord: (inWrite * blockBytes) / 8 });
  return Buffer.compare(expected.subarray(doneBytes, doneBytes + found.length), found) === 0;
}
