/**
 * The other side of thread.ts: one Worker that runs the verbs it is sent, one at a time.
 *
 * Owns nothing: descriptors and buffers belong to the thread that asked. Never closes and never frees.
 */
import { arrayBufferAt } from "../../sys/memory.ts";
import { gettid } from "../../sys/thread.ts";
import { SyscallError } from "../errors.ts";
import { lend } from "../lend.ts";
import { type Arena, Memory } from "../memory.ts";
import { type Answer, type Plain, verbNamed } from "./verbs.ts";

declare const self: Worker;

function revived(arg: Plain): unknown {
  if ("fd" in arg) return lend(arg.fd, arg.label);
  if ("address" in arg) {
    // A view of the asker's buffer: it has an address and bytes, and nobody here can release it.
    const lent = { address: arg.address, buffer: arrayBufferAt(arg.address, arg.lengthBytes) } as unknown as Arena;
    return new Memory(lent, { offsetBytes: 0, spanBytes: arg.lengthBytes }, arg.lengthBytes);
  }
  return arg.value;
}

function run(request: { verb: string; args: readonly Plain[] }): Answer {
  try {
    const verb = verbNamed(request.verb) as (...args: unknown[]) => unknown;
    return { value: verb(...request.args.map(revived)) };
  } catch (error) {
    if (error instanceof SyscallError) {
      return { call: error.call, errno: error.errno, args: error.args, hint: error.hint };
    }
    return { message: error instanceof Error ? error.message : String(error) };
  }
}

self.onmessage = ({ data }: MessageEvent<{ verb: string; args: readonly Plain[] }>) => {
  self.postMessage(run(data));
};

self.postMessage({ tid: gettid() });
