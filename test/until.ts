/**
 * Waiting for an event instead of for a time.
 *
 * Owns the poll with a generous end, and what tests ask of other processes through /proc (a bare machine has no `ps`
 * and no `pgrep`).
 */
import { readdirSync, readFileSync } from "node:fs";
import { SYS } from "../src/sys/thread.ts";

const LIMIT_MS = 30_000;
const STEP_MS = 10;

/** The first value of `probe` that is neither undefined nor false; an error that names what was waited for otherwise. */
export async function until<Value>(
  what: string,
  probe: () => Value | undefined | false | Promise<Value | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<Value> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs} ms without seeing ${what}`);
    await Bun.sleep(STEP_MS);
  }
}

interface ProcessState {
  readonly pid: number;
  readonly parent: number;
  /** proc(5): R runs, S sleeps, Z has ended and waits for its parent. */
  readonly state: string;
}

function stateOf(pid: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined; // It ended between the listing and the look.
  }
}

/** Living children of a process, by their numbers. */
export function childrenOf(parent: number): number[] {
  const states = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [stateOf(Number(name))] : []));
  return states.flatMap((one) => (one?.parent === parent && one.state !== "Z" ? [one.pid] : []));
}

/** False once a process has ended, also while its parent has not collected it. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

const ARM64 = process.arch === "arm64";

/** The system calls that a function of libc sleeps in: asm/unistd_64.h, asm-generic/unistd.h. */
const SLEEPS = {
  open: ARM64 ? [56] : [2, 257],
  read: [SYS.read],
  write: [SYS.write],
  poll: ARM64 ? [73] : [7],
  splice: [SYS.splice],
  io_uring_enter: [SYS.io_uring_enter],
} as const;

export type Sleep = keyof typeof SLEEPS;

/** True while the process's first thread is blocked in this call. proc(5), /proc/PID/syscall. */
export function isBlockedIn(pid: number, call: Sleep): boolean {
  try {
    const [number] = readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ");
    return (SLEEPS[call] as readonly number[]).includes(Number(number)) && stateOf(pid)?.state === "S";
  } catch {
    return false;
  }
}

/** Bytes that the process has read so far by read(2) and its relatives; undefined once it is gone. proc(5). */
export function bytesReadBy(pid: number): number | undefined {
  try {
    return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Sockets of IPv4 with this local port: 1 is ESTABLISHED, 10 LISTEN; queued bytes wait to be sent. proc_net_tcp(5). */
export function tcpSockets(port: number): { state: number; queuedBytes: number }[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  return rows.flatMap((row) => {
    const [, local, , state, queues] = row.trim().split(/\s+/);
    if (local?.split(":")[1] !== wanted) return [];
    return [{ state: Number.parseInt(state ?? "", 16), queuedBytes: Number.parseInt(queues?.split(":")[0] ?? "", 16) }];
  });
}
