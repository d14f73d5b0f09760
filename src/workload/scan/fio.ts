/**
 * A file or device that fio(1) wrote with `verify=`, judged: reading it at any place.
 *
 * Owns reading. Refuses streams: the blocks' headers are looked at before the blocks are.
 */
import type { Judgement } from "../../judge/finding.ts";
import { FioJudge } from "../../judge/fio/judge.ts";
import { FioRefusal, learn, type ReadAt } from "../../judge/fio/layout.ts";
import { intactJudgement } from "../../judge/judge.ts";
import { Inconclusive, UsageError } from "../../ops/errors.ts";
import { pathText, read } from "../../ops/file.ts";
import { allocate } from "../../ops/memory.ts";
import { fioChecksum } from "./fio-checksums.ts";
import { Holes } from "./holes.ts";
import type { Input } from "./input.ts";
import type { ReadAtMost } from "./scan.ts";

const READ_BYTES = 1 << 20;

/** What of the blocks could not be judged, and why. */
export interface FioPayload {
  readonly uncheckedBytes: number;
  readonly checksum: string;
  /** Of blocks without a header: never written, or lost. */
  readonly unwrittenBytes: number;
  /** Writes that are not in the file, of so many. */
  readonly missing: number;
  readonly operations: number;
}

/** A judgement, and how much payload nothing could be compared with. */
export interface FioScan {
  readonly judgement: Judgement;
  /** `tick` asked to stop before the end. */
  readonly stopped: boolean;
  /** Undefined when that was before it was known how the blocks are checked. */
  readonly payload?: FioPayload;
}

/** Judges a file or device, all of it or until `tick` asks to stop. `reading` is another way to its bytes. */
export async function judgeFio(
  input: Input,
  expectBytes: number | undefined,
  { tick, reading }: { tick: (at: number) => Promise<boolean>; reading?: ReadAtMost | undefined },
): Promise<FioScan> {
  const { fd, sizeBytes } = input;
  if (sizeBytes === undefined) throw new UsageError("--pattern fio needs a file or a block device, not a stream");
  using memory = allocate(READ_BYTES);
  const readBlock: ReadAt = (block, offsetBytes) => {
    let done = 0;
    while (done < block.length) {
      const lengthBytes = Math.min(READ_BYTES, block.length - done);
      const at = offsetBytes + done;
      const part =
        reading?.(at, lengthBytes) ?? memory.bytes.subarray(0, read(fd, memory, { offsetBytes: at, lengthBytes }));
      if (part.length === 0) break;
      block.set(part, done);
      done += part.length;
    }
    return done;
  };
  try {
    const holes = new Holes(input, sizeBytes);
    const learning = learn(readBlock, sizeBytes, holes);
    let turn = learning.next();
    for (; !turn.done; turn = learning.next())
      if (!(await tick(0))) return { judgement: intactJudgement(0, 0), stopped: true };
    const layout = turn.value;
    const file = pathText(fd.label);
    const judge = new FioJudge({ layout, read: readBlock, checksum: fioChecksum, sizeBytes, file, expectBytes, holes });
    let stopped = false;
    for (let at: number | undefined = 0; at !== undefined && !stopped; ) {
      stopped = !(await tick(at));
      if (!stopped) at = judge.step();
    }
    const { checksum, unwritten } = layout;
    const { uncheckedBytes, unwrittenBytes } = judge;
    const { missing = 0, operations = 0 } = unwritten ?? {};
    return {
      judgement: judge.finish({ cut: stopped }),
      stopped,
      payload: { uncheckedBytes, checksum, unwrittenBytes, missing, operations },
    };
  } catch (error) {
    if (error instanceof FioRefusal) throw new Inconclusive(`${fd.label}: ${error.message}`);
    throw error;
  }
}
