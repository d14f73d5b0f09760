/** Addresses as text and bytes, and sockets that connect, refuse, finish and reset as they should. */
import { expect, test } from "bun:test";
import {
  ADDRESS_BYTES_MAX,
  type Address,
  AddressError,
  addressText,
  decodeAddress,
  encodeAddress,
  ipv6Bytes,
  parseHostPort,
  resolveAddress,
} from "../../src/ops/address.ts";
import { isSyscallError } from "../../src/ops/errors.ts";
import { Fd } from "../../src/ops/fd.ts";
import { allocate } from "../../src/ops/memory.ts";
import {
  connectTo,
  listenOn,
  localAddress,
  openSocket,
  SHUT_WR,
  shutdownSocket,
  tryAccept,
  tryConnect,
  tryReceive,
  trySend,
} from "../../src/ops/socket.ts";
import {
  congestionMissing,
  congestionRefusal,
  getOption,
  pendingError,
  resetOnClose,
  setOption,
} from "../../src/ops/socket-option.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import { SO_RCVBUF, SOL_SOCKET, SOL_TCP, TCP_CONGESTION, TCP_MAXSEG } from "../../src/sys/uapi/socket.ts";

const LOOPBACK: Address = { family: "ipv4", host: "127.0.0.1", port: 0 };

test.each([
  ["10.0.0.1:80", { host: "10.0.0.1", port: 80 }],
  ["[::1]:443", { host: "::1", port: 443 }],
  ["name.example:65535", { host: "name.example", port: 65_535 }],
  [":4000", { host: "", port: 4000 }],
  ["4000", { host: "", port: 4000 }],
])("%s is an address", (text, expected) => {
  expect(parseHostPort(text)).toEqual(expected);
});

test.each(["", "host", "host:", "host:70000", "a:b:80", "[::1]", "[nonsense]:80", "host:8o"])("%p is none", (text) => {
  expect(() => parseHostPort(text)).toThrow(AddressError);
});

test.each<[Address, string]>([
  [{ family: "ipv4", host: "localhost", port: 1 }, '"localhost" is not an IPv4 address; a name is not looked up here'],
  [{ family: "ipv4", host: "127.0.0", port: 1 }, '"127.0.0" is not an IPv4 address'],
  [{ family: "ipv4", host: "127.0.0.1", port: 70_000 }, "a port must be a whole number from 0 to 65535, not 70000"],
  [{ family: "ipv6", host: "::1", port: -1 }, "a port must be a whole number from 0 to 65535, not -1"],
  [{ family: "vsock", cid: -1, port: 1 }, "a vsock cid must be a whole number from 0 to 4294967295, not -1"],
  [{ family: "vsock", cid: 1, port: 0.5 }, "a vsock port must be a whole number from 0 to 4294967295, not 0.5"],
])("an address that the kernel would take for another is refused: %j", (address, message) => {
  using memory = allocate(ADDRESS_BYTES_MAX);
  expect(() => encodeAddress(address, memory)).toThrow(message);
});

test.each([
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
  ["::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["fe80::", "fe800000000000000000000000000000"],
])("IPv6 %s", (literal, hex) => {
  expect(Buffer.from(ipv6Bytes(literal)).toString("hex")).toBe(hex);
});

test("addresses survive the way through struct sockaddr", () => {
  using memory = allocate(ADDRESS_BYTES_MAX);
  const addresses: Address[] = [
    { family: "ipv4", host: "192.168.1.77", port: 4001 },
    { family: "ipv6", host: "2001:db8::1", port: 65_535 },
    { family: "unix", path: "/tmp/some socket" },
  ];
  for (const address of addresses) {
    encodeAddress(address, memory);
    expect(decodeAddress(memory)).toEqual(address);
  }
  expect(addresses.map(addressText)).toEqual(["192.168.1.77:4001", "[2001:db8::1]:65535", "unix:/tmp/some socket"]);
  expect(() => encodeAddress({ family: "unix", path: "x".repeat(108) }, memory)).toThrow(AddressError);
});

test("names are resolved, and one that does not resolve is reported", async () => {
  const local = await resolveAddress("localhost:1");
  expect(["127.0.0.1", "::1"]).toContain("host" in local ? local.host : "");
  await expect(resolveAddress("no-such-host.invalid:1")).rejects.toThrow(AddressError);
});

test("connect, accept, send, receive, half-close", () => {
  using listener = listenOn(LOOPBACK);
  const address = localAddress(listener);
  expect(address.family === "ipv4" && address.port > 0).toBe(true);
  expect(tryAccept(listener, { nonblocking: true })).toBe(-ERRNO.EAGAIN);
  using client = connectTo(address);
  const server = tryAccept(listener, { nonblocking: false });
  if (!(server instanceof Fd)) throw new Error(`accept answered ${server}`);
  using memory = allocate(16);
  memory.bytes.set([1, 2, 3, 4]);
  expect(trySend(client, memory, { bufferOffsetBytes: 1, lengthBytes: 3 })).toBe(3);
  shutdownSocket(client, { how: SHUT_WR });
  expect(tryReceive(server, memory, { bufferOffsetBytes: 8, lengthBytes: 8 })).toBe(3);
  expect([...memory.bytes.subarray(8, 11)]).toEqual([2, 3, 4]);
  expect(tryReceive(server, memory, { lengthBytes: 8 })).toBe(0);
  server.close();
});

test("a port in use and a refused connection are errors that name the address", () => {
  using listener = listenOn(LOOPBACK);
  const address = localAddress(listener);
  const text = addressText(address);
  let inUse: unknown;
  try {
    listenOn(address);
  } catch (error) {
    inUse = error;
  }
  expect(isSyscallError(inUse, "EADDRINUSE")).toBe(true);
  expect(String(inUse)).toContain(text);
  listener.close();
  let refused: unknown;
  try {
    connectTo(address);
  } catch (error) {
    refused = error;
  }
  expect(isSyscallError(refused, "ECONNREFUSED")).toBe(true);
  expect(String(refused)).toContain(text);
});

test("a non-blocking connect to no one leaves its error behind", () => {
  const listener = listenOn(LOOPBACK);
  const address = localAddress(listener);
  listener.close();
  using fd = openSocket(address, { nonblocking: true });
  const result = tryConnect(fd, address);
  expect([-ERRNO.EINPROGRESS, -ERRNO.ECONNREFUSED]).toContain(result);
  if (result === -ERRNO.EINPROGRESS) expect(pendingError(fd)).toBe(ERRNO.ECONNREFUSED);
});

test("a reset reaches the other end, and sending into it is EPIPE or ECONNRESET, not a signal", () => {
  using listener = listenOn(LOOPBACK);
  const client = connectTo(localAddress(listener));
  const server = tryAccept(listener, { nonblocking: false });
  if (!(server instanceof Fd)) throw new Error(`accept answered ${server}`);
  resetOnClose(client);
  client.close();
  using memory = allocate(8);
  const part = { offsetBytes: 0, lengthBytes: 8 };
  expect(tryReceive(server, memory, part)).toBe(-ERRNO.ECONNRESET);
  expect(trySend(server, memory, part)).toBe(-ERRNO.EPIPE);
  server.close();
});

test("options are set and read back", () => {
  using listener = listenOn(LOOPBACK, { maxSegmentBytes: 1000 });
  using client = connectTo(localAddress(listener));
  expect(getOption(client, { level: SOL_TCP, option: TCP_MAXSEG })).toBeLessThanOrEqual(1000);
  setOption(client, { level: SOL_SOCKET, option: SO_RCVBUF, value: 8192 });
  expect(getOption(client, { level: SOL_SOCKET, option: SO_RCVBUF })).toBe(16_384);
});

test("a listener's congestion control is its clients' too; an unknown one is refused by name", () => {
  const reno = new DataView(new TextEncoder().encode("reno").buffer).getInt32(0, true);
  using listener = listenOn(LOOPBACK, { congestion: "reno" });
  using client = connectTo(localAddress(listener), { congestion: "reno" });
  using accepted = tryAccept(listener, { nonblocking: false }) as Fd;
  expect(getOption(client, { level: SOL_TCP, option: TCP_CONGESTION })).toBe(reno);
  expect(getOption(accepted, { level: SOL_TCP, option: TCP_CONGESTION })).toBe(reno);
  expect(() => listenOn(LOOPBACK, { congestion: "nonsense" })).toThrow(/TCP_CONGESTION "nonsense".*ENOENT/);
  expect(congestionMissing("reno")).toBeUndefined();
  expect(congestionMissing("nonsense")).toMatch(
    /^the kernel refuses the congestion control "nonsense" \(ENOENT\); it knows .*reno/,
  );
  expect(congestionRefusal("cubic", ERRNO.EPERM)).toMatch(
    /^the kernel refuses the congestion control "cubic" \(EPERM\); run as root or choose from .*reno/,
  );
});
