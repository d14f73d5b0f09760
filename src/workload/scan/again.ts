/**
 * A damaged range of a file or device, read once more past the page cache and judged against the pattern again.
 *
 * Owns which range that is: what lies around the findings first, all of the input when that does not give every finding
 * again, for what a finding is may depend on bytes far away. Refuses streams, which can be read once only.
 */
import type { Finding } from "../../judge/finding.ts";
import { isSyscallError } from "../../ops/errors.ts";
import type { Fd } from "../../ops/fd.ts";
import { openFile, type Path, read } from "../../ops/file.ts";
import { allocate, type Memory, MiB } from "../../ops/memory.ts";
import { O_DIRECT, O_RDONLY } from "../../sys/uapi/fcntl.ts";
import { compared, hasDevice } from "../second-reading.ts";
import { type Input, isStdin } from "./input.ts";
import type { ReadAtMost, ScanRange } from "./scan.ts";

/** Good bytes before and behind a finding that are judged with it. */
const MARGIN_BYTES = MiB;
/** Offsets and lengths of direct reads: a multiple of every device's block. */
const ALIGN_BYTES = 64 * 1024;

/** Judges one range, its bytes read by `reading`; undefined when the run was stopped before the end. */
export type JudgeRange = (range: ScanRange, reading: ReadAtMost) => Promise<readonly Finding[] | undefined>;

/** The findings, each with what a second reading gave: "same", "different" or "unavailable". */
export async function readAgain(
  input: Input,
  { path, range, findings }: { readonly path: Path; readonly range: ScanRange; readonly findings: readonly Finding[] },
  judge: JudgeRange,
): Promise<Finding[]> {
  if (findings.length === 0) return [];
  try {
    const real = isStdin(path) ? "/proc/self/fd/0" : path;
    if (input.sizeBytes === undefined || (input.stat.kind === "file" && !hasDevice(real)))
      return compared(findings, undefined);
    using direct = openFile(real, { flags: O_RDONLY | O_DIRECT });
    using memory = allocate(ALIGN_BYTES * 8, { alignBytes: 4096 });
    const reading = directly(direct, memory);
    const near = around(findings, range);
    const first = compared(findings, await judge(near, reading));
    const whole = near.from === range.from && near.to === range.to;
    if (whole || first.every(({ secondReading }) => secondReading !== "different")) return first;
    return compared(findings, await judge(range, reading));
  } catch (error) {
    if (isSyscallError(error)) return compared(findings, undefined);
    throw error;
  }
}

/** Before the first finding every byte is in its place, so that a judge may begin there. */
function around(findings: readonly Finding[], { from, to }: ScanRange): ScanRange {
  const first = Math.min(...findings.map(({ offsetBytes }) => offsetBytes));
  const last = Math.max(...findings.map(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes));
  const begin = Math.floor((first - MARGIN_BYTES) / MARGIN_BYTES) * MARGIN_BYTES;
  return { from: Math.max(from, begin), to: Math.min(to, last + MARGIN_BYTES) };
}

/** Any bytes of a descriptor that takes aligned reads only. The view holds until the next call. */
export function directly(fd: Fd, memory: Memory): ReadAtMost {
  return (offsetBytes, lengthBytes) => {
    const from = Math.floor(offsetBytes / ALIGN_BYTES) * ALIGN_BYTES;
    const got = read(fd, memory, { offsetBytes: from });
    return memory.bytes.subarray(Math.min(got, offsetBytes - from), Math.min(got, offsetBytes - from + lengthBytes));
  };
}
