#!/usr/bin/env bun
/**
 * ring-buffer-retry: is a buffer that io_uring handed out left alone until it is given back?
 *
 * What is exercised: two connections receive into one incremental buffer ring (IOU_PBUF_RING_INC). A's receive waits for
 * all of its bytes (MSG_WAITALL) and has half of them; B's receive takes the next piece of the same buffer; then A's
 * other half arrives, and the kernel continues where A's first half ended, over what B has already got.
 * What broken looks like: both completions report the right count; B's bytes are A's.
 * What is promised: io_uring_setup_buf_ring(3): a buffer is the application's from its completion until it is added again.
 * Since when, fixed by: incremental rings are there since 6.12; bad on 6.12.43, 6.12.113, 6.18.44 and 7.2.13; "io_uring/net:
 * don't retry recv on uncommitted buffers" (6.12.115, 7.3.2).
 * Who is hit: servers that receive messages of a known length into incremental rings.
 * Control: the same calls on a classic buffer ring, where each receive has a buffer of its own.
 * Needs: io_uring with incremental buffer rings (6.12).
 * Run: bun run ring-buffer-retry.ts
 */
import {
  allocate,
  BufferRing,
  type Claim,
  type Completion,
  type Fd,
  Inconclusive,
  judgeClaims,
  letters,
  missing,
  queuedBytes,
  Ring,
  runReproducer,
  send,
  socketPair,
  sqe,
} from "bytewitness";
import { IOU_PBUF_RING_INC, MSG_WAITALL } from "bytewitness/uapi";

const HALF = 100;
const A = 1;
const B = 2;

/** The bytes that a connection's peer sends, in two halves that nothing else looks like. */
function stream(connection: number): Uint8Array {
  return Buffer.concat([letters(connection === A ? "A" : "B", HALF), letters(connection === A ? "a" : "b", HALF)]);
}

/** What a completion delivered: these bytes are the application's now, wherever in the buffers they are. */
function delivered(buffers: BufferRing, completion: Completion, fromBytes: number): Claim {
  const { tag: connection, result } = completion;
  const taken = buffers.take(completion);
  if (taken === undefined) throw new Inconclusive(`a receive ended without a buffer: ${result}`);
  const bytes = stream(connection).subarray(fromBytes, fromBytes + result);
  const found = Buffer.from(buffers.memory.bytes).indexOf(bytes);
  const offsetBytes = found >= 0 ? found : taken.bufferId * buffers.bufferBytes + taken.offsetBytes;
  return { name: `what ${connection === A ? "A" : "B"} received`, offsetBytes, bytes };
}

function incrementalMissing(): string | undefined {
  using ring = new Ring();
  const tried = BufferRing.tryRegister(ring, { group: 0, count: 1, bufferBytes: 4096, flags: IOU_PBUF_RING_INC });
  if (typeof tried === "number") return "this kernel has no IOU_PBUF_RING_INC; it came with Linux 6.12";
  tried[Symbol.dispose]();
  return undefined;
}

await runReproducer({
  name: "ring-buffer-retry",
  summary: "two receives share an incremental io_uring buffer, one waits for its second half: whose bytes are whose?",
  program: "ring-buffer-retry",
  events: [
    "io_uring:io_uring_submit_req",
    "io_uring:io_uring_poll_arm",
    "io_uring:io_uring_task_add",
    "io_uring:io_uring_complete",
    "kretprobe:unix_stream_recvmsg",
  ],
  known: {
    fix: "io_uring/net: don't retry recv on uncommitted buffers",
    firstFixed: ["6.12.115", "7.3.2"],
    affectedSince: "6.12",
    source: "changelogs of linux 6.12.115-1 and 7.3.3-1; bad on 6.12.43, 6.12.113, 6.18.44 and 7.2.13",
    avoid: "no MSG_WAITALL on incremental buffer rings",
  },
  racyPath: "B was served when A had the first half of what it waits for",
  requires: [
    { name: "io_uring", probe: missing.ioUring },
    { name: "incremental buffer rings", probe: incrementalMissing },
  ],
  run: async (run) => {
    const { tally } = run;

    for (const kind of ["classic (control)", "incremental"]) {
      const incremental = kind === "incremental";
      using ring = new Ring({ entries: 8 });
      const shape = incremental ? { count: 1, flags: IOU_PBUF_RING_INC } : { count: 4 };
      using buffers = BufferRing.register(ring, { group: 1, bufferBytes: 4096, ...shape });
      const [a, aPeer] = socketPair({ nonblocking: false });
      const [b, bPeer] = socketPair({ nonblocking: false });
      run.defer(() => [a, aPeer, b, bPeer].map((fd) => fd.close()));
      const claims: Claim[] = [];
      const gotBytes = new Map([
        [A, 0],
        [B, 0],
      ]);
      using block = allocate(HALF);

      /** The peer sends the next half of its stream. */
      const sendHalf = (peer: Fd, connection: number, from: number) => {
        block.bytes.set(stream(connection).subarray(from, from + HALF));
        tally.wrote("send", HALF, send(peer, block));
      };
      const claim = (completion: Completion) => {
        const { tag: connection, result } = completion;
        const from = gotBytes.get(connection) as number;
        const call = tally.called(`recv ${connection === A ? "A" : "B"}`, connection === A ? 2 * HALF : HALF, result);
        claims.push({ ...delivered(buffers, completion, from), call });
        gotBytes.set(connection, from + result);
      };
      const collect = () => ring.completions().map(claim);

      // 1. A waits for both halves. The first one arrives and is taken from the socket.
      ring.queue(sqe.recvSelect(a, buffers, { lengthBytes: 2 * HALF, flags: MSG_WAITALL }), { tag: A });
      ring.submit();
      sendHalf(aPeer, A, 0);
      while (queuedBytes(a) > 0 && !run.stopped) ring.submit();
      collect();

      // 2. B receives its bytes, whole.
      ring.queue(sqe.recvSelect(b, buffers, { lengthBytes: HALF }), { tag: B });
      ring.submit();
      sendHalf(bPeer, B, 0);
      while (gotBytes.get(B) === 0 && !run.stopped) {
        ring.submitAndWait(1);
        collect();
      }
      // A fixed kernel ends A's receive with the half that it has.
      if (incremental) tally.tried(!run.stopped && (gotBytes.get(A) as number) < 2 * HALF);

      // 3. A's second half arrives. Where A's receive has ended with the first one already, it asks again.
      if ((gotBytes.get(A) as number) > 0) ring.queue(sqe.recvSelect(a, buffers, { lengthBytes: HALF }), { tag: A });
      sendHalf(aPeer, A, HALF);
      while ((gotBytes.get(A) as number) < 2 * HALF && !run.stopped) {
        ring.submitAndWait(1);
        collect();
      }

      // 4. No buffer was given back: everything that was received must still be there.
      const cause = "a later receive wrote into a buffer that was not given back";
      const findings = judgeClaims(buffers.memory.bytes, claims, { file: `${kind} buffer ring`, cause });
      const verifiedBytes = claims.reduce((sum, { bytes }) => sum + bytes.length, 0);
      const bad = tally.judged(
        { findings, verifiedBytes },
        { control: incremental ? undefined : "a classic buffer ring" },
      );
      const places = claims.map(({ name, bytes, offsetBytes }) => `${name}: ${bytes.length} bytes at ${offsetBytes}`);
      tally.line("Buffers", `${kind}: ${places.join("; ")}; ${bad ? "not all there at the end" : "all there"}`);
    }
  },
});
