/** Sockets of every kind that this kernel has: what the kernel lists of them in /proc, and bytes that arrive. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Address } from "../../src/ops/address.ts";
import { ADDRESS_BYTES_MAX, addressText, decodeAddress, encodeAddress, isLoopback } from "../../src/ops/address.ts";
import { isSyscallError } from "../../src/ops/errors.ts";
import { allocate } from "../../src/ops/memory.ts";
import {
  bindTo,
  connectedPair,
  localAddress,
  openSocket,
  peerAddress,
  receive,
  send,
  socketPair,
  tryConnect,
  tryReceive,
} from "../../src/ops/socket.ts";
import { getOption, setOption, setReceiveTimeout, trySetOption } from "../../src/ops/socket-option.ts";
import { ERRNO } from "../../src/sys/errno.ts";
import * as S from "../../src/sys/uapi/socket.ts";

const IPV4: Address = { family: "ipv4", host: "127.0.0.1", port: 0 };

function exchange(pair: { client: Parameters<typeof send>[0]; server: Parameters<typeof send>[0] }): string {
  using memory = allocate(64);
  memory.bytes.set(Buffer.from("there"));
  expect(send(pair.client, memory, { lengthBytes: 5 })).toBe(5);
  const got = receive(pair.server, memory, { bufferOffsetBytes: 32 });
  return Buffer.from(memory.bytes.subarray(32, 32 + got)).toString();
}

test("TCP: the kernel's option, and the two addresses are each other's", () => {
  using pair = connectedPair(IPV4);
  expect(exchange(pair)).toBe("there");
  const option = { level: S.SOL_SOCKET, option: S.SO_PROTOCOL };
  expect(getOption(pair.server, option)).toBe(S.IPPROTO_TCP);
  expect(peerAddress(pair.client)).toEqual(localAddress(pair.server));
});

test("MPTCP, where the kernel has it", () => {
  let pair: ReturnType<typeof connectedPair>;
  try {
    pair = connectedPair(IPV4, { protocol: S.IPPROTO_MPTCP });
  } catch (error) {
    // A kernel without it refuses in one way only, and the message names what is missing.
    expect(isSyscallError(error, "EPROTONOSUPPORT", "ENOPROTOOPT")).toBe(true);
    expect(String(error)).toContain("MPTCP");
    return;
  }
  using both = pair;
  expect(exchange(both)).toBe("there");
  expect(getOption(both.client, { level: S.SOL_SOCKET, option: S.SO_PROTOCOL })).toBe(S.IPPROTO_MPTCP);
});

test("unix: by path, abstract, and as packets that keep their borders", () => {
  const path = `${tmpdir()}/bytewitness-socket-${process.pid}`;
  using byPath = connectedPair({ family: "unix", path });
  expect(exchange(byPath)).toBe("there");
  expect(localAddress(byPath.server)).toEqual({ family: "unix", path });
  expect(localAddress(byPath.client)).toEqual({ family: "unix", path: "" });
  expect(readFileSync("/proc/net/unix", "utf8")).toContain(path);
  // The name was for the connection alone.
  expect(existsSync(path)).toBe(false);
  // A path that looks like ss's way of writing an abstract name is shown as the path that it is.
  expect(addressText({ family: "unix", path: "@name" })).toBe("unix:./@name");

  const abstract: Address = { family: "unix", path: `\0bytewitness-${process.pid}` };
  using byName = connectedPair(abstract, { type: "seqpacket" });
  expect(readFileSync("/proc/net/unix", "utf8")).toContain(`@bytewitness-${process.pid}`);
  expect([localAddress(byName.server), addressText(abstract)]).toEqual([abstract, `unix:@bytewitness-${process.pid}`]);
  using memory = allocate(64);
  send(byName.client, memory, { lengthBytes: 3 });
  send(byName.client, memory, { lengthBytes: 4 });
  expect([receive(byName.server, memory), receive(byName.server, memory)]).toEqual([3, 4]);
});

test("datagrams: MSG_TRUNC reports the whole length of one that did not fit", () => {
  const [a, b] = socketPair({ nonblocking: false, type: "datagram" });
  using _both = { [Symbol.dispose]: () => [a, b].map((fd) => fd.close()) };
  using memory = allocate(100);
  send(a, memory);
  expect(tryReceive(b, memory, { lengthBytes: 10, flags: S.MSG_TRUNC })).toBe(100);
});

test("UDP: bound, connected, and received with a time limit", () => {
  using server = openSocket(IPV4, { nonblocking: false, type: "datagram" });
  bindTo(server, IPV4);
  using client = openSocket(IPV4, { nonblocking: false, type: "datagram" });
  expect(tryConnect(client, localAddress(server))).toBe(0);
  expect(exchange({ client, server })).toBe("there");
  setReceiveTimeout(server, { timeoutMs: 20 });
  using memory = allocate(8);
  // A receive with a time limit is not restarted after a signal, and the runtime's own threads signal each other.
  let answer = tryReceive(server, memory);
  while (answer === -ERRNO.EINTR) answer = tryReceive(server, memory);
  expect(answer).toBe(-ERRNO.EAGAIN);
});

test("vsock: an address survives the way through struct sockaddr_vm, and a socket opens or gives the reason why not", () => {
  using memory = allocate(ADDRESS_BYTES_MAX);
  const address: Address = { family: "vsock", cid: S.VMADDR_CID_LOCAL, port: 4_000_000_000 };
  expect(encodeAddress(address, memory)).toBe(S.sockaddr_vm.sizeBytes);
  expect(decodeAddress(memory, S.sockaddr_vm.sizeBytes)).toEqual(address);
  expect([addressText(address), isLoopback(address)]).toEqual(["vsock:1:4000000000", true]);
  try {
    using fd = openSocket(address, { nonblocking: true });
    expect(getOption(fd, { level: S.SOL_SOCKET, option: S.SO_DOMAIN })).toBe(S.AF_VSOCK);
  } catch (error) {
    expect(isSyscallError(error, "EAFNOSUPPORT")).toBe(true);
  }
});

test("options as ints and as bytes; an unknown one is an errno", () => {
  using pair = connectedPair(IPV4);
  setOption(pair.client, { level: S.SOL_SOCKET, option: S.SO_KEEPALIVE, value: 1 });
  expect(getOption(pair.client, { level: S.SOL_SOCKET, option: S.SO_KEEPALIVE })).toBe(1);
  setOption(pair.client, { level: S.SOL_SOCKET, option: S.SO_KEEPALIVE, value: new Uint8Array(4) });
  expect(getOption(pair.client, { level: S.SOL_SOCKET, option: S.SO_KEEPALIVE })).toBe(0);
  expect(trySetOption(pair.client, { level: S.SOL_SOCKET, option: 9999, value: 1 })).toBe(-ERRNO.ENOPROTOOPT);
  expect(() => setOption(pair.client, { level: S.SOL_SOCKET, option: 9999, value: 1 })).toThrow("option 9999");
  expect(() => setOption(pair.client, { level: S.SOL_TCP, option: S.TCP_NODELAY, value: 0.5 })).toThrow(RangeError);
});
