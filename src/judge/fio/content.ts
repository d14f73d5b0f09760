/**
 * What fills the blocks of a job of fio: its generator, one pattern, or something else; learned from blocks of the file.
 *
 * Owns the vote over some blocks, of which any number may be damaged a little. Refuses to judge them.
 */
import type { FioHeader } from "./header.ts";
import type { FioLayout, PlacedBlock, ReadAt } from "./layout.ts";
import { blockOfWrite, fillPayload } from "./payload.ts";

type Blocks = Pick<FioLayout, "blockBytes" | "headBytes" | "baseBytes" | "blocksOfWrite" | "blocksOfWriteMax">;

/** Fills `expected` with the payload of the header's write: of that block of it which `block` shows, where that is open. */
export function expectPayload(expected: Uint8Array, block: Uint8Array, { seed, offsetBytes }: FioHeader, grid: Blocks) {
  const { blockBytes, headBytes, blocksOfWrite, blocksOfWriteMax } = grid;
  const inWrite = Math.floor(offsetBytes / blockBytes) % blocksOfWrite;
  fillPayload(expected, { seed, fromWord: (inWrite * blockBytes) / 8 });
  if (blocksOfWriteMax === 1 || block.length < blockBytes || blockBytes % 32 !== 0) return;
  if (Buffer.compare(expected.subarray(headBytes), block.subarray(headBytes)) === 0) return;
  const shown = blockOfWrite(block, seed, blocksOfWriteMax);
  if (shown !== inWrite) fillPayload(expected, { seed, fromWord: (shown * blockBytes) / 8 });
}

export function learnPayload(
  read: ReadAt,
  some: readonly PlacedBlock[],
  grid: Blocks,
): Pick<FioLayout, "payload" | "template"> {
  const { blockBytes, headBytes, baseBytes } = grid;
  const samples = some
    .filter(({ at, header }) => header.lengthBytes === blockBytes && header.offsetBytes === at + baseBytes)
    .slice(0, Math.max(3, Math.min(SAMPLES_MAX, Math.floor(SAMPLE_BYTES_MAX / blockBytes))))
    .map(({ at, header }) => {
      const block = new Uint8Array(new ArrayBuffer(Math.max(2048, blockBytes))).subarray(0, blockBytes);
      return { header, block, whole: read(block, at) === blockBytes };
    })
    .filter(({ whole }) => whole);
  const votes = new Uint8Array(blockBytes);
  const expected = new Uint8Array(new ArrayBuffer(Math.max(2048, blockBytes))).subarray(0, blockBytes);
  for (const { header, block } of samples) {
    expectPayload(expected, block, header, grid);
    for (let i = headBytes; i < blockBytes; i += 1) votes[i] = (votes[i] as number) + Number(block[i] === expected[i]);
  }
  if (isMostly(votes.subarray(headBytes), (count) => count * 2 > samples.length)) return { payload: "seeded" };
  const template = majority(samples.map(({ block }) => block));
  const alike = samples.filter(({ block }) =>
    isMostly(block.subarray(headBytes), (byte, i) => byte === template[headBytes + i]),
  );
  if (alike.length > 1 && alike.length * 2 > samples.length) return { payload: "constant", template };
  return { payload: "unknown" };
}

const SAMPLES_MAX = 32;
const SAMPLE_BYTES_MAX = 32 << 20;
/** Damage in every block is damage, and no other content, when it is less of it than this. */
const DAMAGED_MAX = 0.1;

function isMostly(bytes: Uint8Array, isRight: (byte: number, index: number) => boolean): boolean {
  let right = 0;
  for (let i = 0; i < bytes.length; i += 1) right += Number(isRight(bytes[i] as number, i));
  return right >= bytes.length * (1 - DAMAGED_MAX);
}

/** Each byte as most of the blocks have it, if most of them agree. */
function majority(blocks: readonly Uint8Array[]): Uint8Array {
  const kept = (blocks[0] ?? new Uint8Array(0)).slice();
  const counts = new Uint8Array(kept.length).fill(1);
  for (const block of blocks.slice(1)) {
    for (let i = 0; i < kept.length; i += 1) {
      if (block[i] === kept[i]) counts[i] = (counts[i] as number) + 1;
      else if (counts[i] === 0) [kept[i], counts[i]] = [block[i] as number, 1];
      else counts[i] = (counts[i] as number) - 1;
    }
  }
  return kept;
}
