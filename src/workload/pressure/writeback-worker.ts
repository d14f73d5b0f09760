/**
 * The thread of writeback-loop.ts: calls sync_file_range(2) until it is asked to end.
 *
 * Owns nothing: the descriptor belongs to the main thread, which waits for a running call before it closes it. Errors
 * are ignored on purpose: a file that cannot be written back is the main thread's to notice.
 */
import { libc } from "../../sys/libc.ts";
import { SYNC_FILE_RANGE_WRITE } from "../../sys/uapi/fcntl.ts";

declare const self: { onmessage: (event: { data: { words: Int32Array; intervalUs: number } }) => void };

self.onmessage = ({ data: { words, intervalUs } }) => {
  while (Atomics.load(words, 2) === 0) {
    // Busy first, then the descriptor: the main thread clears the descriptor, then waits while busy.
    Atomics.store(words, 3, 1);
    const fd = Atomics.load(words, 0);
    if (fd >= 0) {
      libc.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
      Atomics.add(words, 1, 1);
    }
    Atomics.store(words, 3, 0);
    Atomics.notify(words, 3);
    libc.usleep(fd >= 0 ? intervalUs : 500);
  }
};
