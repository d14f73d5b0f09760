/**
 * Both ends of every call: what was asked, what came back, when, and how long the file was before and after.
 *
 * Owns a preallocated ring of columns, so that recording allocates nothing and costs nanoseconds: the report's author
 * notes that strace makes the bug vanish. The oldest calls are overwritten when it is full; `dropped` counts them.
 */
import type { CallReference } from "../judge/finding.ts";

export interface Call {
  readonly what: string;
  readonly atNs: number;
  readonly requestedBytes: number;
  /** Bytes moved, or -errno. */
  readonly result: number;
  readonly streamOffsetBytes: number;
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
}

const COLUMNS = 6;

export class Journal {
  readonly #capacity: number;
  readonly #cells: Float64Array;
  readonly #what: string[];
  #count = 0;

  constructor(capacityCount = 16384) {
    this.#capacity = capacityCount;
    this.#cells = new Float64Array(capacityCount * COLUMNS);
    this.#what = new Array(capacityCount).fill("");
  }

  /** Calls recorded so far; the index of the next one. */
  get count(): number {
    return this.#count;
  }

  get dropped(): number {
    return Math.max(0, this.#count - this.#capacity);
  }

  record(call: Call): void {
    const slot = this.#count % this.#capacity;
    const at = slot * COLUMNS;
    const cells = this.#cells;
    this.#what[slot] = call.what;
    cells[at] = call.atNs;
    cells[at + 1] = call.requestedBytes;
    cells[at + 2] = call.result;
    cells[at + 3] = call.streamOffsetBytes;
    cells[at + 4] = call.sizeBeforeBytes;
    cells[at + 5] = call.sizeAfterBytes;
    this.#count += 1;
  }

  get(index: number): Call | undefined {
    if (index < this.dropped || index >= this.#count) return undefined;
    const slot = index % this.#capacity;
    const [atNs = 0, requestedBytes = 0, result = 0, streamOffsetBytes = 0, sizeBeforeBytes = 0, sizeAfterBytes = 0] =
      this.#cells.subarray(slot * COLUMNS, slot * COLUMNS + COLUMNS);
    const what = this.#what[slot] ?? "";
    return { what, atNs, requestedBytes, result, streamOffsetBytes, sizeBeforeBytes, sizeAfterBytes };
  }

  /**
   * The calls of one file (journal indices [fromIndex, toIndex)) during which it grew over any byte of a range: those
   * whose bytes lie there. An empty range (a loss) names the calls that end or begin at its place.
   */
  callsThatWrote(
    range: { offsetBytes: number; lengthBytes: number },
    { fromIndex, toIndex }: { fromIndex: number; toIndex: number },
  ): CallReference[] {
    const found: CallReference[] = [];
    const end = range.offsetBytes + range.lengthBytes;
    for (let index = Math.max(fromIndex, this.dropped); index < Math.min(toIndex, this.#count); index++) {
      const call = this.get(index);
      if (call === undefined) continue;
      const touches =
        range.lengthBytes === 0
          ? call.sizeBeforeBytes <= end && call.sizeAfterBytes >= end
          : call.sizeBeforeBytes < end && call.sizeAfterBytes > range.offsetBytes;
      if (touches) found.push(reference(call, index - fromIndex));
    }
    return found;
  }
}

/** A journal entry as a finding names it; `index` counts from the first call of the file. */
export function reference(call: Call, index: number): CallReference {
  const grew = call.sizeAfterBytes - call.sizeBeforeBytes;
  const told = Math.max(0, call.result);
  return {
    what: call.what,
    index,
    atNs: call.atNs,
    requestedBytes: call.requestedBytes,
    result: call.result,
    streamOffsetBytes: call.streamOffsetBytes,
    ...(grew === told ? {} : { detail: `the file grew by ${grew}, the call said ${call.result}` }),
  };
}
