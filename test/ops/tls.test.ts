/** Kernel TLS: either the module is missing and the answer says what to do, or records really cross. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Fd } from "../../src/ops/fd.ts";
import { allocate } from "../../src/ops/memory.ts";
import { connectTo, listenOn, localAddress, tryAccept, tryReceive, trySend } from "../../src/ops/socket.ts";
import { startTls, tlsMissing } from "../../src/ops/tls.ts";

const missing = tlsMissing();

test("the answer agrees with the kernel's list of protocols", () => {
  const known = readFileSync("/proc/sys/net/ipv4/tcp_available_ulp", "utf8").split(/\s+/);
  if (missing === undefined) expect(known).toContain("tls");
  else expect(missing).toContain("modprobe tls");
});

test("without the module the error says what is missing", () => {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using client = connectTo(localAddress(listener));
  if (missing !== undefined) expect(() => startTls(client, "send")).toThrow("the kernel's tls module is missing");
  else expect(() => startTls(client, "send")).not.toThrow();
});

test.skipIf(missing !== undefined)("bytes sent with one key arrive with the other", () => {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using client = connectTo(localAddress(listener));
  const server = tryAccept(listener, { nonblocking: false });
  if (!(server instanceof Fd)) throw new Error(`accept answered ${server}`);
  startTls(client, "send");
  startTls(server, "receive");
  using memory = allocate(64);
  memory.bytes.fill(0x42, 0, 32);
  expect(trySend(client, memory, { offsetBytes: 0, lengthBytes: 32 })).toBe(32);
  expect(tryReceive(server, memory, { offsetBytes: 32, lengthBytes: 32 })).toBe(32);
  expect([...new Set(memory.bytes.subarray(32))]).toEqual([0x42]);
  server.close();
});
