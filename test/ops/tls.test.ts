/** Kernel TLS: either the module is missing and the answer names what to do, or records really cross. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { allocate } from "../../src/ops/memory.ts";
import { connectedPair, connectTo, listenOn, localAddress, tryReceive, trySend } from "../../src/ops/socket.ts";
import { startTls, testKeys, tlsMissing } from "../../src/ops/tls.ts";
import { open as openRecord, seal as sealRecord } from "../../src/ops/tls-record.ts";
import { lacking } from "../needed.ts";

const LOOPBACK = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
const missing = tlsMissing();
const noTls = () => missing !== undefined && lacking("kernel TLS", missing, true);

test("the answer agrees with the kernel's list of protocols", () => {
  const known = readFileSync("/proc/sys/net/ipv4/tcp_available_ulp", "utf8").split(/\s+/);
  if (missing === undefined) expect(known).toContain("tls");
  else expect(missing).toContain("modprobe tls");
});

test("without the module the error names what is missing", () => {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using client = connectTo(localAddress(listener));
  if (missing !== undefined)
    expect(() => startTls(client, { direction: "send" })).toThrow("the kernel's tls module is missing");
  else expect(() => startTls(client, { direction: "send" })).not.toThrow();
});

const kinds = (["1.2", "1.3"] as const).flatMap((version) =>
  (["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"] as const).map((cipher) => [version, cipher] as const),
);

test.skipIf(noTls()).each(kinds)("TLS %s, %s: bytes sent with a key arrive with it", (version, cipher) => {
  using pair = connectedPair(LOOPBACK);
  startTls(pair.client, { direction: "send", keys: testKeys({ version, cipher }) });
  startTls(pair.server, { direction: "receive", keys: testKeys({ version, cipher }) });
  using memory = allocate(64);
  memory.bytes.fill(0x42, 0, 32);
  expect(trySend(pair.client, memory, { lengthBytes: 32 })).toBe(32);
  expect(tryReceive(pair.server, memory, { bufferOffsetBytes: 32 })).toBe(32);
  expect([...new Set(memory.bytes.subarray(32))]).toEqual([0x42]);
});

test.skipIf(noTls()).each(kinds.filter(([, cipher]) => cipher !== "chacha20-poly1305"))(
  "TLS %s, %s: the kernel's records are what user space makes of the same keys, both ways",
  (version, cipher) => {
    const keys = testKeys({ version, cipher });
    const words = new Uint8Array(Buffer.from("the very bytes"));
    using memory = allocate(4096);
    using sending = connectedPair(LOOPBACK);
    startTls(sending.client, { direction: "send", keys });
    memory.bytes.set(words);
    expect(trySend(sending.client, memory, { lengthBytes: words.length })).toBe(words.length);
    const got = tryReceive(sending.server, memory, { bufferOffsetBytes: 1024, lengthBytes: 1024 });
    const bytes = memory.bytes.slice(1024, 1024 + got);
    expect(Buffer.from(openRecord(keys, { sequence: 0, bytes }).data).toString()).toBe("the very bytes");

    using receiving = connectedPair(LOOPBACK);
    startTls(receiving.server, { direction: "receive", keys });
    const record = sealRecord(keys, { sequence: 0, data: words, paddingBytes: version === "1.3" ? 40 : 0 });
    memory.bytes.set(record);
    expect(trySend(receiving.client, memory, { lengthBytes: record.length })).toBe(record.length);
    expect(tryReceive(receiving.server, memory, { bufferOffsetBytes: 2048 })).toBe(words.length);
    expect(Buffer.from(memory.bytes.subarray(2048, 2048 + words.length)).toString()).toBe("the very bytes");
  },
);

test("secrets of a wrong length are refused before the kernel sees them", () => {
  using pair = connectedPair(LOOPBACK);
  const keys = { ...testKeys({ version: "1.3" }), key: new Uint8Array(5) };
  const wanted = missing === undefined ? "the key of aes-128-gcm has 16 bytes, not 5" : "tls module is missing";
  expect(() => startTls(pair.client, { direction: "send", keys })).toThrow(wanted);
});
