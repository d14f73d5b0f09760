/** Readiness by poll(2) and epoll(7), of pipes, sockets and files. */
import { expect, test } from "bun:test";
import { EPOLLET, EPOLLIN, EPOLLOUT, Epoll } from "../../src/ops/epoll.ts";
import { openFile, readFully, writeAll } from "../../src/ops/file.ts";
import { allocate } from "../../src/ops/memory.ts";
import { openPipe } from "../../src/ops/pipe.ts";
import { POLLHUP, POLLIN, POLLOUT, PollSet, waitFor } from "../../src/ops/poll.ts";
import { O_RDONLY } from "../../src/sys/uapi/fcntl.ts";

test("poll sees room, bytes and the end", () => {
  const pipe = openPipe({ capacityBytes: 4096 });
  using memory = allocate(4096);
  expect(waitFor(pipe.readEnd, POLLIN, 0)).toBe(0);
  expect(waitFor(pipe.writeEnd, POLLOUT, 0)).toBe(POLLOUT);
  writeAll(pipe.writeEnd, memory);
  expect(waitFor(pipe.writeEnd, POLLOUT, 0)).toBe(0);
  expect(waitFor(pipe.readEnd, POLLIN, 0)).toBe(POLLIN);
  readFully(pipe.readEnd, memory);
  pipe.writeEnd.close();
  expect(waitFor(pipe.readEnd, POLLIN, 0)).toBe(POLLHUP);
  pipe.readEnd.close();
});

test("a slot can change its question or leave it out", () => {
  using pipe = openPipe();
  using set = new PollSet(2);
  const reads = set.add(pipe.readEnd, POLLIN);
  const writes = set.add(pipe.writeEnd, POLLOUT);
  expect([set.wait(0), set.ready(reads), set.ready(writes)]).toEqual([1, 0, POLLOUT]);
  set.want(writes, 0);
  expect(set.wait(0)).toBe(0);
  set.want(writes, POLLOUT);
  set.ignore(writes);
  expect(set.wait(0)).toBe(0);
  expect(() => set.add(pipe.readEnd, POLLIN)).toThrow(RangeError);
});

test("epoll answers with the caller's tokens, edge-triggered once per arrival", () => {
  using pipe = openPipe();
  using memory = allocate(10);
  using epoll = new Epoll(4);
  expect(epoll.add(pipe.readEnd, (EPOLLIN | EPOLLET) >>> 0, 77)).toBe(true);
  expect(epoll.wait(0)).toBe(0);
  writeAll(pipe.writeEnd, memory);
  expect([epoll.wait(0), epoll.tokenAt(0), epoll.eventsAt(0)]).toEqual([1, 77, EPOLLIN]);
  expect(epoll.wait(0)).toBe(0);
  writeAll(pipe.writeEnd, memory);
  expect(epoll.wait(0)).toBe(1);
  epoll.remove(pipe.readEnd);
  writeAll(pipe.writeEnd, memory);
  expect(epoll.wait(0)).toBe(0);
});

test("epoll refuses regular files, which are always ready", () => {
  using epoll = new Epoll();
  using file = openFile("/etc/passwd", { flags: O_RDONLY });
  expect(epoll.add(file, EPOLLIN, 0)).toBe(false);
});

test("epoll keeps many answers apart", () => {
  using epoll = new Epoll(64);
  const pipes = Array.from({ length: 40 }, () => openPipe());
  for (const [token, pipe] of pipes.entries()) epoll.add(pipe.writeEnd, EPOLLOUT, token);
  const count = epoll.wait(0);
  const tokens = Array.from({ length: count }, (_, index) => epoll.tokenAt(index)).sort((a, b) => a - b);
  expect(tokens).toEqual(Array.from({ length: 40 }, (_, index) => index));
  for (const pipe of pipes) pipe[Symbol.dispose]();
});
