/**
 * Replays a judgement as an edit script on the good stream: does it give back the file, and is every byte of the stream
 * accounted for? Knows nothing of how the judge came to its story.
 */
import type { Finding, Judgement, Segment } from "../../src/judge/finding.ts";
import type { Pattern } from "../../src/pattern/pattern.ts";

export interface Replay {
  readonly bytes: Uint8Array;
  readonly judgement: Judgement;
  readonly pattern: Pattern;
  readonly startBytes?: number;
  readonly expectBytes?: number;
}

/** Kinds whose bytes are the stream's own, at their origin. */
const OF_STREAM: ReadonlySet<Segment["kind"]> = new Set(["intact", "duplicated", "misplaced"]);

export function problemOfReplay(replay: Replay): string | undefined {
  return problemOfMap(replay) ?? problemOfStream(replay);
}

function problemOfMap({ bytes, judgement, pattern, startBytes = 0 }: Replay): string | undefined {
  let at = startBytes;
  for (const { kind, offsetBytes, lengthBytes, originBytes = offsetBytes } of judgement.segments) {
    if (offsetBytes !== at || lengthBytes <= 0)
      return `a segment at ${offsetBytes}, ${lengthBytes} long, expected at ${at}`;
    at += lengthBytes;
    const found = bytes.subarray(offsetBytes - startBytes, at - startBytes);
    if (OF_STREAM.has(kind)) {
      const good = new Uint8Array(lengthBytes);
      pattern.fill(good, originBytes);
      if (Buffer.compare(found, good) !== 0)
        return `${kind} at ${offsetBytes}+${lengthBytes} is not from ${originBytes}`;
    }
    if (kind === "zeroed" && found.some((byte) => byte !== 0)) return `zeroed at ${offsetBytes} is not zero`;
    if (kind === "filled" && found.some((byte) => byte !== found[0]))
      return `filled at ${offsetBytes} is several values`;
  }
  return at - startBytes === bytes.length ? undefined : `the map ends at ${at} of ${startBytes + bytes.length}`;
}

/** The intact segments walk forward; what they jump over was replaced, is reported missing, or is found elsewhere. */
function problemOfStream({ judgement, startBytes = 0, expectBytes, bytes }: Replay): string | undefined {
  const { segments, findings } = judgement;
  const end = {
    kind: "intact",
    offsetBytes: startBytes + bytes.length,
    lengthBytes: 0,
    originBytes: expectBytes,
  } as const;
  let next = startBytes;
  let damaged = 0;
  for (const segment of [...segments, ...(expectBytes === undefined ? [] : [end as Segment])]) {
    if (segment.kind !== "intact") {
      damaged += OF_STREAM.has(segment.kind) && segment.kind !== "misplaced" ? 0 : segment.lengthBytes;
      continue;
    }
    const origin = segment.originBytes ?? segment.offsetBytes;
    if (origin < next) return `the stream goes back from ${next} to ${origin} at ${segment.offsetBytes}`;
    let jumped = 0;
    for (let at = next; at < origin; at += 1) if (!isAccounted(at, findings)) jumped += 1;
    if (jumped > damaged) return `${jumped} bytes from ${next} to ${origin} vanish at ${segment.offsetBytes}`;
    next = origin + segment.lengthBytes;
    damaged = 0;
  }
  return undefined;
}

function isAccounted(at: number, findings: readonly Finding[]): boolean {
  return findings.some(
    ({ kind, originBytes, lengthBytes }) =>
      kind !== "stale" && originBytes !== undefined && at >= originBytes && at < originBytes + lengthBytes,
  );
}
