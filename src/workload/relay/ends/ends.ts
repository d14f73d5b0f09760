/**
 * The ends of a relay: where clients are accepted, where servers are found, and files and pipes in either place.
 *
 * Owns opening them by kind. An end that is a file or a pipe has no listener and serves one connection.
 */
import { type Address, addressText, isLoopback, resolveAddress } from "../../../ops/address.ts";
import { checkedNegative } from "../../../ops/errors.ts";
import { Fd } from "../../../ops/fd.ts";
import { openFile } from "../../../ops/file.ts";
import { Interrupted } from "../../../ops/signals.ts";
import { connectTo, listenOn, openSocket, tryConnect } from "../../../ops/socket.ts";
import { type TcpTuning, tuneTcp } from "../../../ops/socket-option.ts";
import { ERRNO } from "../../../sys/errno.ts";
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from "../../../sys/uapi/fcntl.ts";
import { type EndKind, SYSTEM_CONGESTION } from "../options.ts";

/** One end as JSON: an address for sockets, a path for files, a descriptor number for pipes. */
export interface EndPlace {
  readonly kind: EndKind;
  /** "HOST:PORT" for tcp, a path for unix and file, the inherited descriptor's number for pipe. */
  readonly place: string;
}

/** The socket address of an end, or undefined for files and pipes. */
export async function addressOfEnd(end: EndPlace): Promise<Address | undefined> {
  if (end.kind === "tcp") return await resolveAddress(end.place);
  return end.kind === "unix" ? { family: "unix", path: end.place } : undefined;
}

/** Opens a file or pipe end for reading or writing; an output file must not exist yet. */
export function openStreamEnd(end: EndPlace, direction: "read" | "write"): Fd {
  if (end.kind === "pipe") return new Fd(Number(end.place), `pipe ${end.place}`);
  return direction === "read"
    ? openFile(end.place, { flags: O_RDONLY })
    : openFile(end.place, { flags: O_WRONLY | O_CREAT | O_EXCL });
}

/** A non-blocking connect in flight (or done at once). Refusals that come at once are SyscallErrors. */
export function beginConnect(address: Address, tuning: TcpTuning): { fd: Fd; connecting: boolean } {
  const fd = openSocket(address, { nonblocking: true });
  try {
    tuneTcp(fd, tuningAt(address, tuning));
    const result = tryConnect(fd, address);
    if (result !== -ERRNO.EINPROGRESS) checkedNegative(result, "connect", addressText(address));
    return { fd, connecting: result !== 0 };
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * Options of the sockets of an address. On loopback nothing congests, and a congestion control that paces (bbr)
 * starts a timer for every segment and wakes the sink for each: reno, which every kernel has, sends at once. Where small
 * segments are the experiment, pacing keeps them apart on their way, as a network would, and stays.
 */
export function tuningAt(address: Address, { maxSegmentBytes, congestion }: TcpTuning): TcpTuning {
  if (address.family === "unix") return {};
  const unpaced = maxSegmentBytes === undefined && isLoopback(address);
  const chosen = congestion ?? (unpaced ? "reno" : SYSTEM_CONGESTION);
  return { maxSegmentBytes, congestion: chosen === SYSTEM_CONGESTION ? undefined : chosen };
}

export function listenAt(address: Address, tuning: TcpTuning): Fd {
  return listenOn(address, tuningAt(address, tuning));
}

export function connectAt(address: Address, tuning: TcpTuning): Fd {
  return connectTo(address, tuningAt(address, tuning));
}

/** A watched signal ends a loop early and keeps what it has: the verdict so far is still a verdict. */
export function unlessInterrupted(loop: () => boolean): boolean {
  try {
    return loop();
  } catch (error) {
    if (error instanceof Interrupted) return false;
    throw error;
  }
}
