/** Files as fio 3.33 writes them with verify=crc32c, made by its struct verify_header (40 bytes, CRC-32C at its end). */
import { crc32c } from "../../src/judge/fio/crc.ts";
import { FioJudge } from "../../src/judge/fio/judge.ts";
import { learn } from "../../src/judge/fio/layout.ts";
import { fillPayload } from "../../src/judge/fio/payload.ts";
import { fioChecksum } from "../../src/workload/scan/fio-checksums.ts";

export const HEAD_BYTES = 44;

export interface FioFileOptions {
  readonly blockBytes: number;
  readonly blocks: number;
  /** Blocks of each write, in turn; default 1. */
  readonly writes?: readonly number[];
  /** Another run of the job: other seeds, another pace. */
  readonly run?: number;
}

/** Written at random, each block once; operation n at about n milliseconds. */
export function fioFile({ blockBytes, blocks, writes = [1], run = 0 }: FioFileOptions): Uint8Array {
  const file = new Uint8Array(new ArrayBuffer(blockBytes * blocks));
  let total = 0;
  for (let done = 0; done < blocks; total += 1) done += writes[total % writes.length] as number;
  for (let number = 0, write = 0; number < blocks; write += 1) {
    const count = writes[write % writes.length] as number;
    const operation = (write * 101 + run * 37) % total;
    const seed = { lo: Math.imul(write + 1 + run * 1009, 0x9e3779b1) >>> 0, hi: write + 77 };
    for (let inWrite = 0; inWrite < count && number < blocks; inWrite += 1, number += 1) {
      const block = file.subarray(number * blockBytes, (number + 1) * blockBytes);
      const view = new DataView(block.buffer, block.byteOffset, blockBytes);
      fillPayload(block, { seed, fromWord: (inWrite * blockBytes) / 8 });
      block.set([0xca, 0xac, 6, 0]);
      view.setUint32(4, blockBytes, true);
      view.setUint32(8, seed.lo, true);
      view.setUint32(12, seed.hi, true);
      view.setBigUint64(16, BigInt(number * blockBytes), true);
      view.setUint32(24, 0, true);
      view.setUint32(28, 1_000_000 * (operation * (1 + run) + 1), true);
      view.setUint16(32, 1, true);
      view.setUint16(34, operation, true);
      view.setUint32(36, crc32c(block, 0, 36), true);
      block.set(fioChecksum("crc32c", block.slice(HEAD_BYTES)) as Uint8Array, 40);
    }
  }
  return file;
}

/** Findings as [kind, offset, length, origin?], and the judge's other answers. */
export function judgedFio(file: Uint8Array, expectBytes?: number) {
  const read = (block: Uint8Array, at: number) => {
    const part = file.subarray(at, at + block.length);
    block.set(part);
    return part.length;
  };
  const learning = learn(read, file.length);
  let turn = learning.next();
  while (!turn.done) turn = learning.next();
  const options = {
    layout: turn.value,
    read,
    checksum: fioChecksum,
    sizeBytes: file.length,
    file: "file",
    expectBytes,
  };
  const judge = new FioJudge(options);
  while (judge.step() !== undefined);
  const judgement = judge.finish();
  const found = judgement.findings.map(({ kind, offsetBytes, lengthBytes, originBytes }) =>
    originBytes === undefined ? [kind, offsetBytes, lengthBytes] : [kind, offsetBytes, lengthBytes, originBytes],
  );
  return { ...judgement, found, unwrittenBytes: judge.unwrittenBytes };
}
