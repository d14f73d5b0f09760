#!/usr/bin/env bun
/**
 * sendfile-then-write: does a peer get the bytes that a file had when sendfile(2) returned?
 *
 * What is exercised: sendfile(2) and splice(2) from a file to a TCP socket. The socket's queue refers to the pages of the
 * page cache; a write to the file after the call has returned changes what is still queued, and what TCP would send
 * again.
 * What broken looks like: the call has returned its whole length; the peer gets the file's later contents.
 * What is promised: sendfile(2), notes: "callers must ensure the transferred portions of the file referred to by in_fd
 * remain unmodified until the reader on the other end of out_fd has consumed the transferred data". So it is documented,
 * and no caller can know when that is; TCP checksums are right all along.
 * Since when, fixed by: every kernel with zero-copy sendfile (6.12.57, 6.18.44); it is not called a bug.
 * Who is hit: servers of files that are rewritten in place: the client's copy is neither the old nor the new file.
 * Control: the same bytes by read(2) and send(2).
 * Needs: a writable directory.
 * Run: bun run sendfile-then-write.ts [DIR] [--door splice]
 */
import {
  allocate,
  connectedPair,
  counter,
  Inconclusive,
  judgeBytes,
  KiB,
  openPipe,
  receive,
  runReproducer,
  scratchFile,
  send,
  sendFile,
  splice,
  spliceExactly,
  sync,
  write,
} from "bytewitness";
import { MSG_WAITALL } from "bytewitness/uapi";

const DOORS = ["sendfile", "splice"] as const;
const CONTROL = "read+send (control)";
const LENGTH = 64 * KiB;
const OLD = counter({ generation: 1 });
const NEW = counter({ generation: 2 });
const NOTE =
  'sendfile(2): the file must "remain unmodified until the reader on the other end of out_fd has consumed the data"';

await runReproducer({
  name: "sendfile-then-write",
  summary: "a file is rewritten after sendfile or splice to a socket returned: which contents does the peer get?",
  known: {
    fix: "",
    firstFixed: [],
    source: "sendfile(2), notes; seen on 6.18.44",
    documentedIn: "sendfile(2)",
    avoid: "write a new file and rename it over the old one, or read and send",
  },
  racyPath: "all bytes were queued before the file was written again",
  positionals: { dir: { kind: "path", optional: true, description: "where the file goes" } },
  options: {
    door: { kind: "choice", choices: [...DOORS, "both"], default: "both", description: "how the file is sent" },
  },
  run: (run) => {
    const { tally } = run;
    using buffer = allocate(LENGTH);
    using got = allocate(LENGTH);

    for (const door of [CONTROL, ...DOORS.filter((name) => run.args.door === name || run.args.door === "both")]) {
      const { fd: file } = scratchFile(run, { directory: run.args.dir, name: "sendfile-then-write" });
      using pair = connectedPair({ family: "ipv4", host: "127.0.0.1", port: 0 });
      using pipe = openPipe({ capacityBytes: LENGTH });

      // 1. The file's contents.
      OLD.fill(buffer.bytes, 0);
      tally.wrote("pwrite", LENGTH, write(file, buffer, { offsetBytes: 0 }));
      sync(file);

      // 2. All of it goes to the peer; the calls acknowledge it, and the peer has not read yet.
      const from = { lengthBytes: LENGTH, fromOffsetBytes: 0 };
      let sent = 0;
      if (door === "sendfile") sent = sendFile(file, pair.client, from);
      else if (door === "splice") {
        splice(file, pipe.writeEnd, { ...from, flags: 0 });
        sent = spliceExactly(pipe.readEnd, pair.client, { lengthBytes: LENGTH, flags: 0 });
      } else sent = send(pair.client, buffer);
      tally.called(door, LENGTH, sent);
      if (sent !== LENGTH) throw new Inconclusive(`${door} took ${sent} of ${LENGTH} bytes at once`);

      // 3. The file gets new contents.
      NEW.fill(buffer.bytes, 0);
      tally.wrote("pwrite", LENGTH, write(file, buffer, { offsetBytes: 0 }));

      // 4. What the peer gets.
      tally.called("recv", LENGTH, receive(pair.server, got, { flags: MSG_WAITALL }));
      const judged = judgeBytes(got.bytes, { pattern: OLD, expectBytes: LENGTH, file: `what ${door} sent` });
      const later = tally.judged(judged, { control: door === CONTROL ? door : undefined });
      if (door !== CONTROL) tally.tried();
      const what = later ? "later contents" : "the contents at the time of the call";
      tally.line("What the peer got", `${door}: the peer got ${what}`);
    }
    tally.line("What the peer got", NOTE);
  },
});
