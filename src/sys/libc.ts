/**
 * libc by its exported symbols, C spelling, raw numbers, never throws.
 *
 * Owns the list of C functions this project calls. Results keep C's convention: -1 and errno (see errno.ts).
 * glibc and musl are probed in order; both export every symbol listed. Functions that take `...` in C (open, fcntl,
 * ioctl) are called with integer arguments only, which Linux passes like fixed ones on x86-64 and aarch64.
 */
import { boundAtFirstUse, openLibrary, type RawFunction } from "./library.ts";

export const LIBC_SYMBOLS = {
  __errno_location: [[], "i64_fast"],
  // Files: open(2), read(2), pwritev2(2), statx(2) and relatives.
  open: [["ptr", "i32", "u32"], "i32"],
  openat: [["i32", "ptr", "i32", "u32"], "i32"],
  close: [["i32"], "i32"],
  dup: [["i32"], "i32"],
  dup3: [["i32", "i32", "i32"], "i32"],
  read: [["i32", "ptr", "u32"], "i32"],
  write: [["i32", "ptr", "u32"], "i32"],
  pread: [["i32", "ptr", "u32", "ptr"], "i32"],
  pwrite: [["i32", "ptr", "u32", "ptr"], "i32"],
  readv: [["i32", "ptr", "i32"], "i32"],
  writev: [["i32", "ptr", "i32"], "i32"],
  preadv2: [["i32", "ptr", "i32", "ptr", "i32"], "i32"],
  pwritev2: [["i32", "ptr", "i32", "ptr", "i32"], "i32"],
  lseek: [["i32", "ptr", "i32"], "i64_fast"],
  ftruncate: [["i32", "ptr"], "i32"],
  fallocate: [["i32", "i32", "ptr", "ptr"], "i32"],
  fsync: [["i32"], "i32"],
  fdatasync: [["i32"], "i32"],
  sync: [[], "i32"],
  sync_file_range: [["i32", "ptr", "ptr", "u32"], "i32"],
  posix_fadvise: [["i32", "ptr", "ptr", "i32"], "i32"],
  copy_file_range: [["i32", "ptr", "i32", "ptr", "u32", "u32"], "i32"],
  futimens: [["i32", "ptr"], "i32"],
  statx: [["i32", "ptr", "i32", "u32", "ptr"], "i32"],
  statfs: [["ptr", "ptr"], "i32"],
  unlink: [["ptr"], "i32"],
  rmdir: [["ptr"], "i32"],
  mkdir: [["ptr", "u32"], "i32"],
  access: [["ptr", "i32"], "i32"],
  memfd_create: [["ptr", "u32"], "i32"],
  flock: [["i32", "i32"], "i32"],
  fcntl: [["i32", "i32", "ptr"], "i32"],
  ioctl: [["i32", "ptr", "ptr"], "i32"],
  // Pipes: pipe(2), splice(2), tee(2), vmsplice(2), sendfile(2). Two empty offsets are passed as 0.
  pipe2: [["ptr", "i32"], "i32"],
  splice: [["i32", "ptr", "i32", "ptr", "u32", "u32"], "i32"],
  tee: [["i32", "i32", "u32", "u32"], "i32"],
  vmsplice: [["i32", "ptr", "u32", "u32"], "i32"],
  sendfile: [["i32", "i32", "ptr", "u32"], "i32"],
  // Sockets: socket(2) and relatives.
  socket: [["i32", "i32", "i32"], "i32"],
  socketpair: [["i32", "i32", "i32", "ptr"], "i32"],
  bind: [["i32", "ptr", "u32"], "i32"],
  listen: [["i32", "i32"], "i32"],
  accept4: [["i32", "ptr", "ptr", "i32"], "i32"],
  connect: [["i32", "ptr", "u32"], "i32"],
  shutdown: [["i32", "i32"], "i32"],
  getsockname: [["i32", "ptr", "ptr"], "i32"],
  getpeername: [["i32", "ptr", "ptr"], "i32"],
  setsockopt: [["i32", "i32", "i32", "ptr", "u32"], "i32"],
  getsockopt: [["i32", "i32", "i32", "ptr", "ptr"], "i32"],
  send: [["i32", "ptr", "u32", "i32"], "i32"],
  recv: [["i32", "ptr", "u32", "i32"], "i32"],
  sendmsg: [["i32", "ptr", "i32"], "i32"],
  recvmsg: [["i32", "ptr", "i32"], "i32"],
  // Readiness: poll(2), epoll(7), eventfd(2).
  poll: [["ptr", "ptr", "i32"], "i32"],
  epoll_create1: [["i32"], "i32"],
  epoll_ctl: [["i32", "i32", "i32", "ptr"], "i32"],
  epoll_wait: [["i32", "ptr", "i32", "i32"], "i32"],
  eventfd: [["u32", "i32"], "i32"],
  // Memory: mmap(2) and relatives. mmap's MAP_FAILED arrives as -1.
  mmap: [["ptr", "ptr", "i32", "i32", "i32", "ptr"], "i64_fast"],
  munmap: [["ptr", "ptr"], "i32"],
  madvise: [["ptr", "ptr", "i32"], "i32"],
  mprotect: [["ptr", "ptr", "i32"], "i32"],
  mremap: [["ptr", "ptr", "ptr", "i32", "ptr"], "i64_fast"],
  msync: [["ptr", "ptr", "i32"], "i32"],
  mincore: [["ptr", "ptr", "ptr"], "i32"],
  mlock: [["ptr", "ptr"], "i32"],
  memcmp: [["ptr", "ptr", "ptr"], "i32"],
  memcpy: [["ptr", "ptr", "ptr"], "i64_fast"],
  // Swap: swapon(2).
  swapon: [["ptr", "i32"], "i32"],
  swapoff: [["ptr"], "i32"],
  // Mounts and namespaces: mount(2), unshare(2), setns(2).
  mount: [["ptr", "ptr", "ptr", "ptr", "ptr"], "i32"],
  umount2: [["ptr", "i32"], "i32"],
  unshare: [["i32"], "i32"],
  setns: [["i32", "i32"], "i32"],
  fchdir: [["i32"], "i32"],
  chroot: [["ptr"], "i32"],
  // Processes, limits, time, signals.
  getpid: [[], "i32"],
  getppid: [[], "i32"],
  geteuid: [[], "u32"],
  getegid: [[], "u32"],
  kill: [["i32", "i32"], "i32"],
  sched_setaffinity: [["i32", "ptr", "ptr"], "i32"],
  sched_getaffinity: [["i32", "ptr", "ptr"], "i32"],
  sched_getcpu: [[], "i32"],
  prctl: [["i32", "ptr", "ptr", "ptr", "ptr"], "i32"],
  getrlimit: [["i32", "ptr"], "i32"],
  setrlimit: [["i32", "ptr"], "i32"],
  clock_gettime: [["i32", "ptr"], "i32"],
  setenv: [["ptr", "ptr", "i32"], "i32"],
  usleep: [["u32"], "i32"],
  alarm: [["u32"], "u32"],
  setitimer: [["i32", "ptr", "ptr"], "i32"],
  _exit: [["i32"], "void"],
  signal: [["i32", "ptr"], "i64_fast"],
  siginterrupt: [["i32", "i32"], "i32"],
  syscall: [["ptr", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], "i64_fast"],
} as const;

/** glibc's name first; musl installs one name per architecture. */
const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

let name: string | undefined;

/** The name under which this system has its libc; found at the first call. */
export function libcName(): string {
  if (name === undefined) bind("__errno_location");
  return name as string;
}

/**
 * Looks a function up. Nothing can run without libc, and a process that runs has one: either its calls cannot be compiled
 * here, or this is a platform we do not know. The front desk prints errors of this name as they are.
 */
function bind(symbol: keyof typeof LIBC_SYMBOLS): RawFunction {
  const names = name === undefined ? NAMES : [name];
  const loaded = openLibrary(names, { [symbol]: LIBC_SYMBOLS[symbol] });
  if (loaded.name === undefined) {
    const noMemory = loaded.reason.includes("requires the JIT");
    const text = noMemory
      ? "Bun got no memory for its JIT compiler, which calls of C need: raise the limit of address space (ulimit -v unlimited)"
      : `no usable libc was found: ${loaded.reason}`;
    throw Object.assign(new Error(text), { name: "Surroundings" });
  }
  name = loaded.name;
  return loaded.symbols[symbol] as RawFunction;
}

/** Each function is bound at its first use: a command that calls none opens no library. */
export const libc = boundAtFirstUse(LIBC_SYMBOLS, bind);
