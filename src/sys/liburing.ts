/**
 * liburing by its exported functions, C spelling, raw numbers, never throws.
 *
 * Owns the probing of the library's name and the subset that every version since 2.3 exports: set-up, submit, wait,
 * register. The inline helpers of liburing.h (prep_*, cqe_seen, …) are not exported; `ops/ring.ts` does their work on
 * the mapped rings, whose layout is in `uapi/io_uring.ts`. All functions return -errno themselves.
 */
import { type Loaded, openLibrary } from "./library.ts";

const SYMBOLS = {
  io_uring_queue_init_params: [["u32", "ptr", "ptr"], "i32"],
  io_uring_queue_exit: [["ptr"], "void"],
  io_uring_submit: [["ptr"], "i32"],
  io_uring_submit_and_wait: [["ptr", "u32"], "i32"],
  io_uring_submit_and_wait_timeout: [["ptr", "ptr", "u32", "ptr", "ptr"], "i32"],
  io_uring_get_events: [["ptr"], "i32"],
  io_uring_get_probe_ring: [["ptr"], "i64_fast"],
  io_uring_free_probe: [["ptr"], "void"],
  io_uring_register_buffers: [["ptr", "ptr", "u32"], "i32"],
  io_uring_unregister_buffers: [["ptr"], "i32"],
  io_uring_register_files: [["ptr", "ptr", "u32"], "i32"],
  io_uring_unregister_files: [["ptr"], "i32"],
  io_uring_register_iowq_max_workers: [["ptr", "ptr"], "i32"],
} as const;

const NAMES = ["liburing.so.2", "liburing.so"];

let loaded: Loaded<typeof SYMBOLS> | undefined;

/** The library, opened at the first call; `name` is undefined and `reason` explains why when it is unavailable. */
export function liburing(): Loaded<typeof SYMBOLS> {
  loaded ??= openLibrary(NAMES, SYMBOLS);
  return loaded;
}
