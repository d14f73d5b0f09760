#!/usr/bin/env bun
/**
 * unix-peek-offset: does a peek that waits on a unix socket see data that comes after the queue was emptied?
 *
 * What is exercised: SO_PEEK_OFF on a unix stream socket. One thread peeks behind all that is queued, and sleeps; another
 * takes the queued bytes, which moves the peek offset back to the front; then new bytes arrive. The sleeper goes on with
 * the offset that it read before it slept, and skips as many of the new bytes.
 * What broken looks like: the peek returns the new bytes without their beginning (or, when they are few, sleeps on).
 * What is promised: socket(7), SO_PEEK_OFF: "receiving data without the MSG_PEEK flag will cause the peek offset to be
 * adjusted to maintain the correct relative position in the queued data".
 * Since when, fixed by: "af_unix: Read sk_peek_offset() again after sleeping in unix_stream_read_generic()" (6.12.63,
 * 6.17.10). On 6.18.44 the peek sees the right bytes, but wakes only when more of them come.
 * Who is hit: checkpointing (CRIU), and protocols that parse ahead with a peek offset while another thread consumes.
 * Control: the same bytes, and a peek that begins when they have arrived.
 * Needs: nothing.
 * Run: bun run unix-peek-offset.ts
 */
import {
  allocate,
  counter,
  type Finding,
  Inconclusive,
  judgeBytes,
  receive,
  runReproducer,
  send,
  setOption,
  socketPair,
  Thread,
} from "bytewitness";
import { MSG_PEEK, SO_PEEK_OFF, SOL_SOCKET } from "bytewitness/uapi";

const FIRST = 1024;
const SECOND = 8192;

await runReproducer({
  name: "unix-peek-offset",
  summary: "a peek with SO_PEEK_OFF waits while the queue of a unix socket is emptied: what does it see then?",
  known: {
    fix: "af_unix: Read sk_peek_offset() again after sleeping in unix_stream_read_generic().",
    firstFixed: ["6.12.60", "6.17.10"],
    source: "changelogs of linux 6.12.63-1 and 6.17.10-1; good on 6.18.44",
    avoid: "peek and receive in the same thread",
  },
  run: async (run) => {
    const pattern = counter();
    using thread = await Thread.start();
    using out = allocate(FIRST + SECOND);
    pattern.fill(out.bytes, 0);
    using first = allocate(FIRST);
    using peeked = allocate(SECOND);
    const findings: Finding[] = [];
    const lines: string[] = [];
    const trigger = {
      reached: 0,
      attempts: 1,
      how: "the peek was seen asleep in recvfrom while the queue was emptied",
    };
    const totals = { bytesWritten: 0, bytesVerified: 0, files: 0, calls: 0 };

    for (const kind of ["a peek that begins later (control)", "a peek that waits"]) {
      const waits = kind === "a peek that waits";
      const [reader, writer] = socketPair({ nonblocking: false });
      run.defer(() => [reader, writer].map((fd) => fd.close()));
      setOption(reader, { level: SOL_SOCKET, option: SO_PEEK_OFF, value: 0 });

      // 1. The first bytes arrive and are peeked at: the peek offset is behind them.
      totals.bytesWritten += send(writer, out, { lengthBytes: FIRST });
      receive(reader, first, { flags: MSG_PEEK });

      // 2. Another thread peeks on, and sleeps: there is nothing behind the offset.
      let peek = waits ? thread.call(receive, reader, peeked, { flags: MSG_PEEK }) : undefined;
      if (peek !== undefined && (await thread.asleep("recvfrom"))) trigger.reached += 1;

      // 3. The first bytes are taken: the peek offset is at the front of the empty queue.
      if (receive(reader, first) !== FIRST) throw new Inconclusive("the first bytes did not come in one piece");

      // 4. New bytes arrive. The peek sees them from their beginning.
      totals.bytesWritten += send(writer, out, { bufferOffsetBytes: FIRST });
      peek ??= thread.call(receive, reader, peeked, { flags: MSG_PEEK });
      let got = await Promise.race([peek, Bun.sleep(500)]);
      // Some kernels wake the sleeper only for the next bytes: no corruption, but worth a line.
      const wokenLate = got === undefined;
      if (wokenLate) totals.bytesWritten += send(writer, out, { bufferOffsetBytes: 0, lengthBytes: FIRST });
      got ??= await Promise.race([peek, Bun.sleep(5000)]);
      if (got === undefined) throw new Inconclusive(`${kind} slept on although bytes had arrived twice`);

      const file = `unix socket, ${kind}`;
      const judged = judgeBytes(peeked.bytes.subarray(0, got), { pattern, startBytes: FIRST, file });
      const { findings: bad } = judged;
      if (!waits && bad.length > 0) throw new Inconclusive(`the control is damaged: ${bad[0]?.detail}`);
      findings.push(...bad);
      totals.bytesVerified += judged.verifiedBytes;
      totals.calls += 5;
      const late = wokenLate ? ", and slept until more bytes came" : "";
      lines.push(`${kind}: ${got} of ${SECOND} bytes, ${bad.length} findings${late}`);
    }
    return { findings, trigger, totals, sections: [{ title: "Peeks", lines }] };
  },
});
