/**
 * Socket options: setsockopt(2), getsockopt(2), and the few that have names of their own here.
 *
 * Owns ints and byte strings as options' values. Constants are in the second door: `SOL_TCP`, `TCP_NODELAY`, …
 */
import { readFileSync } from "node:fs";
import { ERRNO, errnoName, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import * as S from "../sys/uapi/socket.ts";
import { checked, checkedNegative } from "./errors.ts";
import { Fd } from "./fd.ts";
import { checkInt } from "./integers.ts";
import { allocate } from "./memory.ts";

/** Which option of a socket: SOL_SOCKET and SO_RCVBUF, for example. */
export interface SocketOption {
  readonly level: number;
  readonly option: number;
}

/**
 * `int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen)`: 0, or -errno. A number is
 * an int; bytes are passed as they are. setsockopt(2).
 */
export function trySetOption(fd: Fd, { level, option, value }: SocketOption & { value: number | Uint8Array }): number {
  const bytes = typeof value === "number" ? undefined : value;
  using memory = allocate(bytes?.length ?? 4);
  if (bytes === undefined) memory.view.setInt32(0, checkInt("value", value as number), true);
  else memory.bytes.set(bytes);
  const result = negated(libc.setsockopt(fd.number, level, option, memory.address, memory.lengthBytes));
  memory.bytes.fill(0);
  return result;
}

/** `trySetOption`; a refusal is a SyscallError. setsockopt(2). */
export function setOption(fd: Fd, wanted: SocketOption & { value: number | Uint8Array }): void {
  const { level, option, value } = wanted;
  const result = trySetOption(fd, wanted);
  if (result >= 0) return;
  const shown = typeof value === "number" ? `${value}` : `${value.length} bytes`;
  checkedNegative(result, "setsockopt", `${fd.label}, level ${level}, option ${option}, ${shown}`);
}

/** `int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)` of an int. getsockopt(2). */
export function getOption(fd: Fd, { level, option }: SocketOption): number {
  using memory = allocate(8);
  memory.view.setUint32(4, 4, true);
  const result = libc.getsockopt(fd.number, level, option, memory.address, memory.address + 4);
  checked(result, "getsockopt", () => `${fd.label}, level ${level}, option ${option}`);
  return memory.view.getInt32(0, true);
}

/** Options of a TCP socket before its handshake; accepted sockets inherit it from their listener. */
export interface TcpTuning {
  /** TCP_MAXSEG: announced to the peer, so the peer's segments are no larger either. */
  readonly maxSegmentBytes?: number | undefined;
  /** TCP_CONGESTION: a name the kernel knows; undefined leaves the system's. */
  readonly congestion?: string | undefined;
}

/** TCP_MAXSEG and TCP_CONGESTION. tcp(7). */
export function tuneTcp(fd: Fd, { maxSegmentBytes, congestion }: TcpTuning): void {
  if (maxSegmentBytes !== undefined) {
    setOption(fd, { level: S.SOL_TCP, option: S.TCP_MAXSEG, value: maxSegmentBytes });
  }
  if (congestion === undefined) return;
  const result = trySetCongestion(fd, congestion);
  checkedNegative(result, "setsockopt", `${fd.label}, TCP_CONGESTION "${congestion}"`);
}

function trySetCongestion(fd: Fd, congestion: string): number {
  const value = new TextEncoder().encode(congestion);
  return trySetOption(fd, { level: S.SOL_TCP, option: S.TCP_CONGESTION, value });
}

/** Why this kernel has no congestion control of that name (or none for this user); undefined when it has. tcp(7). */
export function congestionMissing(congestion: string): string | undefined {
  const type = S.SOCK_STREAM | S.SOCK_CLOEXEC;
  using fd = new Fd(checked(libc.socket(S.AF_INET, type, 0), "socket", "AF_INET, SOCK_STREAM"), "a TCP socket");
  const result = trySetCongestion(fd, congestion);
  return result === 0 ? undefined : congestionRefusal(congestion, -result);
}

/** The line about a refused TCP_CONGESTION: EPERM asks for privilege, anything else for another kernel. */
export function congestionRefusal(congestion: string, errno: number): string {
  const refused = `the kernel refuses the congestion control "${congestion}" (${errnoName(errno)})`;
  if (errno === ERRNO.EPERM) return `${refused}; run as root or choose from ${congestionNames("allowed")}`;
  return `${refused}; it knows ${congestionNames("available")}`;
}

function congestionNames(which: "allowed" | "available"): string {
  const names = readFileSync(`/proc/sys/net/ipv4/tcp_${which}_congestion_control`, "utf8");
  return names.trim().split(" ").join(", ");
}

/** SO_ERROR: the errno (positive) that a non-blocking connect or a reset left behind, 0 when none. socket(7). */
export function pendingError(fd: Fd): number {
  return getOption(fd, { level: S.SOL_SOCKET, option: S.SO_ERROR });
}

/** TCP_NODELAY: small writes leave at once. tcp(7). */
export function setNoDelay(fd: Fd): void {
  setOption(fd, { level: S.SOL_TCP, option: S.TCP_NODELAY, value: 1 });
}

/** SO_RCVTIMEO: a receive that waits longer returns -EAGAIN. socket(7). */
export function setReceiveTimeout(fd: Fd, { timeoutMs }: { readonly timeoutMs: number }): void {
  const value = new Uint8Array(S.timeval.sizeBytes);
  const view = new DataView(value.buffer);
  view.setBigInt64(S.timeval.offsets.tv_sec, BigInt(Math.floor(timeoutMs / 1000)), true);
  view.setBigInt64(S.timeval.offsets.tv_usec, BigInt(Math.round((timeoutMs % 1000) * 1000)), true);
  setOption(fd, { level: S.SOL_SOCKET, option: S.SO_RCVTIMEO, value });
}

/** SO_LINGER with time 0: the next close sends a reset. For tests and for ends that give up. socket(7). */
export function resetOnClose(fd: Fd): void {
  const value = new Uint8Array(S.linger.sizeBytes);
  new DataView(value.buffer).setInt32(S.linger.offsets.l_onoff, 1, true);
  setOption(fd, { level: S.SOL_SOCKET, option: S.SO_LINGER, value });
}
