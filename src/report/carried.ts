/**
 * Which calls of a relay carried the damaged bytes, in words: "exactly splice-in #11 of 172 bytes, sent together with #12
 * (1460) in splice-out #6 of 1632".
 *
 * Owns the wording. Which calls they are, `workload/relay` found out.
 */
import { type CallReference, type Finding, SLIDE_BYTES_MAX } from "../judge/finding.ts";

const LISTED_MAX = 3;

/** Undefined where no one asked a relay's journal. */
export function carriedText(finding: Finding): string | undefined {
  const { calls = [], sentWith, callsOverwritten, kind } = finding;
  if (callsOverwritten === true) return "the journal no longer holds the calls";
  if (sentWith === undefined) return undefined;
  const ins = calls.filter(({ what }) => what === "splice-in");
  const outs = calls.filter(({ what }) => what === "splice-out");
  const exact = ins.find((call) => call.exact === true);
  if (kind === "lost" && exact === undefined) return lostText(finding, ins);
  return `${insText(ins, exact)}, ${sentText(outs, sentWith)}`;
}

function insText(ins: readonly CallReference[], exact: CallReference | undefined): string {
  const [first] = ins;
  const last = ins.at(-1);
  if (exact !== undefined) return `exactly splice-in #${exact.index} of ${exact.result} bytes`;
  if (first === undefined || last === undefined) return "no splice-in is on record";
  if (first === last) return `inside splice-in #${first.index} (${first.result} bytes at ${first.streamOffsetBytes})`;
  return `splice-ins #${first.index} to #${last.index} (${ins.length} calls from ${first.streamOffsetBytes})`;
}

/** Lost bytes are in no call: they are missing between two calls, or inside one. */
function lostText({ offsetBytes }: Finding, ins: readonly CallReference[]): string {
  const endOf = ({ streamOffsetBytes = 0, result }: CallReference) => streamOffsetBytes + result;
  for (const [index, call] of ins.entries()) {
    const next = ins[index + 1];
    const end = endOf(call);
    const isHere = end <= offsetBytes && offsetBytes - end <= SLIDE_BYTES_MAX;
    if (!isHere || next?.streamOffsetBytes !== end) continue;
    return (
      `missing between splice-in #${call.index}, which asked for ${call.requestedBytes} and returned ${call.result}, ` +
      `and splice-in #${next.index}`
    );
  }
  const inside = ins.find((call) => endOf(call) > offsetBytes) ?? ins[0];
  if (inside === undefined) return "no splice-in is on record";
  return `missing inside splice-in #${inside.index} (${inside.result} bytes at ${inside.streamOffsetBytes})`;
}

function sentText(outs: readonly CallReference[], sentWith: NonNullable<Finding["sentWith"]>): string {
  const [out] = outs;
  if (out === undefined) return "no splice-out is on record";
  const calls =
    outs.length === 1
      ? `splice-out #${out.index} of ${out.result}`
      : `splice-outs #${out.index} to #${outs.at(-1)?.index}`;
  if (sentWith.length === 0) return `sent in ${calls}`;
  const named = sentWith.slice(0, LISTED_MAX).map(({ index, result }) => `#${index} (${result})`);
  const more = sentWith.length > LISTED_MAX ? ` and ${sentWith.length - LISTED_MAX} more` : "";
  return `sent together with ${named.join(", ")}${more} in ${calls}`;
}
