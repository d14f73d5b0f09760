/**
 * Filling: self-describing bytes into a file, a device or a pipe, for anyone to carry somewhere and to verify there.
 *
 * Owns the loop of fill and write, and the end of it (the tail that O_DIRECT cannot write, fsync). Refuses to choose where
 * (target.ts) and to judge (verify.ts).
 */
import { openFile, write } from "../../ops/file.ts";
import { allocate, type Memory, PAGE_BYTES } from "../../ops/memory.ts";
import { trySetPipeCapacity } from "../../ops/pipe.ts";
import { sync } from "../../ops/space.ts";
import type { Pattern } from "../../pattern/pattern.ts";
import { O_WRONLY } from "../../sys/uapi/fcntl.ts";
import type { FillTarget, WriteMode } from "./target.ts";

export interface FillOrder {
  readonly target: FillTarget;
  readonly pattern: Pattern;
  readonly mode: WriteMode;
  /** Bytes of one write. */
  readonly blockBytes: number;
}

/**
 * Writes from what is there to the end; the offset up to which it got, which is before the end only when `tick` returned
 * false. Errors of the kernel (ENOSPC, EIO, EPIPE) are SyscallErrors; the target keeps what was written.
 */
export async function fill(order: FillOrder, tick: (at: number) => Promise<boolean>): Promise<number> {
  const { target, pattern, mode, blockBytes } = order;
  using memory = allocate(blockBytes, { alignBytes: PAGE_BYTES });
  const { fd, bytes, kind } = target;
  if (kind === "stream") {
    // A pipe of the default 64 KiB wakes the reader sixteen times for each block; if it cannot grow, that is only slower.
    trySetPipeCapacity(fd, 1 << 20);
  }
  // A page that is not whole yet is written again from its beginning: O_DIRECT knows whole blocks only.
  let at = mode === "direct" ? Math.floor(target.doneBytes / PAGE_BYTES) * PAGE_BYTES : target.doneBytes;
  while (at < bytes && (await tick(at))) {
    const left = bytes - at;
    let lengthBytes = Math.min(blockBytes, left);
    if (mode === "direct" && left > PAGE_BYTES) lengthBytes -= lengthBytes % PAGE_BYTES;
    pattern.fill(memory.bytes.subarray(0, lengthBytes), at);
    at += kind === "stream" ? writeWhole({ memory, lengthBytes }, target) : put({ memory, lengthBytes, at }, order);
  }
  if (kind !== "stream" && mode !== "buffered" && at >= bytes) sync(fd);
  return at;
}

interface Block {
  readonly memory: Memory;
  readonly lengthBytes: number;
}

/** A pipe takes as much as it has room for; the rest of the block follows at once, so that it is filled once only. */
function writeWhole({ memory, lengthBytes }: Block, { fd }: FillTarget): number {
  for (let done = 0; done < lengthBytes; ) {
    done += write(fd, memory, { bufferOffsetBytes: done, lengthBytes: lengthBytes - done });
  }
  return lengthBytes;
}

function put({ memory, lengthBytes, at }: Block & { at: number }, { target, mode }: FillOrder): number {
  if (mode !== "direct" || lengthBytes % PAGE_BYTES === 0)
    return write(target.fd, memory, { offsetBytes: at, lengthBytes });
  // The last piece is not a whole block: through the page cache, by a descriptor of its own.
  using buffered = openFile(`/proc/self/fd/${target.fd.number}`, { flags: O_WRONLY });
  return write(buffered, memory, { offsetBytes: at, lengthBytes });
}
