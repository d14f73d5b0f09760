/**
 * Stream sockets: socket(2), bind(2), connect(2), accept(2), send(2), recv(2), shutdown(2) and their options.
 *
 * Every socket is close-on-exec. Writing never raises SIGPIPE (MSG_NOSIGNAL); splice(2) has no such flag, so a process
 * that splices into sockets calls `ignoreBrokenPipes` once. The verbs that begin with `try` return -errno.
 */
import { readFileSync } from "node:fs";
import { ERRNO, errnoName, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import type { ShutdownHow } from "../sys/uapi/flags.ts";
import { SIGPIPE } from "../sys/uapi/mount.ts";
import * as S from "../sys/uapi/socket.ts";
import { ADDRESS_BYTES_MAX, type Address, addressText, decodeAddress, domainOf, encodeAddress } from "./address.ts";
import { assert, checked, checkedNegative, SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { checkInt } from "./integers.ts";
import { allocate, type Memory } from "./memory.ts";
import { retryEintr } from "./signals.ts";

export { MSG_DONTWAIT, MSG_MORE, MSG_WAITALL, SHUT_RD, SHUT_RDWR, SHUT_WR } from "../sys/uapi/socket.ts";

/** `int socket(int domain, SOCK_STREAM, 0)`. socket(2). */
export function openSocket(address: Address, options: { nonblocking: boolean }): Fd {
  const type = S.SOCK_STREAM | S.SOCK_CLOEXEC | (options.nonblocking ? S.SOCK_NONBLOCK : 0);
  const domain = domainOf(address);
  return new Fd(checked(libc.socket(domain, type, 0), "socket", `${domain}, SOCK_STREAM`), addressText(address));
}

/** What a TCP socket is told before its handshake; accepted sockets inherit it from their listener. */
export interface TcpTuning {
  /** TCP_MAXSEG: announced to the peer, so the peer's segments are no larger either. */
  readonly maxSegmentBytes?: number | undefined;
  /** TCP_CONGESTION: a name the kernel knows; undefined leaves the system's. */
  readonly congestion?: string | undefined;
}

/** TCP_MAXSEG and TCP_CONGESTION. tcp(7). */
export function tuneTcp(fd: Fd, { maxSegmentBytes, congestion }: TcpTuning): void {
  if (maxSegmentBytes !== undefined) setOption(fd, S.SOL_TCP, S.TCP_MAXSEG, maxSegmentBytes);
  if (congestion === undefined) return;
  const result = trySetCongestion(fd, congestion);
  checkedNegative(result, "setsockopt", `${fd.label}, TCP_CONGESTION "${congestion}"`);
}

function trySetCongestion(fd: Fd, congestion: string): number {
  return trySetOptionBytes(fd, S.SOL_TCP, S.TCP_CONGESTION, new TextEncoder().encode(congestion));
}

/** Why this kernel has no congestion control of that name (or none for this user); undefined when it has. tcp(7). */
export function congestionMissing(congestion: string): string | undefined {
  using fd = openSocket({ family: "ipv4", host: "0.0.0.0", port: 0 }, { nonblocking: true });
  const result = trySetCongestion(fd, congestion);
  return result === 0 ? undefined : congestionRefusal(congestion, -result);
}

/** The line about a refused TCP_CONGESTION: EPERM is a matter of privilege, anything else of what the kernel has. */
export function congestionRefusal(congestion: string, errno: number): string {
  const refused = `the kernel refuses the congestion control "${congestion}" (${errnoName(errno)})`;
  if (errno === ERRNO.EPERM) return `${refused}; run as root or choose from ${congestionNames("allowed")}`;
  return `${refused}; it knows ${congestionNames("available")}`;
}

function congestionNames(which: "allowed" | "available"): string {
  const names = readFileSync(`/proc/sys/net/ipv4/tcp_${which}_congestion_control`, "utf8");
  return names.trim().split(" ").join(", ");
}

/** A listening socket on `address` (port 0: the kernel chooses, see `localAddress`). SO_REUSEADDR is set. listen(2). */
export function listenOn(address: Address, options: TcpTuning & { backlogCount?: number } = {}): Fd {
  const fd = openSocket(address, { nonblocking: true });
  try {
    using name = allocate(ADDRESS_BYTES_MAX);
    if (address.family !== "unix") setOption(fd, S.SOL_SOCKET, S.SO_REUSEADDR, 1);
    tuneTcp(fd, options);
    checked(libc.bind(fd.number, name.address, encodeAddress(address, name)), "bind", addressText(address));
    checked(libc.listen(fd.number, options.backlogCount ?? 4096), "listen", addressText(address));
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** `int accept4(int sockfd, NULL, NULL, flags)`: the accepted socket, or -errno (-EAGAIN: nobody waits). accept(2). */
export function tryAccept(listener: Fd, options: { nonblocking: boolean }): Fd | number {
  const flags = S.SOCK_CLOEXEC | (options.nonblocking ? S.SOCK_NONBLOCK : 0);
  const result = negated(retryEintr(() => libc.accept4(listener.number, 0, 0, flags)));
  return result < 0 ? result : new Fd(result, `client of ${listener.label}`);
}

/** `int connect(int sockfd, …)`: 0, -EINPROGRESS on a non-blocking socket, or another -errno. connect(2). */
export function tryConnect(fd: Fd, address: Address): number {
  using name = allocate(ADDRESS_BYTES_MAX);
  const lengthBytes = encodeAddress(address, name);
  return negated(retryEintr(() => libc.connect(fd.number, name.address, lengthBytes)));
}

/** A connected blocking socket, or a SyscallError that names the address. connect(2). */
export function connectTo(address: Address, options: TcpTuning = {}): Fd {
  const fd = openSocket(address, { nonblocking: false });
  try {
    tuneTcp(fd, options);
    checkedNegative(tryConnect(fd, address), "connect", addressText(address));
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** SO_ERROR: the errno (positive) that a non-blocking connect or a reset left behind, 0 when none. socket(7). */
export function pendingError(fd: Fd): number {
  return getOption(fd, S.SOL_SOCKET, S.SO_ERROR);
}

/** `int shutdown(int sockfd, int how)`; a peer that is gone already (ENOTCONN) is no error here. shutdown(2). */
export function shutdownSocket(fd: Fd, how: ShutdownHow): void {
  const result = negated(libc.shutdown(fd.number, how));
  if (result < 0 && result !== -ERRNO.ENOTCONN) throw new SyscallError("shutdown", -result, fd.label);
}

/** `ssize_t send(int sockfd, …, flags | MSG_NOSIGNAL)`: the count, or -errno. send(2). */
export function trySend(fd: Fd, memory: Memory, part: { offsetBytes: number; lengthBytes: number }, flags = 0): number {
  const address = memory.at(part.offsetBytes, part.lengthBytes);
  const result = negated(libc.send(fd.number, address, part.lengthBytes, flags | S.MSG_NOSIGNAL));
  assert(result <= part.lengthBytes, "send sent more than it was asked for");
  return result;
}

/** `ssize_t recv(int sockfd, …)`: the count, 0 when the peer has finished, or -errno. recv(2). */
export function tryReceive(
  fd: Fd,
  memory: Memory,
  part: { offsetBytes: number; lengthBytes: number },
  flags = 0,
): number {
  const address = memory.at(part.offsetBytes, part.lengthBytes);
  const result = negated(libc.recv(fd.number, address, part.lengthBytes, flags));
  assert(result <= part.lengthBytes, "recv received more than it was asked for");
  return result;
}

/** `int socketpair(AF_UNIX, SOCK_STREAM, 0, sv)`: two connected sockets. socketpair(2). */
export function socketPair(options: { nonblocking: boolean }): [Fd, Fd] {
  using pair = allocate(8);
  const type = S.SOCK_STREAM | S.SOCK_CLOEXEC | (options.nonblocking ? S.SOCK_NONBLOCK : 0);
  checked(libc.socketpair(S.AF_UNIX, type, 0, pair.address), "socketpair");
  return [new Fd(pair.view.getInt32(0, true), "socketpair[0]"), new Fd(pair.view.getInt32(4, true), "socketpair[1]")];
}

/** The address a socket is bound to. getsockname(2). */
export function localAddress(fd: Fd): Address {
  using name = allocate(ADDRESS_BYTES_MAX + 8);
  name.bytes.fill(0);
  name.view.setUint32(ADDRESS_BYTES_MAX + 2, ADDRESS_BYTES_MAX, true);
  checked(libc.getsockname(fd.number, name.address, name.address + ADDRESS_BYTES_MAX + 2), "getsockname", fd.label);
  return decodeAddress(name);
}

/** `setsockopt` with an int. setsockopt(2), tcp(7). */
export function setOption(fd: Fd, level: number, option: number, value: number): void {
  using memory = allocate(4);
  memory.view.setInt32(0, checkInt("value", value), true);
  const result = libc.setsockopt(fd.number, level, option, memory.address, 4);
  checked(result, "setsockopt", () => `${fd.label}, level ${level}, option ${option}, ${value}`);
}

/** `setsockopt` with bytes: 0, or -errno. setsockopt(2). */
export function trySetOptionBytes(fd: Fd, level: number, option: number, bytes: Uint8Array): number {
  using memory = allocate(bytes.length);
  memory.bytes.set(bytes);
  const result = negated(libc.setsockopt(fd.number, level, option, memory.address, bytes.length));
  memory.bytes.fill(0);
  return result;
}

/** `getsockopt` of an int. getsockopt(2). */
export function getOption(fd: Fd, level: number, option: number): number {
  using memory = allocate(8);
  memory.view.setUint32(4, 4, true);
  const result = libc.getsockopt(fd.number, level, option, memory.address, memory.address + 4);
  checked(result, "getsockopt", () => `${fd.label}, level ${level}, option ${option}`);
  return memory.view.getInt32(0, true);
}

/** TCP_NODELAY: small writes leave at once. tcp(7). */
export function setNoDelay(fd: Fd): void {
  setOption(fd, S.SOL_TCP, S.TCP_NODELAY, 1);
}

/** SO_LINGER with time 0: the next close sends a reset. For tests and for ends that give up. socket(7). */
export function resetOnClose(fd: Fd): void {
  const bytes = new Uint8Array(S.linger.sizeBytes);
  new DataView(bytes.buffer).setInt32(S.linger.offsets.l_onoff, 1, true);
  checkedNegative(trySetOptionBytes(fd, S.SOL_SOCKET, S.SO_LINGER, bytes), "setsockopt", `${fd.label}, SO_LINGER`);
}

/** `signal(SIGPIPE, SIG_IGN)`: a splice into a closed socket returns -EPIPE instead of ending the process. signal(2). */
export function ignoreBrokenPipes(): void {
  const SIG_IGN = 1;
  checked(libc.signal(SIGPIPE, SIG_IGN), "signal", "SIGPIPE, SIG_IGN");
}
