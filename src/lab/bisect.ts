/**
 * Binary search over kernels in order; some cannot be judged.
 *
 * Pure: the caller states what each kernel is. Refuses to guess across kernels without a verdict: when only those remain
 * between a good and a bad one, the answer is the range.
 */

export type Side = "good" | "bad" | "skip";

export interface SearchResult {
  /** Neighbours whose judgements differ, `low` < `high`; kernels between them, if any, could not be judged. */
  readonly low: number;
  readonly high: number;
  readonly judgements: ReadonlyMap<number, Side>;
  /** Set when the ends themselves do not differ; then `low` and `high` are the ends. */
  readonly contradiction: string | undefined;
}

export interface SearchOptions {
  /** Kernels 0 to count-1, oldest first. */
  readonly count: number;
  /** What the first and the last are expected to be. */
  readonly expected: { readonly low: "good" | "bad"; readonly high: "good" | "bad" };
  readonly judge: (index: number) => Promise<Side>;
}

/** Judges both ends first (a search between wrong ends finds nonsense), then halves. */
export async function search({ count, expected, judge }: SearchOptions): Promise<SearchResult> {
  const judgements = new Map<number, Side>();
  const judged = async (index: number) => {
    const known = judgements.get(index);
    if (known !== undefined) return known;
    const judgement = await judge(index);
    judgements.set(index, judgement);
    return judgement;
  };
  let low = 0;
  let high = count - 1;
  for (const [index, want] of [
    [low, expected.low],
    [high, expected.high],
  ] as const) {
    const got = await judged(index);
    if (got !== want) {
      const what = got === "skip" ? "gave no verdict" : `is ${got}`;
      const contradiction = `the kernel expected to be ${want} ${what}`;
      return { low, high, judgements, contradiction };
    }
  }
  for (;;) {
    const middle = nextToJudge(low, high, judgements);
    if (middle === undefined) return { low, high, judgements, contradiction: undefined };
    const got = await judged(middle);
    if (got === expected.low) low = middle;
    else if (got === expected.high) high = middle;
  }
}

/** The unjudged kernel nearest to the middle of the open range, the older of two equally near ones. */
function nextToJudge(low: number, high: number, judgements: ReadonlyMap<number, Side>): number | undefined {
  const middle = (low + high) / 2;
  let best: number | undefined;
  for (let index = low + 1; index < high; index++) {
    if (judgements.has(index)) continue;
    if (best === undefined || Math.abs(index - middle) < Math.abs(best - middle)) best = index;
  }
  return best;
}

/** Changelog items (wrapped lines joined) that contain `word`, case ignored, in their order. */
export function matchingItems(text: string, word: string): string[] {
  const items: string[] = [];
  for (const line of text.split("\n")) {
    const start = /^\s+[-*] (.*)$/.exec(line);
    if (start) items.push(start[1] ?? "");
    else if (/^\s{4,}\S/.test(line) && items.length > 0) items.push(`${items.pop()} ${line.trim()}`);
    else items.push("");
  }
  return items.filter((item) => item.toLowerCase().includes(word.toLowerCase()));
}
