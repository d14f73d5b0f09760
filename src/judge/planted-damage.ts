/**
 * Damages a good stream on purpose: a list of edits becomes bytes and the findings that an honest judge must report.
 *
 * Shared by the self-test, the property tests and the canary (`--inject`). Owns making damage that is distinguishable
 * from good bytes at its very edges (every foreign byte differs from what belongs there). Refuses to write files.
 */
import { counter } from "../pattern/counter.ts";
import type { Pattern } from "../pattern/pattern.ts";
import type { FindingKind } from "./finding.ts";

/** One edit. Offsets are in the good stream; edits are applied in their order and must not overlap. */
export interface Edit {
  /** `torn` needs several writers: see the record judge. */
  readonly kind: Exclude<FindingKind, "torn">;
  /**
   * Where in the stream: before this byte for insertions (`duplicated`, `inserted`), from this byte on for the others.
   * `extra` is at the end of the stream whatever this is; `truncated` cuts here.
   */
  readonly offsetBytes: number;
  /** 1 for `bit-flipped`; ignored for `truncated`, which cuts all that follows. */
  readonly lengthBytes: number;
  /** Where the bytes come from: `duplicated` (default: right before the offset), `stale` (default: the same offset). */
  readonly originBytes?: number;
  /** Which bit of the byte, 0 to 7. */
  readonly bit?: number;
  /** Foreign bytes pushed in between instead of overwriting. */
  readonly inserted?: boolean;
}

/** What a judge must report about one edit; offsets are in the damaged file. */
export interface ExpectedFinding {
  readonly kind: FindingKind;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly originBytes?: number;
}

export interface Damaged {
  readonly bytes: Uint8Array;
  readonly expected: readonly ExpectedFinding[];
}

export interface DamageOptions {
  readonly pattern: Pattern;
  readonly lengthBytes: number;
  /** The stream whose bytes count as stale. Default: a counter of generation 77. */
  readonly stale?: Pattern;
}

/** Applies edits to a stream of `lengthBytes`; throws RangeError when they overlap or leave the stream. */
export function applyEdits(edits: readonly Edit[], options: DamageOptions): Damaged {
  const { pattern, lengthBytes, stale = counter({ generation: 77 }) } = options;
  const parts: Uint8Array[] = [];
  const expected: ExpectedFinding[] = [];
  const take = (length: number, offset: number, from: Pattern = pattern) => {
    const bytes = new Uint8Array(length);
    from.fill(bytes, offset);
    return bytes;
  };
  let stream = 0;
  let file = 0;
  let end = lengthBytes;
  const add = (bytes: Uint8Array) => {
    parts.push(bytes);
    file += bytes.length;
  };
  for (const edit of edits) {
    if (edit.offsetBytes < stream || edit.offsetBytes + consumed(edit) > end) {
      throw new RangeError(`edit ${edit.kind} at ${edit.offsetBytes} overlaps another or leaves the stream`);
    }
    if (edit.kind === "extra") break;
    add(take(edit.offsetBytes - stream, stream));
    stream = edit.offsetBytes;
    const made = makeEdit(edit, { file, end, stale, take });
    expected.push(made.expected);
    add(made.bytes);
    stream += consumed(edit);
    if (edit.kind === "truncated") end = stream;
  }
  add(take(end - stream, stream));
  const extra = edits.find((edit) => edit.kind === "extra");
  if (extra !== undefined) {
    expected.push({ kind: "extra", offsetBytes: file, lengthBytes: extra.lengthBytes });
    add(foreign(take(extra.lengthBytes, end)));
  }
  return { bytes: join(parts), expected };
}

/** Bytes of the good stream that an edit replaces. */
function consumed(edit: Edit): number {
  if (edit.kind === "duplicated" || edit.kind === "truncated" || edit.kind === "extra" || edit.inserted) return 0;
  return edit.lengthBytes;
}

interface Making {
  readonly file: number;
  readonly end: number;
  readonly stale: Pattern;
  readonly take: (length: number, offset: number, from?: Pattern) => Uint8Array;
}

function makeEdit(edit: Edit, { file, end, stale, take }: Making): { bytes: Uint8Array; expected: ExpectedFinding } {
  const { kind, lengthBytes, offsetBytes } = edit;
  const expected = { kind, offsetBytes: file, lengthBytes };
  const none = new Uint8Array(0);
  switch (kind) {
    case "duplicated": {
      const originBytes = edit.originBytes ?? offsetBytes - lengthBytes;
      return { bytes: take(lengthBytes, originBytes), expected: { ...expected, originBytes } };
    }
    case "lost":
      return { bytes: none, expected: { ...expected, originBytes: offsetBytes } };
    case "zeroed":
      return { bytes: new Uint8Array(lengthBytes), expected };
    case "bit-flipped": {
      const bytes = take(lengthBytes, offsetBytes);
      bytes[0] = (bytes[0] as number) ^ (1 << (edit.bit ?? 0));
      return { bytes, expected };
    }
    case "stale": {
      const originBytes = edit.originBytes ?? offsetBytes;
      return { bytes: take(lengthBytes, originBytes, stale), expected: { ...expected, originBytes } };
    }
    case "truncated":
      return { bytes: none, expected: { ...expected, lengthBytes: end - offsetBytes, originBytes: offsetBytes } };
    default:
      return { bytes: foreign(take(lengthBytes, offsetBytes)), expected };
  }
}

/** Every byte differs from the good one in at least four bits, so foreign data is never mistaken for flipped bits. */
function foreign(good: Uint8Array): Uint8Array {
  let state = (good.length * 2654435761 + (good[0] ?? 0) + 1) >>> 0;
  return good.map((byte) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return byte ^ (((state >>> 24) & 0xf0) | 0x0f);
  });
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(new ArrayBuffer(total));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
