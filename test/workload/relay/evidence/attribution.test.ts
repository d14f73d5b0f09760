/** From a damaged range to the calls that carried it: the report's own trace as the case that must come out right. */
import { expect, test } from "bun:test";
import type { Finding } from "../../../../src/judge/finding.ts";
import type { ReportedFinding } from "../../../../src/report/document.ts";
import { reported } from "../../../../src/report/sentence.ts";
import type { Journal } from "../../../../src/workload/journal.ts";
import { answer, attribute, exactChunk, questionFor } from "../../../../src/workload/relay/evidence/attribution.ts";
import { traceLines } from "../../../../src/workload/relay/evidence/trace.ts";
import {
  relayJournal,
  SPLICE_IN,
  SPLICE_OUT,
  WAIT,
  WAIT_IN,
  WAIT_OUT,
} from "../../../../src/workload/relay/evidence/transfers.ts";

/** The strace of report 2: splice-ins of 1024, nine times 1460, 172, 1460; splice-outs of 2484, four times 2920, 1632. */
function reportedTrace(): Journal {
  const journal = relayJournal(256);
  const ins = [1024, ...Array<number>(9).fill(1460), 172, 1460];
  let inBytes = 0;
  let outBytes = 0;
  let atNs = 0;
  // Each call takes 0.8 microseconds.
  const ends = () => {
    atNs += 1000;
    return [atNs - 1000, atNs - 200] as const;
  };
  for (const [index, bytes] of ins.entries()) {
    journal.record(WAIT, 0, ...ends(), WAIT_IN, WAIT_IN, 0, outBytes);
    journal.record(SPLICE_IN, 0, ...ends(), 65_536, bytes, index + 1, inBytes);
    inBytes += bytes;
    if (index % 2 === 0) continue;
    const held = inBytes - outBytes;
    journal.record(SPLICE_OUT, 0, ...ends(), held, held, (index + 1) / 2, outBytes);
    outBytes += held;
  }
  return journal;
}

function finding(fields: Partial<Finding>): Finding {
  const whole = {
    kind: "foreign" as const,
    offsetBytes: 0,
    lengthBytes: 0,
    pageAligned: false,
    detail: "wrong",
    ...fields,
  };
  return whole;
}

function explained(journal: Journal, one: Finding): ReportedFinding {
  return reported(attribute(one, answer(journal, questionFor(0, one)), { startNs: 0 }));
}

test("the report's finding: exactly splice-in #11 of 172, sent together with #12 in splice-out #6 of 1632", () => {
  const journal = reportedTrace();
  const one = explained(journal, finding({ offsetBytes: 14_164, lengthBytes: 172 }));
  expect(one.detail).toBe(
    "wrong; exactly splice-in #11 of 172 bytes, sent together with #12 (1460) in splice-out #6 of 1632",
  );
  expect(one.calls).toEqual([
    {
      what: "splice-in",
      index: 11,
      atNs: 26_000,
      endNs: 26_800,
      requestedBytes: 65_536,
      result: 172,
      streamOffsetBytes: 14_164,
      exact: true,
      detail: "its bytes are exactly the damaged range",
    },
    {
      what: "splice-out",
      index: 6,
      atNs: 29_000,
      endNs: 29_800,
      requestedBytes: 1632,
      result: 1632,
      streamOffsetBytes: 14_164,
    },
  ]);
});

test("a range inside a chunk, and one over several", () => {
  const journal = reportedTrace();
  expect(explained(journal, finding({ offsetBytes: 1100, lengthBytes: 50 })).detail).toBe(
    "wrong; inside splice-in #2 (1460 bytes at 1024), sent together with #1 (1024) in splice-out #1 of 2484",
  );
  expect(explained(journal, finding({ offsetBytes: 1000, lengthBytes: 3000 })).detail).toBe(
    "wrong; splice-ins #1 to #4 (4 calls from 0), sent together with #2 (1460), #3 (1460), #4 (1460) " +
      "in splice-outs #1 to #2",
  );
});

test("lost between two calls, as kernel TLS loses them; lost inside one; lost as a whole chunk", () => {
  const journal = relayJournal(64);
  journal.record(SPLICE_IN, 0, 1, 2, 4096, 4083, 4, 12_288);
  journal.record(SPLICE_OUT, 0, 2, 3, 4083, 4083, 4, 12_288);
  journal.record(SPLICE_IN, 0, 3, 4, 4096, 4096, 5, 16_371);
  journal.record(SPLICE_OUT, 0, 4, 5, 4096, 4096, 5, 16_371);
  const lost = (offsetBytes: number, lengthBytes: number) =>
    explained(journal, finding({ kind: "lost", offsetBytes, lengthBytes, originBytes: offsetBytes })).detail;
  const between = "missing between splice-in #4, which asked for 4096 and returned 4083, and splice-in #5";
  expect(lost(16_372, 13)).toBe(`wrong; ${between}`);
  expect(lost(14_000, 13)).toBe("wrong; missing inside splice-in #4 (4083 bytes at 12288)");
  expect(lost(16_371, 4096)).toStartWith("wrong; exactly splice-in #5 of 4096 bytes, sent ");
});

test("a copy is the chunk of its origin, even when its edges slid over equal bytes", () => {
  const journal = reportedTrace();
  const copy = finding({ kind: "duplicated", offsetBytes: 2487, lengthBytes: 1460, originBytes: 1027 });
  const given = answer(journal, questionFor(0, copy));
  expect(exactChunk(copy, given)).toMatchObject({ what: "splice-in", ordinal: 2 });
  const foreign = finding({ offsetBytes: 1027, lengthBytes: 1460 });
  expect(exactChunk(foreign, answer(journal, questionFor(0, foreign)))).toBeUndefined();
});

test("when the calls were overwritten the finding has it as a field and claims nothing", () => {
  const one = explained(relayJournal(8), finding({ offsetBytes: 10, lengthBytes: 10 }));
  expect(one.detail).toBe("wrong; the journal no longer holds the calls");
  expect(one.calls).toBeUndefined();
});

test("the trace reads like the mail's", () => {
  const journal = reportedTrace();
  const given = answer(journal, questionFor(0, finding({ offsetBytes: 14_164, lengthBytes: 172 })));
  const marked = new Set([...given.spliceIns, ...given.spliceOuts].map((call) => call.sequence));
  const lines = traceLines(given.around.slice(-5), { flags: "0x3", marked, startNs: 0 });
  expect(lines).toEqual([
    "      0.000025  poll(server [in], client []) = 1 (in [server]) <0.000001>",
    "==>   0.000026  splice(server, pipe, 0x10000, 0x3) = 172 <0.000001>   #11 at 14164",
    "      0.000027  poll(server [in], client []) = 1 (in [server]) <0.000001>",
    "      0.000028  splice(server, pipe, 0x10000, 0x3) = 1460 <0.000001>   #12 at 14336",
    "==>   0.000029  splice(pipe, client, 0x660, 0x3) = 1632 <0.000001>   #6 at 14164",
  ]);
  const both = {
    ...(given.around[0] as (typeof given.around)[0]),
    what: "wait" as const,
    requestedBytes: 3,
    result: 3,
  };
  expect(traceLines([{ ...both, result: WAIT_IN | WAIT_OUT }], { flags: "0x3", startNs: 0 })[0]).toEndWith(
    "poll(server [in], client [out]) = 2 (in [server], out [client]) <0.000001>",
  );
});
