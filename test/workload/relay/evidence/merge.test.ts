/** Lengths, hops and troubles: what the three roles report, joined into findings. */
import { expect, test } from "bun:test";
import type { Finding } from "../../../../src/judge/finding.ts";
import { Judge } from "../../../../src/judge/judge.ts";
import { counter } from "../../../../src/pattern/counter.ts";
import { zero } from "../../../../src/pattern/zero.ts";
import {
  hopOf,
  lengthFinding,
  mergeFindings,
  streamEndBytes,
  troubleOf,
} from "../../../../src/workload/relay/evidence/merge.ts";

function sunk(bytes: Uint8Array, connection = 0) {
  const judge = new Judge({ pattern: counter() });
  judge.push(bytes);
  return { connection, receivedBytes: bytes.length, judgement: judge.finish(), unstable: [], errno: 0 };
}

function stream(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(lengthBytes));
  counter().fill(bytes, 0);
  return bytes;
}

const complete = { connection: 0, downBytes: 0, upBytes: 0, complete: true };

test("a stream that ends early is truncated by exactly what is missing; one that goes on is extra", () => {
  expect(lengthFinding(sunk(stream(10_000)), 10_000, true)).toBeUndefined();
  expect(lengthFinding(sunk(stream(9_000)), 10_000, true)).toMatchObject({
    kind: "truncated",
    offsetBytes: 9_000,
    lengthBytes: 1_000,
  });
  expect(lengthFinding(sunk(stream(10_500)), 10_000, true)).toMatchObject({
    kind: "extra",
    offsetBytes: 10_000,
    lengthBytes: 500,
  });
});

test("bytes lost in the middle do not make the end short as well", () => {
  const whole = stream(20_000);
  const holed = new Uint8Array(new ArrayBuffer(18_540));
  holed.set(whole.subarray(0, 8_000));
  holed.set(whole.subarray(9_460), 8_000);
  const one = sunk(holed);
  expect(streamEndBytes(one.judgement)).toBe(20_000);
  const input = { streams: [one], sentBytes: [20_000], outcomes: [complete], sourceErrors: [], selfLocating: true };
  const { found, verifiedBytes } = mergeFindings({ ...input, stalled: false });
  expect(found.map(({ finding }) => [finding.kind, finding.offsetBytes, finding.lengthBytes])).toEqual([
    ["lost", 8_000, 1_460],
  ]);
  expect(verifiedBytes).toBe(18_540);
});

test("a connection that an error cut short is not evidence of truncation", () => {
  const input = { streams: [sunk(stream(5_000))], sentBytes: [9_000], sourceErrors: [], selfLocating: true };
  const cut = { ...complete, complete: false };
  expect(mergeFindings({ ...input, outcomes: [cut], stalled: false }).found).toEqual([]);
  expect(mergeFindings({ ...input, outcomes: [complete], stalled: true }).found).toEqual([]);
  expect(mergeFindings({ ...input, outcomes: [complete], stalled: false }).found.length).toBe(1);
});

test("the hop is decided by who saw it", () => {
  const one: Finding = { kind: "foreign", offsetBytes: 100, lengthBytes: 20, pageAligned: false, detail: "" };
  const asked = { connection: 0, finding: one };
  const clean = { verifiedBytes: 1, findings: [], findingsLeftOut: 0, segments: [], segmentsLeftOut: 0 };
  const sink = { ...sunk(stream(8)), unstable: [{ offsetBytes: 110, lengthBytes: 2 }] };
  const steady = { ...sink, unstable: [{ offsetBytes: 200, lengthBytes: 2 }] };
  const saw = [{ connection: 0, judgement: { ...clean, findings: [one] } }];
  const sawNothing = [{ connection: 0, judgement: clean }];
  expect(hopOf(asked, undefined, sink)).toBeUndefined();
  expect(hopOf(asked, saw, steady)).toBe("arrived damaged");
  expect(hopOf(asked, sawNothing, steady)).toBe("damaged between pipe and client");
  expect(hopOf(asked, sawNothing, sink)).toBe("damaged in the sink's read");
});

test("trouble is one line that names the connection and the errno", () => {
  const relay = { outcomes: [complete], stalled: false };
  const done = (fields: object, errno = 0) => ({
    relay: { ...relay, ...fields } as never,
    sink: { streams: [{ ...sunk(stream(8)), errno }], stalled: false },
  });
  expect(troubleOf(done({}), 30)).toBeUndefined();
  expect(troubleOf(done({ stalled: true }), 30)).toBe("stalled: no byte moved for 30 seconds");
  expect(troubleOf(done({}, 104), 30)).toBe("connection 0 ended with ECONNRESET at the sink");
  const error = { call: "splice-out", errno: 32, direction: "down" };
  const failed = { connection: 3, downBytes: 77, upBytes: 0, complete: false, error };
  expect(troubleOf(done({ outcomes: [complete, failed] }), 30)).toBe(
    "1 of 2 connections failed; connection 3: splice-out: EPIPE after 77 bytes",
  );
});

test("a stream that was as short in the pipe already arrived short; one that was longer there was cut behind it", () => {
  const short = sunk(stream(9_000));
  const truncated = { connection: 0, finding: lengthFinding(short, 10_000, true) as Finding };
  const inPipe = (lengthBytes: number) => [{ connection: 0, judgement: sunk(stream(lengthBytes)).judgement }];
  expect(hopOf(truncated, inPipe(9_000), short)).toBe("arrived damaged");
  expect(hopOf(truncated, inPipe(10_000), short)).toBe("damaged between pipe and client");
});

test("what a pipe lost at the end of a stream is lost, not truncated; among zeros it is lost wherever it was", () => {
  const kinds = (input: Parameters<typeof mergeFindings>[0]) =>
    mergeFindings(input).found.map(({ finding }) => [finding.kind, finding.offsetBytes, finding.lengthBytes]);
  const common = { sourceErrors: [], stalled: false };
  const losing = (...lost: [number, number][]) => [
    { ...complete, lost: lost.map(([offsetBytes, lengthBytes]) => ({ offsetBytes, lengthBytes })) },
  ];
  const tail = { ...common, streams: [sunk(stream(9_000))], sentBytes: [10_000], selfLocating: true };
  expect(kinds({ ...tail, outcomes: losing([9_000, 1_000]) })).toEqual([["lost", 9_000, 1_000]]);
  expect(mergeFindings({ ...tail, outcomes: losing([9_000, 1_000]) }).found[0]?.finding.originBytes).toBe(9_000);
  // More is missing than the pipe lost.
  expect(kinds({ ...tail, outcomes: losing([9_000, 400]) })).toEqual([
    ["lost", 9_000, 400],
    ["truncated", 9_000, 600],
  ]);
  // In the middle the judge has seen it already: one finding.
  const holed = new Uint8Array(new ArrayBuffer(18_540));
  holed.set(stream(20_000).subarray(0, 8_000));
  holed.set(stream(20_000).subarray(9_460), 8_000);
  const middle = { ...common, streams: [sunk(holed)], sentBytes: [20_000], selfLocating: true };
  expect(kinds({ ...middle, outcomes: losing([8_000, 1_460]) })).toEqual([["lost", 8_000, 1_460]]);
  const judge = new Judge({ pattern: zero() });
  judge.push(new Uint8Array(5_000));
  const zeros = { connection: 0, receivedBytes: 5_000, judgement: judge.finish(), unstable: [], errno: 0 };
  const blind = { ...common, streams: [zeros], sentBytes: [6_000], selfLocating: false };
  expect(kinds({ ...blind, outcomes: losing([700, 1_000]) })).toEqual([["lost", 700, 1_000]]);
});
