/**
 * What crosses between threads and between processes: arguments and results as plain values, errors as what they were.
 *
 * Owns both conversions, also inside arrays and plain objects. Descriptors cross by number and buffers by address,
 * because threads share both; a process shares neither, and is given its descriptors by another road.
 */
import { AssertionError, Inconclusive, SyscallError, UsageError } from "../errors.ts";
import { Fd } from "../fd.ts";
import { lend } from "../lend.ts";
import { type KernelBuffer, Memory, type MemoryOwner } from "../memory.ts";
import { Barrier } from "./barrier.ts";

/** A value that structuredClone can carry. */
export type Plain =
  | { readonly fd: number; readonly label: string }
  | { readonly address: number; readonly lengthBytes: number }
  | { readonly barrier: SharedArrayBuffer; readonly count: number }
  | { readonly list: readonly Plain[] }
  | { readonly fields: Readonly<Record<string, Plain>> }
  | { readonly value: unknown };

/** An error as plain values, to be thrown again on the other side. */
export type PlainError =
  | { readonly call: string; readonly errno: number; readonly args: string; readonly hint: string | undefined }
  | { readonly kind: string; readonly message: string; readonly stack: string | undefined };

/** What a function returned, and when it ran by CLOCK_MONOTONIC where that was measured; or its error. */
export type ThreadAnswer =
  | { readonly value: Plain; readonly startNs?: number; readonly endNs?: number }
  | { readonly error: PlainError };

function isBuffer(arg: unknown): arg is KernelBuffer {
  return typeof arg === "object" && arg !== null && "pin" in arg && "at" in arg && "lengthBytes" in arg;
}

function isRecord(arg: unknown): arg is Record<string, unknown> {
  return typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype;
}

/** The plain form of an argument or result; `seen` gets every descriptor and buffer inside. */
export function plain(arg: unknown, seen: { fds: Fd[]; buffers: KernelBuffer[] }): Plain {
  if (arg instanceof Fd) {
    seen.fds.push(arg);
    return { fd: arg.number, label: arg.label };
  }
  if (isBuffer(arg)) {
    seen.buffers.push(arg);
    return { address: arg.at(0, arg.lengthBytes), lengthBytes: arg.lengthBytes };
  }
  if (arg instanceof Barrier) return { barrier: arg.shared, count: arg.count };
  if (Array.isArray(arg)) return { list: arg.map((item) => plain(item, seen)) };
  if (typeof arg === "function") {
    throw new RangeError(
      `the function "${arg.name}" cannot cross to another thread or process: pass values, and export it`,
    );
  }
  if (!isRecord(arg)) return { value: arg };
  return { fields: Object.fromEntries(Object.entries(arg).map(([name, value]) => [name, plain(value, seen)])) };
}

/** The value again. Descriptors and buffers are lent: what holds them here closes and frees nothing. */
export function revived(arg: Plain): unknown {
  if ("fd" in arg) return lend(arg.fd, arg.label);
  if ("address" in arg) {
    const lent: MemoryOwner = { address: arg.address, release: () => {} };
    return new Memory(lent, { offsetBytes: 0, spanBytes: arg.lengthBytes }, arg.lengthBytes);
  }
  if ("barrier" in arg) return new Barrier(arg.count, arg.barrier);
  if ("list" in arg) return arg.list.map(revived);
  if (!("fields" in arg)) return arg.value;
  return Object.fromEntries(Object.entries(arg.fields).map(([name, value]) => [name, revived(value)]));
}

export function plainError(error: unknown): PlainError {
  if (error instanceof SyscallError) {
    return { call: error.call, errno: error.errno, args: error.args, hint: error.hint };
  }
  if (!(error instanceof Error)) return { kind: "Error", message: String(error), stack: undefined };
  return { kind: error.name, message: error.message, stack: error.stack };
}

const KINDS: Record<string, new (message: string) => Error> = { AssertionError, Inconclusive, RangeError, UsageError };

/** The same error; its stack is the other side's. */
export function revivedError(error: PlainError): Error {
  if ("errno" in error) return new SyscallError(error.call, error.errno, error.args, error.hint);
  const again = new (KINDS[error.kind] ?? Error)(error.message);
  if (KINDS[error.kind] === undefined) again.name = error.kind;
  if (error.stack !== undefined) again.stack = error.stack;
  return again;
}
