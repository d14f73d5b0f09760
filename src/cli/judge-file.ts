/** Judges a whole file against a pattern, block by block, read by a descriptor of its own. */
import type { Pattern } from "../pattern/pattern.ts";
import type { Judgement } from "../verify/finding.ts";
import { Judge } from "../verify/judge.ts";
import { readBack } from "../workload/readback.ts";

/** What the file should hold is `pattern` from stream offset 0 to `expectBytes`. */
export function judgeFile(path: string, expected: { pattern: Pattern; expectBytes: number }): Judgement {
  const judge = new Judge({ ...expected, file: path });
  readBack(path, (block) => judge.push(block));
  return judge.finish();
}
