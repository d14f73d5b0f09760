/**
 * Socket addresses: "HOST:PORT" as people write it, struct sockaddr as the kernel reads it.
 *
 * Owns parsing, name resolution and both conversions for IPv4, IPv6, unix and vsock sockets. Internet ports and addresses are in
 * network byte order inside a sockaddr and nowhere else.
 */
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_VSOCK,
  sockaddr_in,
  sockaddr_in6,
  sockaddr_un,
  sockaddr_vm,
  VMADDR_CID_LOCAL,
} from "../sys/uapi/socket.ts";
import { assert } from "./errors.ts";
import type { Memory } from "./memory.ts";

/** Loaded at the first name or address: few commands have one, and node:net brings all of the streams. */
const netModule = () => process.getBuiltinModule("node:net");

/** Where a socket is bound or connected, by family. */
export type Address =
  | { readonly family: "ipv4" | "ipv6"; readonly host: string; readonly port: number }
  /** A path; one that begins with NUL is an abstract name, an empty one is chosen by the kernel. unix(7). */
  | { readonly family: "unix"; readonly path: string }
  /** `cid` is VMADDR_CID_LOCAL (1) for this machine itself. vsock(7). */
  | { readonly family: "vsock"; readonly cid: number; readonly port: number };

export const ADDRESS_BYTES_MAX = sockaddr_un.sizeBytes;

/** An address that cannot be used; the message is one line for people. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

/** "10.0.0.1:80", "[::1]:80", "name:80", ":80" and "80" (every interface). */
export function parseHostPort(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<six>[^\]]*)\]|(?<host>[^:[\]]*))?(?:^|:)(?<port>\d+)$/.exec(text);
  const port = Number(match?.groups?.port ?? Number.NaN);
  if (match === null || !(port >= 0 && port <= 65_535)) {
    throw new AddressError(`"${text}" is not an address: write HOST:PORT, [IPV6]:PORT or :PORT (port 0 to 65535)`);
  }
  const host = match.groups?.six ?? match.groups?.host ?? "";
  if (match.groups?.six !== undefined && netModule().isIP(host.split("%")[0] ?? "") !== 6) {
    throw new AddressError(`"${host}" is not an IPv6 address`);
  }
  return { host, port };
}

/** The address of HOST:PORT; names are resolved by the system, an empty host is every interface (0.0.0.0). */
export async function resolveAddress(text: string): Promise<Address> {
  const { host, port } = parseHostPort(text);
  if (host === "") return { family: "ipv4", host: "0.0.0.0", port };
  const literal = netModule().isIP(host.split("%")[0] ?? "");
  if (literal !== 0) return { family: literal === 6 ? "ipv6" : "ipv4", host, port };
  try {
    const found = await process.getBuiltinModule("node:dns/promises").lookup(host);
    return { family: found.family === 6 ? "ipv6" : "ipv4", host: found.address, port };
  } catch {
    throw new AddressError(`the name "${host}" does not resolve to an address`);
  }
}

export function addressText(address: Address): string {
  if (address.family === "unix") return `unix:${address.path.replace(/^@/, "./@").replace("\0", "@")}`;
  if (address.family === "vsock") return `vsock:${address.cid}:${address.port}`;
  return address.family === "ipv6" ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True for addresses whose packets never leave this network namespace: 127.0.0.0/8 and ::1. */
export function isLoopback(address: Address): boolean {
  if (address.family === "unix") return false;
  if (address.family === "vsock") return address.cid === VMADDR_CID_LOCAL;
  return address.family === "ipv4" ? address.host.startsWith("127.") : address.host === "::1";
}

export function domainOf(address: Address): number {
  return { unix: AF_UNIX, ipv6: AF_INET6, ipv4: AF_INET, vsock: AF_VSOCK }[address.family];
}

function numberOf(what: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new AddressError(`${what} must be a whole number from 0 to ${max}, not ${value}`);
}

/** Writes struct sockaddr_in, _in6, _un or _vm to the start of `memory`; its length. ip(7), ipv6(7), unix(7). */
export function encodeAddress(address: Address, memory: Memory): number {
  memory.at(0, ADDRESS_BYTES_MAX);
  memory.bytes.fill(0, 0, ADDRESS_BYTES_MAX);
  memory.view.setUint16(0, domainOf(address), true);
  if (address.family === "unix") {
    const path = Buffer.from(address.path, "utf8");
    const roomBytes = sockaddr_un.sizeBytes - sockaddr_un.offsets.sun_path - 1;
    if (path.length > roomBytes) throw new AddressError(`a unix socket's path has at most ${roomBytes} bytes`);
    memory.bytes.set(path, sockaddr_un.offsets.sun_path);
    // An abstract or empty name has no final NUL: its length is the address's. unix(7).
    const named = path.length > 0 && path[0] !== 0;
    return sockaddr_un.offsets.sun_path + path.length + (named ? 1 : 0);
  }
  if (address.family === "vsock") {
    memory.view.setUint32(sockaddr_vm.offsets.svm_port, numberOf("a vsock port", address.port, 0xffffffff), true);
    memory.view.setUint32(sockaddr_vm.offsets.svm_cid, numberOf("a vsock cid", address.cid, 0xffffffff), true);
    return sockaddr_vm.sizeBytes;
  }
  memory.view.setUint16(sockaddr_in.offsets.sin_port, numberOf("a port", address.port, 0xffff), false);
  if (address.family === "ipv4") {
    if (netModule().isIP(address.host) !== 4) {
      throw new AddressError(`"${address.host}" is not an IPv4 address; a name is not looked up here`);
    }
    memory.bytes.set(address.host.split(".").map(Number), sockaddr_in.offsets.sin_addr);
    return sockaddr_in.sizeBytes;
  }
  const [literal, scope] = address.host.split("%");
  memory.bytes.set(ipv6Bytes(literal ?? ""), sockaddr_in6.offsets.sin6_addr);
  if (scope !== undefined) memory.view.setUint32(sockaddr_in6.offsets.sin6_scope_id, scopeNumber(scope), true);
  return sockaddr_in6.sizeBytes;
}

/** Reads what getsockname(2) or accept(2) wrote, with the length that it returned. */
export function decodeAddress(memory: Memory, lengthBytes = ADDRESS_BYTES_MAX): Address {
  const family = memory.view.getUint16(0, true);
  const port = memory.view.getUint16(sockaddr_in.offsets.sin_port, false);
  if (family === AF_INET) {
    const at = sockaddr_in.offsets.sin_addr;
    return { family: "ipv4", host: memory.bytes.subarray(at, at + 4).join("."), port };
  }
  if (family === AF_INET6) {
    const at = sockaddr_in6.offsets.sin6_addr;
    const groups = Array.from({ length: 8 }, (_, index) => memory.view.getUint16(at + 2 * index, false).toString(16));
    return { family: "ipv6", host: new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1), port };
  }
  if (family === AF_VSOCK) {
    const { svm_cid, svm_port } = sockaddr_vm.offsets;
    return { family: "vsock", cid: memory.view.getUint32(svm_cid, true), port: memory.view.getUint32(svm_port, true) };
  }
  assert(family === AF_UNIX, `the kernel answered with address family ${family}`);
  const start = sockaddr_un.offsets.sun_path;
  const abstract = lengthBytes > start && memory.bytes[start] === 0;
  const end = lengthBytes <= start ? start : abstract ? lengthBytes : memory.bytes.indexOf(0, start);
  return { family: "unix", path: Buffer.from(memory.bytes.subarray(start, end)).toString("utf8") };
}

/** The 16 bytes of an IPv6 literal without a scope. RFC 4291, section 2.2. */
export function ipv6Bytes(literal: string): Uint8Array {
  if (netModule().isIP(literal) !== 6) throw new AddressError(`"${literal}" is not an IPv6 address`);
  // The URL parser writes an embedded IPv4 tail as two groups, so only "::" is left to expand.
  const canonical = new URL(`http://[${literal}]`).hostname.slice(1, -1);
  const [head = "", tail = ""] = canonical.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const middle = canonical.includes("::") ? Array<string>(8 - left.length - right.length).fill("0") : [];
  const bytes = new Uint8Array(16);
  for (const [index, group] of [...left, ...middle, ...right].entries()) {
    const value = Number.parseInt(group, 16);
    bytes[2 * index] = value >> 8;
    bytes[2 * index + 1] = value & 0xff;
  }
  return bytes;
}

/** A scope is written as a number; interface names would need if_nametoindex(3). */
function scopeNumber(scope: string): number {
  const number = Number(scope);
  if (!Number.isInteger(number)) throw new AddressError(`write the scope "${scope}" as the interface's number`);
  return number;
}
