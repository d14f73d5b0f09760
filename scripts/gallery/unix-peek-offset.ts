#!/usr/bin/env bun
/**
 * unix-peek-offset: does a peek that waits on a unix socket begin at its peek offset?
 *
 * What is exercised: SO_PEEK_OFF on a unix stream socket. A peek is behind all that is queued, and sleeps; new bytes
 * arrive. It looks through the queue again from the front, but has used up the offset that it read before it slept.
 * What broken looks like: the peek returns bytes that an earlier peek has returned already, and then the new ones.
 * What is promised: socket(7), SO_PEEK_OFF: the peek offset is increased by each peek, "so that the next peek will
 * return data following that".
 * Since when, fixed by: bad on 6.1.192 and 6.12.57; "af_unix: Read sk_peek_offset() again after sleeping in
 * unix_stream_read_generic()" (6.12.60, 6.17.10, 6.18).
 * Who is hit: checkpointing (CRIU), and protocols that parse ahead with a peek offset.
 * Control: the same bytes, and a peek that begins when they have arrived.
 * Needs: nothing.
 * Run: bun run unix-peek-offset.ts
 */
import {
  allocate,
  counter,
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
  summary: "a peek with SO_PEEK_OFF waits on a unix socket for new bytes: does it begin with them?",
  known: {
    fix: "af_unix: Read sk_peek_offset() again after sleeping in unix_stream_read_generic().",
    firstFixed: ["6.12.60", "6.17.10", "6.18"],
    source:
      "changelogs of linux 6.12.63-1 and 6.17.10-1; clean on 6.18.15, which no changelog of 6.18 explains, so 6.18 has it",
    avoid: "peek without waiting (MSG_DONTWAIT, poll)",
  },
  racyPath: "the peek was seen asleep in recvfrom when the new bytes came",
  run: async (run) => {
    const pattern = counter();
    using thread = await Thread.start();
    using out = allocate(FIRST + SECOND);
    pattern.fill(out.bytes, 0);
    using first = allocate(FIRST);
    using peeked = allocate(FIRST + SECOND);
    const { tally } = run;

    for (const kind of ["a peek that begins later (control)", "a peek that waits"]) {
      const waits = kind === "a peek that waits";
      const [reader, writer] = socketPair({ nonblocking: false });
      run.defer(() => [reader, writer].map((fd) => fd.close()));
      setOption(reader, { level: SOL_SOCKET, option: SO_PEEK_OFF, value: 0 });

      // 1. The first bytes arrive and are peeked at: the peek offset is behind them.
      tally.wrote("send", FIRST, send(writer, out, { lengthBytes: FIRST }));
      tally.called("recv (peek)", FIRST, receive(reader, first, { flags: MSG_PEEK }));

      // 2. Another thread peeks on, and sleeps: there is nothing behind the offset.
      let peek = waits ? thread.call(receive, reader, peeked, { flags: MSG_PEEK }) : undefined;
      if (peek !== undefined) tally.tried(await thread.asleep("recvfrom", 30_000));

      // 3. New bytes arrive. The peek sees them from their beginning.
      tally.wrote("send", SECOND, send(writer, out, { bufferOffsetBytes: FIRST }));
      peek ??= thread.call(receive, reader, peeked, { flags: MSG_PEEK });
      const got = await Promise.race([peek, Bun.sleep(30_000)]);
      if (got === undefined) throw new Inconclusive(`${kind} slept on although bytes had arrived`);

      const file = `unix socket, ${kind}`;
      const judged = judgeBytes(peeked.bytes.subarray(0, got), { pattern, startBytes: FIRST, file });
      const call = tally.called("recv (peek)", peeked.lengthBytes, got);
      tally.judged(judged, { control: waits ? undefined : kind, calls: [call] });
      tally.line("Peeks", `${kind}: ${got} bytes of ${SECOND} new ones, ${judged.findings.length} findings`);
    }
  },
});
