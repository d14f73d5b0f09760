/**
 * A second opinion on a finding: the file judged once more against its pattern, read past the page cache.
 *
 * Owns the comparison. A finding that comes out again is on the device; one that does not was a bad reading, or is only
 * in the page cache. Two readings are never compared with each other: only the pattern knows what is right.
 */
import type { Finding, Judgement, SecondReading } from "../judge/finding.ts";
import { isSyscallError } from "../ops/errors.ts";
import type { Path } from "../ops/file.ts";
import { filesystemOf } from "../ops/stat.ts";
import { type FileExpectation, judgeFile } from "./judge-file.ts";
import { readBackDirect } from "./readback.ts";

/** File systems whose files are the page cache: there is nothing behind it to read. */
const CACHE_ONLY: readonly string[] = ["tmpfs", "ramfs", "hugetlbfs"];

/** The findings of a first reading, each with what a second one gave. */
export function withSecondReading(path: Path, findings: readonly Finding[], expected: FileExpectation): Finding[] {
  if (findings.length === 0) return [];
  const again = judgedAgain(path, expected);
  return findings.map((finding) => ({
    ...finding,
    secondReading: again === undefined ? "unavailable" : compare(finding, again),
  }));
}

/** Undefined where nothing can be read past the page cache, or the file is gone. */
function judgedAgain(path: Path, expected: FileExpectation): Judgement | undefined {
  try {
    if (CACHE_ONLY.includes(filesystemOf(path).type)) return undefined;
    return judgeFile(path, expected, readBackDirect);
  } catch (error) {
    if (isSyscallError(error)) return undefined;
    throw error;
  }
}

function compare(finding: Finding, again: Judgement): SecondReading {
  const { kind, offsetBytes, lengthBytes } = finding;
  const found = again.findings.some(
    (other) => other.kind === kind && other.offsetBytes === offsetBytes && other.lengthBytes === lengthBytes,
  );
  return found ? "same" : "different";
}
