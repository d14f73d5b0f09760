/**
 * Foreign memory as typed arrays.
 *
 * Owns the only two conversions between addresses and array buffers. An address must come from mmap or from a library
 * that keeps it mapped: a view of unmapped memory is a SIGSEGV that no one can catch.
 */
import { type Pointer, ptr, toArrayBuffer } from "bun:ffi";

/** An ArrayBuffer over `lengthBytes` at `address`; never freed by the garbage collector (no finalizer is given). */
export function arrayBufferAt(address: number, lengthBytes: number): ArrayBuffer {
  return toArrayBuffer(address as Pointer, 0, lengthBytes);
}

/**
 * The address of a view that does not move: one over an ArrayBuffer made by `new ArrayBuffer`, a SharedArrayBuffer or
 * `arrayBufferAt`. Small typed arrays made directly (`new Uint8Array(8)`) move and must not come here.
 * Returns 0 where bun:ffi has no address (empty arrays): ptr() then RETURNS an error object (oven-sh/bun#40732).
 */
export function addressOf(view: NodeJS.TypedArray): number {
  const address: unknown = ptr(view);
  return typeof address === "number" ? address : 0;
}
