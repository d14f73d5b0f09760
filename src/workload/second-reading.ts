/**
 * A second opinion on a finding: the bytes judged once more against what they should be, read past the page cache.
 *
 * Owns the comparison. A finding that comes out again is on the device; one that does not was a bad reading, or is only
 * in the page cache. Two readings are never compared with each other: only the pattern knows what is right.
 */
import type { Finding, SecondReading } from "../judge/finding.ts";
import { isSyscallError } from "../ops/errors.ts";
import type { Path } from "../ops/file.ts";
import { filesystemOf } from "../ops/stat.ts";
import { type Reading, readBackDirect } from "./readback.ts";

/** File systems whose files are the page cache: there is nothing behind it to read. */
const CACHE_ONLY: readonly string[] = ["tmpfs", "ramfs", "hugetlbfs", "proc", "sysfs"];

/** False for a path whose bytes are in the page cache alone. Throws SyscallError where it is gone. */
export function hasDevice(path: Path): boolean {
  return !CACHE_ONLY.includes(filesystemOf(path).type);
}

/** The findings of a first reading, each with what a second one gave; `judge` is the first one's judge, on a reading given. */
export function withSecondReading<Found extends Finding>(
  path: Path,
  findings: readonly Found[],
  judge: (reading: Reading) => { readonly findings: readonly Finding[] },
): Found[] {
  if (findings.length === 0) return [];
  return compared(findings, judgedAgain(path, judge));
}

/** The same for a judge that takes long: the event loop turns while it judges. */
export async function withLongSecondReading<Found extends Finding>(
  path: Path,
  findings: readonly Found[],
  judge: (reading: Reading) => Promise<{ readonly findings: readonly Finding[] }>,
): Promise<Found[]> {
  if (findings.length === 0) return [];
  try {
    return compared(findings, hasDevice(path) ? (await judge(readBackDirect)).findings : undefined);
  } catch (error) {
    if (isSyscallError(error)) return compared(findings, undefined);
    throw error;
  }
}

/** Undefined where nothing can be read past the page cache, or the file is gone. */
function judgedAgain(
  path: Path,
  judge: (reading: Reading) => { readonly findings: readonly Finding[] },
): readonly Finding[] | undefined {
  try {
    return hasDevice(path) ? judge(readBackDirect).findings : undefined;
  } catch (error) {
    if (isSyscallError(error)) return undefined;
    throw error;
  }
}

/** Each finding with what another reading found there; undefined: there was no other reading. */
export function compared<Found extends Finding>(
  findings: readonly Found[],
  again: readonly Finding[] | undefined,
): Found[] {
  const key = ({ calls, sample, secondReading, ...facts }: Finding) => JSON.stringify(facts);
  const found = new Set(again?.map(key));
  const word = (finding: Finding): SecondReading => {
    if (again === undefined) return "unavailable";
    return found.has(key(finding)) ? "same" : "different";
  };
  return findings.map((finding) => ({ ...finding, secondReading: word(finding) }));
}
