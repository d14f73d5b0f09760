/**
 * The relay's calls in its journal: their kinds, and the questions that evidence asks of them.
 *
 * Owns which calls touch a range of one channel's stream, and which are around them. Times are CLOCK_MONOTONIC, offsets
 * are those of the stream that leaves the relay.
 */
import { Journal, type JournalCall } from "../../journal.ts";

/** The kinds of call, by their numbers below (3 is "tee", which no call of ours records). Waits have `requestedBytes` as the events asked for. */
const CALLS = ["wait", "splice-in", "splice-out", "tee", "inject"] as const;

export const WAIT = 0;
export const SPLICE_IN = 1;
export const SPLICE_OUT = 2;
export const INJECT = 4;

/** The bits of a wait's `requestedBytes` (events asked for) and `result` (events that came). */
export const WAIT_IN = 1;
export const WAIT_OUT = 2;

/** A journal of the relay's calls; see `Journal`. */
export function relayJournal(capacityCount: number): Journal {
  return new Journal(capacityCount, CALLS);
}

/** The transfers of `channel` that touch [startBytes, endBytes); with `touching` those too that only end or begin there. */
export function transfersOf(
  journal: Journal,
  channel: number,
  range: { startBytes: number; endBytes: number; touching: boolean },
): JournalCall[] {
  return journal.find(({ channel: own, what, result, streamOffsetBytes: start }) => {
    if (own !== channel || (what !== "splice-in" && what !== "splice-out") || result <= 0) return false;
    const end = start + result;
    if (range.touching && start <= range.endBytes && end >= range.startBytes) return true;
    return start < range.endBytes && end > range.startBytes;
  });
}

/** Calls of `channel` (and waits) from `beforeCount` before the first sequence to `afterCount` after the last. */
export function callsAround(
  journal: Journal,
  channel: number,
  span: { first: number; last: number; beforeCount: number; afterCount: number },
): JournalCall[] {
  const before: JournalCall[] = [];
  for (let sequence = span.first - 1; sequence >= journal.dropped && before.length < span.beforeCount; sequence--) {
    const call = journal.get(sequence);
    if (call?.channel === channel) before.push(call);
  }
  let left = span.afterCount;
  const after = journal.find(({ channel: own, sequence }) => {
    if (own !== channel || left === 0) return false;
    if (sequence > span.last) left -= 1;
    return true;
  }, span.first);
  return [...before.reverse(), ...after];
}

/** The first `count` calls of a connection's downstream channel that are still on record. */
export function firstCalls(journal: Journal, connection: number, count: number): JournalCall[] {
  let left = count;
  return journal.find(({ channel }) => channel === connection * 2 && left-- > 0);
}
