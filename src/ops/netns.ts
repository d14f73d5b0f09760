/**
 * Network namespaces, and the few interface settings a test network needs: unshare(2), setns(2), netdevice(7).
 *
 * Owns nothing that outlives its process: a namespace made here has no name, so it and the veth pairs in it vanish with
 * the last process inside. Creating a veth pair needs netlink, which the `ip` command of iproute2 speaks; everything
 * else is an ioctl.
 */
import { ERRNO, negated } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { CLONE_NEWNET } from "../sys/uapi/mount.ts";
import * as S from "../sys/uapi/socket.ts";
import { encodeAddress } from "./address.ts";
import { checked, checkedNegative, SyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { allocate, type Memory } from "./memory.ts";
import { openSocket } from "./socket.ts";

const INTERFACE_NAME_BYTES_MAX = 15;

/** `int unshare(CLONE_NEWNET)`: this thread, and what it spawns, moves to a new empty network. unshare(2). */
export function enterNewNetwork(): void {
  const result = negated(libc.unshare(CLONE_NEWNET));
  if (result < 0) throw new SyscallError("unshare", -result, "CLONE_NEWNET", "a network of one's own needs root");
}

/** Which networks, named by a process inside each, a veth pair joins. */
export interface VethEnd {
  readonly pid: number;
  readonly name: string;
}

/** Creates a veth pair with one end in the network of each process. Undefined, or why it could not be made. */
export function joinByVeth(one: VethEnd, other: VethEnd): string | undefined {
  const ip = Bun.which("ip");
  if (ip === null) return "the `ip` command is missing: install iproute2";
  const peer = ["peer", "name", other.name, "netns", String(other.pid)];
  const command = [ip, "link", "add", one.name, "netns", String(one.pid), "type", "veth", ...peer];
  const made = Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  return made.exitCode === 0 ? undefined : `ip link add … type veth: ${made.stderr.toString().trim()}`;
}

/** Brings an interface up (`lo` of a new network is down). SIOCSIFFLAGS, netdevice(7). */
export function bringUp(name: string): void {
  using fd = controlSocket();
  using request = requestFor(name);
  const at = S.ifreq.offsets.ifr_flags;
  checked(libc.ioctl(fd.number, S.SIOCGIFFLAGS, request.address), "ioctl", `SIOCGIFFLAGS ${name}`);
  request.view.setUint16(at, request.view.getUint16(at, true) | S.IFF_UP, true);
  checked(libc.ioctl(fd.number, S.SIOCSIFFLAGS, request.address), "ioctl", `SIOCSIFFLAGS ${name}`);
}

/** Gives an interface an IPv4 address in a /24 network. SIOCSIFADDR, SIOCSIFNETMASK, netdevice(7). */
export function setAddress(name: string, host: string): void {
  using fd = controlSocket();
  for (const [request, value, label] of [
    [S.SIOCSIFADDR, host, "SIOCSIFADDR"],
    [S.SIOCSIFNETMASK, "255.255.255.0", "SIOCSIFNETMASK"],
  ] as const) {
    using memory = requestFor(name);
    using address = allocate(128);
    const lengthBytes = encodeAddress({ family: "ipv4", host: value, port: 0 }, address);
    memory.bytes.set(address.bytes.subarray(0, lengthBytes), S.ifreq.offsets.ifr_addr);
    checked(libc.ioctl(fd.number, request, memory.address), "ioctl", `${label} ${name} ${value}`);
  }
}

/**
 * Switches off what merges segments before they cross a device: TSO, GSO, GRO, scatter/gather and checksum offload.
 * An interface that lacks one of them (EOPNOTSUPP) has nothing to switch off. SIOCETHTOOL, ethtool(8) -K.
 */
export function switchOffloadsOff(name: string): void {
  using fd = controlSocket();
  for (const command of [S.ETHTOOL_SGRO, S.ETHTOOL_STSO, S.ETHTOOL_SGSO, S.ETHTOOL_SSG, S.ETHTOOL_STXCSUM]) {
    using request = requestFor(name);
    using value = allocate(S.ethtool_value.sizeBytes);
    value.view.setUint32(S.ethtool_value.offsets.cmd, command, true);
    value.view.setUint32(S.ethtool_value.offsets.data, 0, true);
    request.view.setUint32(S.ifreq.offsets.ifr_data, value.address >>> 0, true);
    request.view.setUint32(S.ifreq.offsets.ifr_data + 4, Math.floor(value.address / 2 ** 32), true);
    const result = negated(libc.ioctl(fd.number, S.SIOCETHTOOL, request.address));
    if (result === -ERRNO.EOPNOTSUPP) continue;
    checkedNegative(result, "ioctl", `SIOCETHTOOL ${name}, command 0x${command.toString(16)}`);
  }
}

function controlSocket(): Fd {
  return openSocket({ family: "ipv4", host: "0.0.0.0", port: 0 }, { nonblocking: false });
}

/** struct ifreq with the interface's name, the rest zero. */
function requestFor(name: string): Memory {
  const bytes = Buffer.from(name, "utf8");
  if (bytes.length === 0 || bytes.length > INTERFACE_NAME_BYTES_MAX) {
    throw new RangeError(`an interface's name has 1 to ${INTERFACE_NAME_BYTES_MAX} bytes, not "${name}"`);
  }
  const request = allocate(S.ifreq.sizeBytes);
  request.bytes.fill(0);
  request.bytes.set(bytes, S.ifreq.offsets.ifr_name);
  return request;
}
