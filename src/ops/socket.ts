/**
 * Sockets of every kind: TCP, MPTCP, UDP, unix, vsock. socket(2), bind(2), connect(2), accept(2), send(2), recv(2).
 *
 * Every socket is close-on-exec. Writing never raises SIGPIPE (MSG_NOSIGNAL); splice(2) has no such flag, so a process
 * that splices into sockets calls `ignoreBrokenPipes` once. The verbs that begin with `try` return -errno. Options are
 * in socket-option.ts.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import type { MessageFlags, ShutdownHow } from "../sys/uapi/flags.ts";
import { SIGPIPE } from "../sys/uapi/mount.ts";
import * as S from "../sys/uapi/socket.ts";
import { ADDRESS_BYTES_MAX, type Address, addressText, decodeAddress, domainOf, encodeAddress } from "./address.ts";
import { assert, checked, checkedNegative, SyscallError } from "./errors.ts";
import { Fd, setNonblocking } from "./fd.ts";
import type { BufferPart } from "./file.ts";
import { checkTransfer, checkUint } from "./integers.ts";
import { allocate, type KernelBuffer } from "./memory.ts";
import { retryEintr, retryInterrupted } from "./signals.ts";
import { setOption, type TcpTuning, tuneTcp } from "./socket-option.ts";
import { unlink } from "./space.ts";

export { MSG_DONTWAIT, MSG_MORE, MSG_WAITALL, SHUT_RD, SHUT_RDWR, SHUT_WR } from "../sys/uapi/socket.ts";

const TYPES = { stream: S.SOCK_STREAM, datagram: S.SOCK_DGRAM, seqpacket: S.SOCK_SEQPACKET } as const;

/** What a socket is besides its address. */
export interface SocketKind {
  /** "stream" unless given. */
  readonly type?: keyof typeof TYPES | undefined;
  /** IPPROTO_MPTCP, for example; the family's own for the type unless given. */
  readonly protocol?: number | undefined;
}

/** `int socket(int domain, int type, int protocol)`; the domain is the address's. socket(2). */
export function openSocket(address: Address, options: SocketKind & { readonly nonblocking: boolean }): Fd {
  const { type = "stream", protocol = 0, nonblocking } = options;
  const bits = TYPES[type] | S.SOCK_CLOEXEC | (nonblocking ? S.SOCK_NONBLOCK : 0);
  const domain = domainOf(address);
  const result = libc.socket(domain, bits, checkUint("protocol", protocol));
  const hint = protocol === S.IPPROTO_MPTCP ? "MPTCP needs CONFIG_MPTCP and sysctl net.mptcp.enabled=1" : undefined;
  if (result >= 0) return new Fd(result, addressText(address));
  throw new SyscallError("socket", -negated(result), `${domain}, ${type}, protocol ${protocol}`, hint);
}

/** `int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen)`. bind(2). */
export function bindTo(fd: Fd, address: Address): void {
  using name = allocate(ADDRESS_BYTES_MAX);
  checked(libc.bind(fd.number, name.address, encodeAddress(address, name)), "bind", addressText(address));
}

/**
 * `int listen(int sockfd, int backlog)` on a new non-blocking socket that is bound to `address` (port 0: the kernel
 * chooses, see `localAddress`); SO_REUSEADDR is set. A unix socket with a path makes a file, which the caller removes.
 * listen(2).
 */
export function listenOn(address: Address, options: TcpTuning & SocketKind & { backlogCount?: number } = {}): Fd {
  const fd = openSocket(address, { ...options, nonblocking: true });
  try {
    const internet = address.family === "ipv4" || address.family === "ipv6";
    if (internet) setOption(fd, { level: S.SOL_SOCKET, option: S.SO_REUSEADDR, value: 1 });
    tuneTcp(fd, options);
    bindTo(fd, address);
    checked(libc.listen(fd.number, options.backlogCount ?? 4096), "listen", addressText(address));
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** `int accept4(int sockfd, NULL, NULL, flags)`: the accepted socket, or -errno (-EAGAIN: no one waits). accept(2). */
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

/** `int connect(int sockfd, …)` of a new blocking socket; a refusal is a SyscallError that names the address. connect(2). */
export function connectTo(address: Address, options: TcpTuning & SocketKind = {}): Fd {
  const fd = openSocket(address, { ...options, nonblocking: false });
  try {
    tuneTcp(fd, options);
    checkedNegative(tryConnect(fd, address), "connect", addressText(address));
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Two connected sockets; closed together. */
export interface Connection extends Disposable {
  readonly client: Fd;
  readonly server: Fd;
}

/**
 * listen, connect and accept in one: two connected blocking sockets of any family and kind, both in this process.
 * `connectedPair({ family: "ipv4", host: "127.0.0.1", port: 0 }, { protocol: IPPROTO_MPTCP })`. The file of a unix
 * socket with a path is removed at once: nobody else is to connect. accept(2).
 */
export function connectedPair(address: Address, options: TcpTuning & SocketKind = {}): Connection {
  using listener = listenOn(address, options);
  const client = connectTo(localAddress(listener), options);
  if (address.family === "unix" && !/^(?:\0|$)/.test(address.path)) unlink(address.path);
  setNonblocking(listener, false); // connect(2) may return before the listener has the connection: wait for it
  const server = tryAccept(listener, { nonblocking: false });
  if (server instanceof Fd) {
    const close = () => {
      client.close();
      server.close();
    };
    return { client, server, [Symbol.dispose]: close };
  }
  client.close();
  throw new SyscallError("accept4", -server, listener.label);
}

/** `int shutdown(int sockfd, int how)`; a peer that is gone already (ENOTCONN) is not an error here. shutdown(2). */
export function shutdownSocket(fd: Fd, { how }: { readonly how: ShutdownHow }): void {
  const result = negated(libc.shutdown(fd.number, how));
  if (result < 0 && result !== -ERRNO.ENOTCONN) throw new SyscallError("shutdown", -result, fd.label);
}

/** Which bytes of the buffer, with which flags. */
export interface MessageOptions extends BufferPart {
  /** MSG_*; 0 unless given. */
  readonly flags?: MessageFlags;
}

/** `ssize_t send(int sockfd, const void *buf, size_t len, int flags)` with MSG_NOSIGNAL: the count, or -errno. send(2). */
export function trySend(fd: Fd, memory: KernelBuffer, options: MessageOptions = {}): number {
  const { bufferOffsetBytes = 0, lengthBytes = memory.lengthBytes - bufferOffsetBytes, flags = 0 } = options;
  const address = memory.at(bufferOffsetBytes, checkTransfer("lengthBytes", lengthBytes));
  const result = negated(libc.send(fd.number, address, lengthBytes, flags | S.MSG_NOSIGNAL));
  assert(result <= lengthBytes, "send sent more than it was asked for");
  return result;
}

/** `trySend` with EINTR retried; a refusal is a SyscallError. send(2). */
export function send(fd: Fd, memory: KernelBuffer, options: MessageOptions = {}): number {
  return checkedNegative(
    retryInterrupted(() => trySend(fd, memory, options)),
    "send",
    fd.label,
  );
}

/** `ssize_t recv(int sockfd, void *buf, size_t len, int flags)`: the count, 0 at the end, or -errno. recv(2). */
export function tryReceive(fd: Fd, memory: KernelBuffer, options: MessageOptions = {}): number {
  const { bufferOffsetBytes = 0, lengthBytes = memory.lengthBytes - bufferOffsetBytes, flags = 0 } = options;
  const address = memory.at(bufferOffsetBytes, checkTransfer("lengthBytes", lengthBytes));
  const result = negated(libc.recv(fd.number, address, lengthBytes, flags));
  // With MSG_TRUNC a datagram's whole length is the result, also when it did not fit. recv(2).
  assert(result <= lengthBytes || (flags & S.MSG_TRUNC) !== 0, "recv received more than it was asked for");
  return result;
}

/** `tryReceive` with EINTR retried; a refusal is a SyscallError. recv(2). */
export function receive(fd: Fd, memory: KernelBuffer, options: MessageOptions = {}): number {
  return checkedNegative(
    retryInterrupted(() => tryReceive(fd, memory, options)),
    "recv",
    fd.label,
  );
}

/** `int socketpair(AF_UNIX, int type, 0, int sv[2])`: two connected unix sockets. socketpair(2). */
export function socketPair(options: Pick<SocketKind, "type"> & { readonly nonblocking: boolean }): [Fd, Fd] {
  using pair = allocate(8);
  const type = TYPES[options.type ?? "stream"] | S.SOCK_CLOEXEC | (options.nonblocking ? S.SOCK_NONBLOCK : 0);
  checked(libc.socketpair(S.AF_UNIX, type, 0, pair.address), "socketpair");
  return [new Fd(pair.view.getInt32(0, true), "socketpair[0]"), new Fd(pair.view.getInt32(4, true), "socketpair[1]")];
}

/** `int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen)`: the address a socket is bound to. */
export function localAddress(fd: Fd): Address {
  return addressOf(fd, "getsockname");
}

/** `int getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen)`: the address of the other end. */
export function peerAddress(fd: Fd): Address {
  return addressOf(fd, "getpeername");
}

function addressOf(fd: Fd, call: "getsockname" | "getpeername"): Address {
  const lengthAt = Math.ceil(ADDRESS_BYTES_MAX / 4) * 4;
  using name = allocate(lengthAt + 4);
  name.bytes.fill(0);
  name.view.setUint32(lengthAt, ADDRESS_BYTES_MAX, true);
  checked(libc[call](fd.number, name.address, name.address + lengthAt), call, fd.label);
  return decodeAddress(name, name.view.getUint32(lengthAt, true));
}

/** `sighandler_t signal(SIGPIPE, SIG_IGN)`: a splice into a closed socket returns -EPIPE instead of ending the process. */
export function ignoreBrokenPipes(): void {
  const SIG_IGN = 1;
  checked(libc.signal(SIGPIPE, SIG_IGN), "signal", "SIGPIPE, SIG_IGN");
}
