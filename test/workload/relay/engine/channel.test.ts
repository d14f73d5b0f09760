/** The rules of one direction, on real sockets and a real pipe: what the report's relay got wrong must be right. */
import { afterEach, expect, test } from "bun:test";
import type { Fd } from "../../../../src/ops/fd.ts";
import { allocate } from "../../../../src/ops/memory.ts";
import { SHUT_WR, shutdownSocket, socketPair, tryReceive, trySend } from "../../../../src/ops/socket.ts";
import { trySplice } from "../../../../src/ops/splice.ts";
import { ERRNO } from "../../../../src/sys/errno.ts";
import { type RelayCalls, RelayChannel } from "../../../../src/workload/relay/engine/channel.ts";
import { relayJournal } from "../../../../src/workload/relay/evidence/transfers.ts";
import { type RelayShape, SHAPE_DEFAULT } from "../../../../src/workload/relay/options.ts";

const memory = allocate(1 << 20);
let open: Fd[] = [];
let channels: RelayChannel[] = [];

afterEach(() => {
  for (const fd of open) fd.close();
  for (const channel of channels) channel.pipe[Symbol.dispose]();
  open = [];
  channels = [];
});

function relay(shape: Partial<RelayShape> = {}, pipeBytes = 65_536) {
  const [server, serverSide] = socketPair({ nonblocking: true });
  const [clientSide, client] = socketPair({ nonblocking: true });
  open.push(server, serverSide, clientSide, client);
  const journal = relayJournal(1024);
  const ends = { from: serverSide, to: clientSide, toIsSocket: true };
  const calls: RelayCalls = {
    spliceIn: (socket, pipe, lengthBytes, flags) => trySplice(socket, pipe, { lengthBytes, flags }),
    spliceOut: (pipe, socket, lengthBytes, flags) => trySplice(pipe, socket, { lengthBytes, flags }),
  };
  const tools = { calls, journal, filters: [], pipeBytes, askBytes: pipeBytes };
  const channel = new RelayChannel(0, ends, { ...SHAPE_DEFAULT, ...shape }, tools);
  channels.push(channel);
  return { server, client, channel, journal };
}

const send = (fd: Fd, lengthBytes: number) => trySend(fd, memory, { lengthBytes });
const receive = (fd: Fd) => tryReceive(fd, memory, { lengthBytes: 1 << 20 });

test("nothing to read is not a close: the channel waits", () => {
  const { channel, server, client } = relay();
  expect(channel.pump(4)).toBe(false);
  expect([channel.finished, channel.ended, channel.readable]).toEqual([false, false, false]);
  send(server, 100);
  channel.readable = true;
  expect(channel.pump(4)).toBe(true);
  expect(receive(client)).toBe(100);
  expect(channel.finished).toBe(false);
});

test("the end of the input closes the output only after the pipe has drained", () => {
  const { channel, server, client } = relay();
  send(server, 5000);
  shutdownSocket(server, { how: SHUT_WR });
  expect(channel.fill()).toBe(5000);
  expect(channel.fill()).toBe(0);
  expect([channel.ended, channel.finished, channel.pipeBytes]).toEqual([true, false, 5000]);
  channel.writable = false;
  channel.pump(4);
  expect(channel.finished).toBe(false);
  expect(receive(client)).toBe(-ERRNO.EAGAIN);
  channel.writable = true;
  channel.pump(4);
  expect([channel.finished, channel.pipeBytes, channel.outBytes]).toEqual([true, 0, 5000]);
  expect([receive(client), receive(client)]).toEqual([5000, 0]);
});

test("a full pipe is not an empty socket: reading goes on once bytes have left", () => {
  const { channel, server, client } = relay({}, 4096);
  const sent = send(server, 60_000);
  channel.writable = false;
  for (let turn = 0; turn < 5; turn++) if (channel.mayFill) channel.fill();
  expect(channel.pipeBytes).toBeGreaterThan(0);
  expect(channel.readable).toBe(true);
  channel.writable = true;
  let got = 0;
  for (let turn = 0; turn < 1000 && got < sent; turn++) {
    channel.readable = channel.writable = true;
    channel.pump(8);
    got += Math.max(0, receive(client));
  }
  expect(got).toBe(sent);
});

test("a client that is gone is an error of this channel, not a signal and not an end", () => {
  const { channel, server, client } = relay();
  client.close();
  process.on("SIGPIPE", () => {});
  send(server, 100);
  channel.pump(4);
  expect([channel.finished, channel.ended, channel.error]).toEqual([
    true,
    false,
    { call: "splice-out", errno: ERRNO.EPIPE },
  ]);
});

test("one chunk per splice-out, or all of them", () => {
  for (const [chunks, outs] of [
    ["one", [100, 200, 300]],
    ["many", [600]],
  ] as const) {
    const { channel, server, journal } = relay({ chunks });
    for (const lengthBytes of [100, 200, 300]) {
      send(server, lengthBytes);
      expect(channel.fill()).toBe(lengthBytes);
    }
    while (channel.mayDrain) channel.drain();
    const sent = journal
      .find(() => true)
      .filter((call) => call.what === "splice-out")
      .map((call) => call.result);
    expect(sent).toEqual([...outs]);
    expect(channel.manyChunksCount).toBe(chunks === "many" ? 1 : 0);
  }
});

test("reading only when the pipe is empty", () => {
  const { channel, server } = relay({ read: "empty" });
  send(server, 100);
  expect(channel.mayFill).toBe(true);
  channel.fill();
  expect([channel.mayFill, channel.wantsIn]).toEqual([false, false]);
  channel.drain();
  expect(channel.mayFill).toBe(true);
});

test("bytes that vanish from the pipe are evidence with place and length, and the channel goes on", () => {
  const { channel, server, client } = relay();
  send(server, 100);
  channel.fill();
  const { readEnd } = channel.pipe;
  // Somebody else takes them: no kernel at hand loses bytes of a pipe.
  const taken = Bun.spawnSync(["head", "-c", "100"], { stdin: readEnd.number });
  expect(taken.stdout.length).toBe(100);
  expect(channel.drain()).toBe(0);
  expect([channel.lost, channel.error]).toEqual([[{ offsetBytes: 0, lengthBytes: 100 }], undefined]);
  send(server, 50);
  shutdownSocket(server, { how: SHUT_WR });
  channel.readable = true;
  channel.pump(4);
  expect([receive(client), channel.finished, channel.lost.length]).toEqual([50, true, 1]);
});
