/** Judges a whole file against a pattern, block by block, read by a descriptor of its own; damage is read twice. */

import type { Judgement } from "../judge/finding.ts";
import { Judge } from "../judge/judge.ts";
import { type Path, pathText } from "../ops/file.ts";
import type { Pattern } from "../pattern/pattern.ts";
import { readBack } from "./readback.ts";
import { withSecondReading } from "./second-reading.ts";

export interface FileExpectation {
  /** What the file should hold, from stream offset 0 to `expectBytes`. */
  readonly pattern: Pattern;
  readonly expectBytes: number;
  /** Only so many bytes are judged; the whole file unless given. */
  readonly readBytesMax?: number;
}

/**
 * Judges a whole file against a pattern, read by a descriptor of its own. Each finding reports whether a second reading, past
 * the page cache, gave it again.
 */
export function judgeFile(path: Path, expected: FileExpectation): Judgement {
  const judgement = judgeFileOnce(path, expected);
  const again = (reading: typeof readBack) => judgeFileOnce(path, expected, reading);
  return { ...judgement, findings: withSecondReading(path, judgement.findings, again) };
}

/** One reading of the file, judged. `reading` is the way the bytes come: through the page cache unless given. */
export function judgeFileOnce(path: Path, expected: FileExpectation, reading = readBack): Judgement {
  const { pattern, expectBytes, readBytesMax = Number.MAX_SAFE_INTEGER } = expected;
  const judge = new Judge({ pattern, expectBytes, file: pathText(path) });
  let left = readBytesMax;
  reading(path, (block) => {
    const part = block.length <= left ? block : block.subarray(0, left);
    left -= part.length;
    if (part.length > 0) judge.push(part);
  });
  return judge.finish();
}
