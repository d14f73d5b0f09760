/** Buffer rings, multishot receives and zero-copy sends: the bytes against recv(2) and the descriptors of /proc. */
import { expect, test } from "bun:test";
import { Fd } from "../../../src/ops/fd.ts";
import { allocate } from "../../../src/ops/memory.ts";
import { BufferRing } from "../../../src/ops/ring/buffers.ts";
import * as sqe from "../../../src/ops/ring/request.ts";
import { Ring } from "../../../src/ops/ring/ring.ts";
import {
  connectTo,
  listenOn,
  localAddress,
  socketPair,
  tryAccept,
  tryReceive,
  trySend,
} from "../../../src/ops/socket.ts";
import { ERRNO } from "../../../src/sys/errno.ts";
import {
  IORING_CQE_F_BUF_MORE,
  IORING_CQE_F_MORE,
  IORING_CQE_F_NOTIF,
  IOU_PBUF_RING_INC,
} from "../../../src/sys/uapi/io_uring.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function sendText(fd: Fd, words: string): void {
  using memory = allocate(words.length);
  memory.bytes.set(Buffer.from(words));
  expect(trySend(fd, memory, { lengthBytes: words.length })).toBe(words.length);
}

test("the kernel takes the buffers in their order, and one that was given back comes last", () => {
  using ring = new Ring();
  const [a, b] = socketPair({ nonblocking: false });
  using _ends = { [Symbol.dispose]: () => [a, b].map((fd) => fd.close()) };
  using buffers = BufferRing.register(ring, { group: 3, count: 2, bufferBytes: 64 });
  const seen: [number, string][] = [];
  for (const words of ["first", "second", "third"]) {
    ring.queue(sqe.recvSelect(a, buffers));
    ring.submit();
    sendText(b, words);
    ring.submitAndWait(1);
    for (const completion of ring.completions()) {
      const taken = buffers.take(completion);
      if (taken === undefined) throw new Error(`no buffer: ${completion.result}`);
      seen.push([taken.bufferId, text(taken.bytes)]);
      expect(taken.done).toBe(true);
      if (taken.bufferId === 1) buffers.provide(0); // after both were used, 0 is there again
    }
  }
  expect(seen).toEqual([
    [0, "first"],
    [1, "second"],
    [0, "third"],
  ]);
  ring.queue(sqe.recvSelect(a, buffers));
  sendText(b, "x");
  ring.submitAndWait(1);
  expect(ring.completions().map(({ result }) => result)).toEqual([-ERRNO.ENOBUFS]);
});

test("a multishot receive completes once per arrival and stays pinned until it ends", () => {
  using ring = new Ring();
  const [a, b] = socketPair({ nonblocking: false });
  using _ends = { [Symbol.dispose]: () => [a, b].map((fd) => fd.close()) };
  using buffers = BufferRing.register(ring, { group: 0, count: 4, bufferBytes: 64 });
  ring.queue(sqe.recvMultishot(a, buffers), { tag: 9 });
  ring.submit();
  const seen: string[] = [];
  for (const words of ["one", "two", "three"]) {
    sendText(b, words);
    ring.submitAndWait(1);
    for (const completion of ring.completions()) {
      expect([completion.tag, completion.flags & IORING_CQE_F_MORE]).toEqual([9, IORING_CQE_F_MORE]);
      seen.push(text(buffers.take(completion)?.bytes ?? new Uint8Array()));
    }
  }
  expect(seen).toEqual(["one", "two", "three"]);
  expect([ring.inFlight, buffers.memory.pinned]).toEqual([1, true]);
  b.close();
  ring.submitAndWait(1);
  expect(ring.completions().map(({ result, flags }) => [result, flags & IORING_CQE_F_MORE])).toEqual([[0, 0]]);
  expect([ring.inFlight, buffers.memory.pinned]).toEqual([0, false]);
});

test("an incremental ring fills one buffer piece by piece", () => {
  using ring = new Ring();
  const tried = BufferRing.tryRegister(ring, { group: 1, count: 1, bufferBytes: 4096, flags: IOU_PBUF_RING_INC });
  if (typeof tried === "number") {
    // Before Linux 6.12 the flag is refused, and that is all there is to test.
    expect(tried).toBe(-ERRNO.EINVAL);
    return;
  }
  using buffers = tried;
  const [a, b] = socketPair({ nonblocking: false });
  using _ends = { [Symbol.dispose]: () => [a, b].map((fd) => fd.close()) };
  const places: [number, string][] = [];
  for (const words of ["alpha", "beta"]) {
    ring.queue(sqe.recvSelect(a, buffers, { lengthBytes: 100 }));
    sendText(b, words);
    ring.submitAndWait(1);
    const [completion] = ring.completions();
    if (completion === undefined) throw new Error("no completion");
    expect(completion.flags & IORING_CQE_F_BUF_MORE).toBe(IORING_CQE_F_BUF_MORE);
    const taken = buffers.take(completion);
    places.push([taken?.offsetBytes ?? -1, text(taken?.bytes ?? new Uint8Array())]);
  }
  expect(places).toEqual([
    [0, "alpha"],
    [5, "beta"],
  ]);
  expect(text(buffers.memory.bytes.subarray(0, 9))).toBe("alphabeta");
});

test("a zero-copy send completes with its count and again when the buffer is free", () => {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using client = connectTo(localAddress(listener));
  const server = tryAccept(listener, { nonblocking: false });
  if (!(server instanceof Fd)) throw new Error(`accept answered ${server}`);
  using _server = server;
  using ring = new Ring();
  using memory = allocate(8192);
  memory.bytes.fill(0x5a);
  ring.queue(sqe.sendZc(client, memory), { tag: 4 });
  ring.submitAndWait(1);
  const seen = ring.completions();
  using back = allocate(8192);
  let got = 0;
  while (got < 8192) got += tryReceive(server, back, { bufferOffsetBytes: got, lengthBytes: 8192 - got });
  while (ring.inFlight > 0) {
    ring.submitAndWait(1);
    seen.push(...ring.completions());
  }
  expect(seen.map(({ tag, result }) => [tag, result])).toEqual([
    [4, 8192],
    [4, 0],
  ]);
  expect(seen[1]?.flags).toBe(IORING_CQE_F_NOTIF);
  expect(Buffer.from(back.bytes).equals(Buffer.from(memory.bytes))).toBe(true);
  expect(memory.pinned).toBe(false);
});

test("a multishot accept gives a descriptor for each client", () => {
  using listener = listenOn({ family: "ipv4", host: "127.0.0.1", port: 0 });
  using ring = new Ring();
  ring.queue(sqe.accept(listener, { multishot: true }));
  ring.submit();
  for (let client = 0; client < 3; client += 1) {
    using socket = connectTo(localAddress(listener));
    ring.submitAndWait(1);
    const [completion] = ring.completions();
    using accepted = new Fd(completion?.result ?? -1, "accepted");
    sendText(socket, "hello");
    using memory = allocate(5);
    expect(tryReceive(accepted, memory, { lengthBytes: 5 })).toBe(5);
  }
});

test("a group that is taken, and sizes that no ring has, are refused", () => {
  using ring = new Ring();
  using _first = BufferRing.register(ring, { group: 7, count: 1, bufferBytes: 16 });
  expect(BufferRing.tryRegister(ring, { group: 7, count: 1, bufferBytes: 16 })).toBe(-ERRNO.EEXIST);
  expect(() => BufferRing.register(ring, { group: 8, count: 3, bufferBytes: 16 })).toThrow("power of two");
  expect(() => BufferRing.register(ring, { group: -1, count: 1, bufferBytes: 16 })).toThrow(RangeError);
});
