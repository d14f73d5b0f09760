/**
 * Runs a command where io_uring_setup(2) fails with EPERM, as containers have it: bun test/no-ring.ts COMMAND ARGUMENT…
 *
 * Owns the seccomp filter; children inherit it.
 */
import { allocate } from "../src/ops/memory.ts";
import { ERRNO } from "../src/sys/errno.ts";
import { libc } from "../src/sys/libc.ts";

/** Words to put before a command. */
export const WITHOUT_RINGS = [process.execPath, import.meta.path];

/** seccomp(2): from now on io_uring_setup fails with `errno` in this thread and its children. */
export function refuseRings(errno: number): void {
  const IO_URING_SETUP = 425; // the same number on every architecture since 5.1
  // linux/filter.h: { u16 code; u8 jt; u8 jf; u32 k } — load the call's number, compare, return.
  const program: [number, number, number, number][] = [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, IO_URING_SETUP],
    [0x06, 0, 0, 0x00050000 | errno],
    [0x06, 0, 0, 0x7fff0000],
  ];
  const filter = allocate(64);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    filter.view.setUint16(i * 8, code, true);
    filter.bytes[i * 8 + 2] = jt;
    filter.bytes[i * 8 + 3] = jf;
    filter.view.setUint32(i * 8 + 4, k >>> 0, true);
  }
  const prog = allocate(16);
  prog.bytes.fill(0);
  prog.view.setUint16(0, program.length, true);
  prog.view.setBigUint64(8, BigInt(filter.address), true);
  const PR_SET_NO_NEW_PRIVS = 38;
  const PR_SET_SECCOMP = 22;
  if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error("PR_SET_NO_NEW_PRIVS failed");
  if (libc.prctl(PR_SET_SECCOMP, 2, prog.address, 0, 0) !== 0) throw new Error("PR_SET_SECCOMP failed");
}

if (import.meta.main) {
  refuseRings(ERRNO.EPERM);
  const ended = Bun.spawnSync(process.argv.slice(2), { stdio: ["inherit", "inherit", "inherit"] });
  if (ended.signalCode !== undefined) process.kill(process.pid, ended.signalCode);
  process.exit(ended.exitCode);
}
