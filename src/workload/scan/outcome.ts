/**
 * What a scan came to, as its run reports it: the findings, the map, and what was not checked.
 *
 * Owns the sentences about what was not checked: the length, a payload without a checksum, whatever a signal cut off.
 * A scan that was cut off keeps what it found; without a finding it is inconclusive. Reads nothing.
 */
import type { Finding, Judgement } from "../../judge/finding.ts";
import { bytesText, grouped } from "../../units.ts";
import type { Outcome } from "../context.ts";
import type { FioPayload } from "./fio.ts";

/** A judgement, and what it leaves open. */
export interface Scanned {
  readonly judgement: Judgement;
  /** Those of the judgement, with what a second reading gave. */
  readonly findings: readonly Finding[];
  /** A signal ended it before the end. */
  readonly stopped: boolean;
  /** A byte at or behind this offset is wrong, and the signal came before it was known how. */
  readonly unexplainedAt?: number | undefined;
  readonly lengthChecked: boolean;
  /** Nobody gave a length, and none can be known. */
  readonly lengthUnknown: boolean;
  /** What the file itself was believed, in words. */
  readonly learned?: string | undefined;
  /** Foreign findings shorter than this may be the reference's own bytes, from far away. */
  readonly foundBytes?: number | undefined;
  /** Of fio's blocks: whether every payload was compared, or its checksum was. */
  readonly payload?: FioPayload;
}

export function scanOutcome(scanned: Scanned): Outcome {
  const { judgement, findings, stopped, lengthChecked, payload } = scanned;
  const { findingsLeftOut, groups, segments, verifiedBytes } = judgement;
  const reasons = reasonsOf(scanned);
  return {
    findings,
    findingsLeftOut,
    ...(groups === undefined ? {} : { groups }),
    segments,
    totals: { bytesVerified: verifiedBytes, files: 1 },
    workload: {
      lengthChecked: lengthChecked && !stopped,
      ...(payload === undefined ? {} : { payloadChecked: payload.uncheckedBytes === 0 }),
    },
    ...((stopped || isLossPossible(scanned)) && findings.length === 0 ? { verdict: "inconclusive" } : {}),
    ...(reasons.length === 0 ? {} : { reason: reasons.join("; ") }),
  };
}

/**
 * Blocks without a header may be lost writes: when some are missing, or, while nobody has said how far the file goes, the
 * last ones, which would leave no trace.
 */
function isLossPossible({ payload, lengthChecked }: Scanned): boolean {
  const { unwrittenBytes = 0, missing = 0, operations = 0 } = payload ?? {};
  return unwrittenBytes > 0 && operations > 0 && (missing > 0 || !lengthChecked);
}

/** Why blocks without a header are not findings. */
function unwrittenText({ unwrittenBytes, missing, operations }: FioPayload): string {
  const bytes = `${grouped(unwrittenBytes)} bytes that hold no block of fio were not judged`;
  if (operations === 0) return `${bytes}: they are shorter than a block`;
  const all = `all ${grouped(operations)} writes are in the file, so that nothing was written there, or only the last writes are lost`;
  const some = `${grouped(missing)} of ${grouped(operations)} writes ${missing === 1 ? "is" : "are"} not in the file (overwritten, or lost), too few to have filled them`;
  return `${bytes}: ${missing === 0 ? all : some}; those before --expect-bytes are findings`;
}

/** What may be wrong about foreign findings: of a large reference not every passage is remembered. */
function doubtOf({ findings, foundBytes = 0 }: Scanned): string | undefined {
  const foreign = findings.filter(({ kind }) => kind === "foreign");
  if (foreign.length === 0) return undefined;
  // Loaded where something was found: a clean run needs no index of a reference.
  const { PASSAGE_BYTES } = require("../../pattern/passages.ts") as typeof import("../../pattern/passages.ts");
  if (!foreign.some(({ lengthBytes }) => lengthBytes >= PASSAGE_BYTES && lengthBytes < foundBytes)) return undefined;
  if (foundBytes === Infinity)
    return "foreign bytes may be the reference's own, from far away: it is larger than 8 GiB, and only the 256 KiB before and behind each place are searched";
  return `foreign pieces shorter than ${bytesText(foundBytes)} may be the reference's own, from far away: it is too large for every passage of it to be remembered`;
}

function reasonsOf(scanned: Scanned): string[] {
  const { judgement, findings, stopped, unexplainedAt, lengthUnknown, learned, payload } = scanned;
  const reasons: string[] = [];
  const doubt = doubtOf(scanned);
  if (doubt !== undefined) reasons.push(doubt);
  if (learned !== undefined && judgement.verifiedBytes > 0) reasons.push(`it was learned from the file ${learned}`);
  if (unexplainedAt !== undefined)
    reasons.push(`a byte at or after ${grouped(unexplainedAt)} is wrong and was not explained any more`);
  else if (stopped && findings.length === 0)
    reasons.push(judgement.verifiedBytes === 0 ? "nothing was verified" : "nothing wrong in what was read before");
  if (payload !== undefined && payload.uncheckedBytes > 0) {
    reasons.push(
      `${grouped(payload.uncheckedBytes)} bytes of payload were not checked: verify=${payload.checksum} stores no checksum of them that can be computed here, and they are not what fio's generator makes`,
    );
  }
  if (payload !== undefined && payload.unwrittenBytes > 0) reasons.push(unwrittenText(payload));
  if (lengthUnknown && !stopped && judgement.verifiedBytes > 0)
    reasons.push("the length was not checked: give it with --expect-bytes");
  return reasons;
}
