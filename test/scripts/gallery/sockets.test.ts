/** The reproducers of sockets and rings, as processes: what this kernel does with them, and clean controls. */
import { expect, test } from "bun:test";
import { release } from "node:os";
import { gallery, linesOf } from "./gallery.ts";

/** The verdicts of the host's kernel that the table of known kernels gives; another kernel may have others. */
const measured = release().startsWith("6.18.44");

test("ring-buffer-retry: B's bytes are overwritten where the fix is missing; classic rings keep all", async () => {
  const { code, report } = await gallery("ring-buffer-retry");
  if (measured) expect(code).toBe(1);
  if (code === 125) expect(report.reason).toMatch(/io_uring|IOU_PBUF_RING_INC/);
  else expect(linesOf(report)[0]).toMatch(/^classic \(control\): .*; all there$/);
  if (code !== 1) return expect([0, 125]).toContain(code);
  expect(report.findings).toEqual([
    expect.objectContaining({ kind: "lost", file: "incremental buffer ring", offsetBytes: 100, lengthBytes: 100 }),
  ]);
  expect(report.trigger).toMatchObject({ reached: 1, attempts: 1 });
}, 60_000);

test("ktls-no-pad-retry: skipped by name without the module, else the control is clean", async () => {
  const { code, report } = await gallery("ktls-no-pad-retry");
  if (code === 125) return expect(report.reason).toContain("kernel TLS");
  expect([0, 1]).toContain(code);
  expect(linesOf(report)[0]).toBe("0 bytes of padding (control): 0 findings in 2000 bytes");
  return expect(report.totals.bytesVerified).toBeGreaterThanOrEqual(4000);
}, 60_000);

test("mptcp-peek-waitall: the peek sleeps, sees the stream, and the stream is there afterwards", async () => {
  const { code, report } = await gallery("mptcp-peek-waitall");
  if (!measured && code === 125) return expect(report.reason).toMatch(/MPTCP/);
  if (measured) expect(code).toBe(0);
  expect(report.trigger).toMatchObject({ reached: 1, attempts: 1 });
  return expect(linesOf(report).slice(0, 3)).toEqual([
    "TCP (control): the peek slept until the rest arrived",
    "TCP (control), peek: 8000 bytes, 0 findings",
    "TCP (control), read: 8000 bytes, 0 findings",
  ]);
}, 60_000);

test("unix-peek-offset: the peek that waits sees the new bytes and nothing before them", async () => {
  const { code, report } = await gallery("unix-peek-offset");
  if (measured) expect(code).toBe(0);
  expect([0, 1]).toContain(code);
  expect(linesOf(report)[0]).toBe("a peek that begins later (control): 8192 bytes of 8192 new ones, 0 findings");
  expect(report.trigger).toMatchObject({ reached: 1, attempts: 1 });
}, 60_000);

test("sendfile-then-write: the peer gets the later contents, as sendfile(2) warns; read and send does not", async () => {
  const { code, report, left } = await gallery("sendfile-then-write");
  expect(code).toBe(1);
  expect(report.findings).toEqual(
    ["sendfile", "splice"].map((door) =>
      expect.objectContaining({ kind: "stale", file: `what ${door} sent`, offsetBytes: 0, lengthBytes: 65_536 }),
    ),
  );
  expect(linesOf(report)[0]).toBe("read+send (control): the peer got the contents at the time of the call");
  expect(left).toEqual([]);
}, 60_000);

test("one door of sendfile-then-write alone", async () => {
  const { report } = await gallery("sendfile-then-write", "--door", "splice");
  expect(report.findings.map(({ file }) => file)).toEqual(["what splice sent"]);
}, 60_000);
