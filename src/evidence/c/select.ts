/**
 * Which recorded calls a C program must repeat: those on the damaged file and on everything next to it.
 *
 * Owns the choice. Refuses, with the reason, what one thread of C cannot repeat: calls that other threads or processes
 * made, and more calls than a person would read.
 */

import { MAP_ANONYMOUS } from "../../sys/uapi/mman.ts";
import type { RecordedCall } from "../recorder.ts";
import { SIGNATURES } from "../signatures.ts";

/** Why no program can be made, in one line. */
export class NotExpressible extends Error {
  override readonly name = "NotExpressible";
}

const CALLS_MAX = 60;
/** Calls that only look. */
const LOOKS = new Set(["read", "pread", "preadv2", "readv", "posix_fadvise"]);
/** Set-up and clean-up that a program does in its own way. */
const SKIPPED = new Set(["unlink", "mkdir", "munmap"]);

/** A descriptor in a recording: numbers are reused, so each use has the index of the call that made it. */
type Handle = string;

/** The handles of every call: what `open`, `pipe2` and their kin made, and what is used later under that number. */
export function handlesOf(calls: readonly RecordedCall[]): Map<number, Handle[]> {
  const open = new Map<number, Handle>();
  const byCall = new Map<number, Handle[]>();
  for (const { index, call, args, result, pointed } of calls) {
    const signature = SIGNATURES[call];
    if (signature === undefined) continue;
    const used = signature.parameters.flatMap(({ kind }, at) => {
      const handle = kind === "fd" ? open.get(args[at] as number) : undefined;
      return handle === undefined ? [] : [handle];
    });
    const made: number[] = [];
    const pair = pointed.find((item) => item?.kind === "pair");
    if (result >= 0 && signature.gives === "fd") made.push(result);
    if (result >= 0 && pair?.kind === "pair") made.push(...pair.descriptors);
    made.forEach((descriptor, at) => {
      open.set(descriptor, `${index}.${at}`);
    });
    byCall.set(index, [...used, ...made.map((_, at) => `${index}.${at}`)]);
    if (call === "close") open.delete(args[0] as number);
  }
  return byCall;
}

function pathOf(recorded: RecordedCall): string | undefined {
  const path = recorded.pointed.find((item) => item?.kind === "path");
  return path?.kind === "path" ? path.path : undefined;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/**
 * The calls to repeat, in order: all on files next to the damaged one, and on pipes, sockets and memory files, because an
 * answer about one file may decide what is done to another. `file` is the damaged file's path; without one, and for what
 * has no path, every call counts.
 */
export function selectCalls(calls: readonly RecordedCall[], file: string | undefined): RecordedCall[] {
  const known = calls.filter(
    ({ call, args }) => SIGNATURES[call] !== undefined && !SKIPPED.has(call) && !isArena(call, args),
  );
  const handles = handlesOf(known);
  const elsewhere = new Set<Handle>();
  const chosen = known.filter((recorded) => {
    const mine = handles.get(recorded.index) ?? [];
    const path = pathOf(recorded);
    const here =
      path === undefined ||
      recorded.call === "memfd_create" ||
      file === undefined ||
      directoryOf(path) === directoryOf(file);
    if (!here) for (const handle of mine) elsewhere.add(handle);
    return here && !mine.some((handle) => elsewhere.has(handle));
  });
  let repeated = withoutIdleDescriptors(withoutReadBack(chosen), handles);
  // Attempts before the one that failed have files of their own and are not needed.
  const begin = calls.find((recorded) => file !== undefined && pathOf(recorded) === file)?.index ?? 0;
  if (repeated.length > CALLS_MAX) repeated = repeated.filter(({ index }) => index >= begin);
  if (repeated.length === 0)
    throw new NotExpressible("none of its calls were recorded: other threads or processes made them");
  if (repeated.length > CALLS_MAX)
    throw new NotExpressible(
      `it takes ${repeated.length} calls and a readable program has at most ${CALLS_MAX}; make the run smaller first`,
    );
  return repeated;
}

/** Memory for buffers and Workers, which a C program has without asking. */
function isArena(call: string, args: readonly number[]): boolean {
  return call === "mmap" && ((args[3] as number) & MAP_ANONYMOUS) !== 0;
}

/** Without the judge's own look at the result, which comes last. */
function withoutReadBack(calls: readonly RecordedCall[]): RecordedCall[] {
  const last = calls.findLastIndex(({ call }) => !LOOKS.has(call) && call !== "open" && call !== "close");
  return calls.filter(({ call }, index) => index <= last || call === "close");
}

/** Without descriptors that were only opened and closed again. */
function withoutIdleDescriptors(
  calls: readonly RecordedCall[],
  handles: ReadonlyMap<number, Handle[]>,
): RecordedCall[] {
  const uses = new Map<Handle, number>();
  for (const { index, call } of calls) {
    if (call === "close") continue;
    for (const handle of handles.get(index) ?? []) uses.set(handle, (uses.get(handle) ?? 0) + 1);
  }
  return calls.filter(({ index, call }) => {
    if (call !== "open" && call !== "close") return true;
    const [handle] = handles.get(index) ?? [];
    return handle !== undefined && (uses.get(handle) ?? 0) > 1;
  });
}
