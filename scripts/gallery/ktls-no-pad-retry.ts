#!/usr/bin/env bun
/**
 * ktls-no-pad-retry: does one recv() of two TLS 1.3 records return the stream, when the first one is padded?
 *
 * What is exercised: kernel TLS 1.3 with TLS_RX_EXPECT_NO_PAD. The first record is decrypted straight into the caller's
 * buffer; its padding shows that this was too hopeful, and it is decrypted again. Affected kernels leave the place in
 * the caller's buffer where the first attempt ended.
 * What broken looks like: the count is right; between the two records is the first one's padding and a part of it again,
 * and the end of the second record is missing. No error.
 * What is promised: tls.rst: with TLS_RX_EXPECT_NO_PAD records that are padded "will be decrypted twice", no more.
 * Since when, fixed by: bad on 6.1.190, 6.12.113, 6.18.15 and 7.0.13; "tls: rx: restore msg_iter before TLS 1.3 optimistic
 * retry" (6.1.191, 6.12.114, 7.1.9, 7.2).
 * Who is hit: servers with kernel TLS whose peers pad records (RFC 8446, 5.4).
 * Control: the same two records without padding.
 * Needs: kernel TLS (module tls).
 * Run: bun run ktls-no-pad-retry.ts [--padding 300]
 */
import {
  allocate,
  connectedPair,
  counter,
  Inconclusive,
  judgeBytes,
  loadsTls,
  missing,
  receive,
  runReproducer,
  send,
  startTls,
  testKeys,
  tlsRecord,
  tryExpectNoPadding,
} from "bytewitness";
import { errnoName, MSG_PEEK, MSG_WAITALL } from "bytewitness/uapi";

const RECORD_BYTES = 1000;
const STREAM_BYTES = 2 * RECORD_BYTES;

await runReproducer({
  name: "ktls-no-pad-retry",
  summary: "kernel TLS 1.3 receives a padded record and another one in one call: is it the stream?",
  events: ["kretprobe:tls:tls_sw_recvmsg", "kretprobe:tls:tls_decrypt_sg", "tcp:tcp_rcv_space_adjust"],
  known: {
    fix: "tls: rx: restore msg_iter before TLS 1.3 optimistic retry",
    firstFixed: ["6.1.191", "6.12.114", "7.1.9", "7.2"],
    affectedSince: "6.0",
    source:
      "changelogs of linux 6.1.192-1, 6.12.115-1 and 7.1.9-1; bad on 6.1.190, 6.12.111, 6.12.113, 6.18.15 and 7.0.13; clean on 7.2.6, which no changelog of 7.2 explains, so 7.2 has it",
    avoid: "do not set TLS_RX_EXPECT_NO_PAD",
  },
  options: {
    padding: { kind: "count", default: 300, min: 1, max: 10_000, description: "zeros behind the first record's data" },
  },
  racyPath: "a sequence of calls, no race",
  systemWide: loadsTls,
  requires: [{ name: "kernel TLS", probe: missing.tls }],
  run: (run) => {
    const keys = testKeys({ version: "1.3" });
    const pattern = counter();
    const stream = new Uint8Array(STREAM_BYTES);
    pattern.fill(stream, 0);
    const { tally } = run;

    for (const paddingBytes of [0, run.args.padding]) {
      using pair = connectedPair({ family: "ipv4", host: "127.0.0.1", port: 0 });
      const firstCall = tally.callCount;

      // 1. The peer's two records, the first one padded, lie in the socket before TLS begins there.
      const first = { sequence: 0, data: stream.subarray(0, RECORD_BYTES), paddingBytes };
      const second = { sequence: 1, data: stream.subarray(RECORD_BYTES) };
      const wire = Buffer.concat([tlsRecord.seal(keys, first), tlsRecord.seal(keys, second)]);
      using out = allocate(wire.length);
      out.bytes.set(wire);
      for (let sent = 0; sent < wire.length; ) {
        const part = { bufferOffsetBytes: sent };
        sent += tally.wrote("send", wire.length - sent, send(pair.client, out, part)).result;
      }
      receive(pair.server, out, { flags: MSG_PEEK | MSG_WAITALL });

      // 2. Kernel TLS 1.3 for what is received, in the expectation that nothing is padded.
      startTls(pair.server, { direction: "receive", keys });
      const expecting = tryExpectNoPadding(pair.server);
      if (expecting < 0) throw new Inconclusive(`TLS_RX_EXPECT_NO_PAD is refused: ${errnoName(-expecting)}`);

      // 3. One call that has room for both records; more only if the kernel stops between them.
      using into = allocate(16_384);
      into.bytes.fill(0xee);
      let got = 0;
      while (got < STREAM_BYTES) {
        const part = receive(pair.server, into, { bufferOffsetBytes: got });
        tally.called("recv", into.lengthBytes - got, part);
        if (part === 0) break;
        got += part;
      }

      const file = `stream with ${paddingBytes} bytes of padding`;
      const judged = judgeBytes(into.bytes.subarray(0, got), { pattern, expectBytes: STREAM_BYTES, file });
      const control = paddingBytes === 0 ? "without padding" : undefined;
      tally.judged(judged, { control, calls: tally.callsSince(firstCall) });
      if (control === undefined) tally.tried();
      tally.line(
        "What one recv returned",
        `${paddingBytes} bytes of padding${control === undefined ? "" : " (control)"}: ${judged.findings.length} findings in ${got} bytes`,
      );
    }
  },
});
