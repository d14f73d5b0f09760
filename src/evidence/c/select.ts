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

/** A mapping that is there; its handle is its call's, like a descriptor's. */
interface Mapped {
  readonly handle: Handle;
  readonly address: number;
  readonly lengthBytes: number;
}

/** The handles of every call: what `open`, `pipe2`, `mmap` and their kin made, and what is used later under that number. */
export function handlesOf(calls: readonly RecordedCall[]): Map<number, Handle[]> {
  const open = new Map<number, Handle>();
  const mapped: Mapped[] = [];
  const byCall = new Map<number, Handle[]>();
  for (const { index, call, args, result, pointed } of calls) {
    const signature = SIGNATURES[call];
    if (signature === undefined) continue;
    const used = signature.parameters.flatMap(({ kind }, at) => {
      const value = args[at] as number;
      const inside = (one: Mapped) => one.address <= value && value < one.address + one.lengthBytes;
      const mapping = kind === "mapped" ? mapped.findLast(inside)?.handle : undefined;
      const handle = kind === "fd" ? open.get(value) : mapping;
      return handle === undefined ? [] : [handle];
    });
    const made: number[] = [];
    const pair = pointed.find((item) => item?.kind === "pair");
    if (result >= 0 && signature.gives === "fd") made.push(result);
    if (result >= 0 && pair?.kind === "pair") made.push(...pair.descriptors);
    if (call === "mmap" && result >= 0) {
      mapped.push({ handle: `${index}.0`, address: result, lengthBytes: args[1] as number });
      made.push(-1);
    }
    for (const [at, descriptor] of made.entries()) if (descriptor >= 0) open.set(descriptor, `${index}.${at}`);
    byCall.set(index, [...used, ...made.map((_, at) => `${index}.${at}`)]);
    if (call === "close") open.delete(args[0] as number);
  }
  return byCall;
}

function pathOf(recorded: RecordedCall): string | undefined {
  const path = recorded.pointed.find((item) => item?.kind === "path");
  return path?.kind === "path" ? path.path : undefined;
}

/** Where the damaged file was while the calls were made: evidence may have been copied since. */
function placeOf(calls: readonly RecordedCall[], damaged: string | undefined): string | undefined {
  const name = damaged?.slice(damaged.lastIndexOf("/") + 1);
  return calls.map(pathOf).find((path) => name !== undefined && path?.endsWith(`/${name}`)) ?? damaged;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/**
 * The calls to repeat, in order: all on files next to the damaged one, and on pipes, sockets and memory files, because an
 * answer about one file may decide what is done to another. `damaged` is the damaged file's path; without one, and for what
 * has no path, every call counts.
 */
export function selectCalls(calls: readonly RecordedCall[], damaged: string | undefined): RecordedCall[] {
  const file = placeOf(calls, damaged);
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

/** The call that made it: both ends of a pipe are of one call, and closing one is seen at the other. */
function makerOf(handle: Handle): string {
  return handle.slice(0, handle.indexOf("."));
}

/** Without descriptors that were only opened and closed again. */
function withoutIdleDescriptors(
  calls: readonly RecordedCall[],
  handles: ReadonlyMap<number, Handle[]>,
): RecordedCall[] {
  const used = new Set<string>();
  for (const { index, call } of calls) {
    if (call === "close") continue;
    for (const maker of (handles.get(index) ?? []).map(makerOf)) if (maker !== String(index)) used.add(maker);
  }
  return calls.filter(({ index, call }) => {
    if (!/^(open|close|pipe2|socketpair)$/.test(call)) return true;
    const [handle] = handles.get(index) ?? [];
    return handle !== undefined && used.has(makerOf(handle));
  });
}
