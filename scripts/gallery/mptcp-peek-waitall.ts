#!/usr/bin/env bun
/**
 * mptcp-peek-waitall: does a peek that waits on an MPTCP connection see the stream?
 *
 * What is exercised: recv(MSG_PEEK | MSG_WAITALL) on an MPTCP socket that has half of the bytes; the other half arrives
 * while the call waits. The kernel begins at the head of its queue again, and forgets what it has copied already.
 * What broken looks like: the call returns its whole length, and the first half is there twice. After the first fix, on
 * 6.12: it never ends. The bytes that it has copied stay in the connection's own queue, as they must, and while that queue
 * is not empty the kernel neither moves new bytes into it nor sleeps, because there are new bytes: a loop that only a signal
 * ends. That is not corruption, and there are no bytes of a peek to judge: inconclusive, with the processor time that it took.
 * What is promised: recv(2): MSG_PEEK "return data from the beginning of the receive queue without removing that data";
 * MSG_WAITALL "block until the full request is satisfied".
 * Since when, fixed by: doubled on 6.1.170, 6.1.192 and 6.12.57; "mptcp: fix MSG_PEEK stream corruption" (6.12.59, 6.17.8),
 * after which 6.12.90 to 6.12.118 are busy for ever; good on 6.17.13, 6.18.44 and 7.2.13.
 * Who is hit: protocol detection by peeking (proxies) where MPTCP is the default for listeners.
 * Control: the same calls on TCP.
 * Needs: MPTCP in the kernel. The waiting call is made by a process of its own, which is killed if it does not end.
 * Run: bun run mptcp-peek-waitall.ts
 */
import { readFileSync } from "node:fs";
import {
  allocate,
  connectedPair,
  counter,
  type Fd,
  Inconclusive,
  isSyscallError,
  judgeBytes,
  openPipe,
  read,
  receive,
  runReproducer,
  send,
  startProcess,
  write,
} from "bytewitness";
import { IPPROTO_MPTCP, MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL } from "bytewitness/uapi";

const HALF = 4000;
const LOOPBACK = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;

/** Peeks at the whole stream, which has come only half-way. Runs in a process of its own: it may never end. */
export function peekAll(socket: Fd, lengthBytes: number, ready: Fd): Uint8Array {
  using buffer = allocate(lengthBytes);
  write(ready, buffer, { lengthBytes: 1 });
  const got = receive(socket, buffer, { flags: MSG_PEEK | MSG_WAITALL });
  return buffer.bytes.slice(0, got);
}

/** Processor time of a process so far. proc(5), /proc/pid/stat: utime and stime, in hundredths of a second. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function mptcpMissing(): string | undefined {
  try {
    using _pair = connectedPair(LOOPBACK, { protocol: IPPROTO_MPTCP });
    return undefined;
  } catch (error) {
    if (isSyscallError(error)) return error.message;
    throw error;
  }
}

await runReproducer({
  name: "mptcp-peek-waitall",
  summary: "MSG_PEEK | MSG_WAITALL on an MPTCP socket whose data comes in two parts: is it the stream?",
  events: [
    "mptcp:mptcp_subflow_get_send",
    "mptcp:get_mapping_status",
    "mptcp:ack_update_msk",
    "mptcp:subflow_check_data_avail",
    "kretprobe:mptcp_recvmsg",
  ],
  known: {
    fix: "mptcp: fix MSG_PEEK stream corruption",
    firstFixed: ["6.12.59", "6.17.8", "6.18"],
    source:
      "changelogs of linux 6.12.63-1 and 6.17.8-1; doubled on 6.1.170, 6.1.192 and 6.12.57; busy for ever on 6.12.90 to 6.12.118",
    avoid: "peek without MSG_WAITALL, or at no more than has arrived",
  },
  racyPath: "the peek was in its call when the second half was sent",
  options: {
    timeout: { kind: "duration", default: "5s", description: "how long the peek may take once everything is there" },
  },
  requires: [{ name: "MPTCP", probe: mptcpMissing }],
  run: async (run) => {
    const pattern = counter();
    const { tally } = run;
    using block = allocate(2 * HALF);

    for (const kind of ["TCP (control)", "MPTCP"]) {
      const mptcp = kind === "MPTCP";
      using pair = connectedPair(LOOPBACK, mptcp ? { protocol: IPPROTO_MPTCP } : {});

      // 1. Half of the bytes are there.
      pattern.fill(block.bytes, 0);
      tally.wrote("send", HALF, send(pair.client, block, { lengthBytes: HALF }));

      // 2. The peek asks for all of them: it sleeps until the rest arrives, or (6.12) spins and is never seen asleep.
      using pipe = openPipe();
      using peeker = startProcess(peekAll, pair.server, 2 * HALF, pipe.writeEnd);
      pipe.writeEnd.close();
      if (read(pipe.readEnd, block, { lengthBytes: 1 }) !== 1)
        throw new Inconclusive("the peeking process did not start");
      const asleep = await peeker.asleep("recvfrom", 3000);

      // 3. The rest arrives; the peek has everything that it asked for.
      tally.wrote("send", HALF, send(pair.client, block, { bufferOffsetBytes: HALF }));
      const idleSeconds = processorSeconds(peeker.pid);
      const patienceMs = run.args.timeout * 1000;
      const early = await Promise.race([peeker.result.then(() => true), Bun.sleep(patienceMs).then(() => false)]);
      const busySeconds = early ? 0 : processorSeconds(peeker.pid) - idleSeconds;
      const ended = await peeker.within({ timeoutMs: early ? patienceMs : 1 });
      if (ended === undefined) {
        if (!mptcp) throw new Inconclusive("the control, a peek on TCP, did not end");
        using back = allocate(2 * HALF);
        const bytes = back.bytes.subarray(0, receive(pair.server, back, { flags: MSG_DONTWAIT }));
        const judged = judgeBytes(bytes, { pattern, expectBytes: 2 * HALF, file: `${kind}, read` });
        if (tally.judged(judged)) return undefined;
        const reason = `the peek never ends on this kernel: all ${2 * HALF} bytes had arrived, and in ${run.args.timeout} s it returned none and took ${busySeconds.toFixed(1)} s of a processor; killed, after which a plain recv got the stream whole`;
        return { verdict: "inconclusive", reason };
      }
      tally.called("recv (peek)", 2 * HALF, ended.value.length);
      if (mptcp) tally.tried();
      tally.line("Peeks", `${kind}: the peek ${asleep ? "slept" : "was not seen asleep"} until the rest arrived`);

      // 4. What was peeked at, and then what the stream is.
      using back = allocate(2 * HALF);
      const got = tally.called("recv", 2 * HALF, receive(pair.server, back, { flags: MSG_WAITALL })).result;
      for (const [what, bytes] of [
        ["peek", ended.value],
        ["read", back.bytes.subarray(0, got)],
      ] as const) {
        const judged = judgeBytes(bytes, { pattern, expectBytes: 2 * HALF, file: `${kind}, ${what}` });
        tally.judged(judged, { control: mptcp ? undefined : "a peek on TCP" });
        tally.line("Peeks", `${kind}, ${what}: ${bytes.length} bytes, ${judged.findings.length} findings`);
      }
    }
    return undefined;
  },
});
