/**
 * A survey against an earlier one (--baseline), and against what is known (--expect).
 *
 * Owns the forms of both files: a survey's JSON, a matrix of the lab that holds surveys, or, for --expect, a text file with
 * a case on each line and, after it, the kinds that are expected. Refuses to hide anything: an expected case is marked.
 */
import { SCHEMA, VERDICTS } from "../report/document.ts";
import { FINDING_KINDS } from "../report/kinds.ts";
import type { CaseResult } from "./document.ts";

/** A case of an earlier survey: corrupt or not, with these kinds. */
export interface Earlier {
  readonly name: string;
  readonly verdict: string;
  readonly kinds: readonly string[];
}

interface Stored {
  readonly schema?: unknown;
  readonly tool?: unknown;
  readonly cases?: unknown;
  readonly rows?: unknown;
}

/** The cases of a survey's JSON; of a matrix, those of the row whose kernel is `kernel`, or of its only row. */
export function readEarlier(text: string, kernel: string): Earlier[] | string {
  let value: Stored | null;
  try {
    value = JSON.parse(text);
  } catch {
    return "is not JSON; give the output of survey.ts --json";
  }
  const other = otherSchema(value?.schema);
  if (other !== undefined) return other;
  if (value?.tool === "survey" && Array.isArray(value.cases)) return casesOf(value.cases);
  if (value?.tool === "lab matrix" && Array.isArray(value.rows)) {
    const rows = value.rows as readonly ({ readonly kernel?: unknown; readonly report?: Stored | null } | null)[];
    const surveys = rows.flatMap((row) =>
      row?.report?.tool === "survey" && Array.isArray(row.report.cases)
        ? [{ kernel: String(row.kernel), cases: row.report.cases as unknown[] }]
        : [],
    );
    const row =
      surveys.find((entry) => sameKernel(entry.kernel, kernel)) ?? (surveys.length === 1 ? surveys[0] : undefined);
    if (row === undefined)
      return `holds no survey of ${kernel}, but of ${surveys.map((entry) => entry.kernel).join(", ") || "no kernel"}`;
    return casesOf(row.cases);
  }
  return "is not a survey; give the output of survey.ts --json, or of lab.ts matrix --json -- survey.ts";
}

/** Why a document of another version is not read; undefined for ours. */
export function otherSchema(schema: unknown): string | undefined {
  if (schema === undefined || schema === SCHEMA) return undefined;
  return `is of schema ${JSON.stringify(schema)}; this version reads schema ${SCHEMA}`;
}

/** "6.12.117-1" of a package and "6.12.117" of a running kernel are one. */
function sameKernel(stored: string, running: string): boolean {
  return stored === running || stored.replace(/[-~+ ].*$/, "") === running;
}

/** A case that lacks its name or verdict would silently be no case at all. */
function casesOf(values: readonly unknown[]): Earlier[] | string {
  const cases: Earlier[] = [];
  for (const [index, value] of values.entries()) {
    const { name, verdict, kinds } = (value ?? {}) as { name?: unknown; verdict?: unknown; kinds?: unknown };
    if (typeof name !== "string" || typeof verdict !== "string")
      return `is damaged: case ${index + 1} has no name or no verdict; give the output of survey.ts --json as it came`;
    const at = `is damaged: case ${index + 1} (${quoted(name)}) has`;
    if (!(VERDICTS as readonly string[]).includes(verdict))
      return `${at} the verdict ${quoted(verdict)}; it is one of ${VERDICTS.join(", ")}`;
    const strange =
      !Array.isArray(kinds) || kinds.some((kind) => !(FINDING_KINDS as readonly unknown[]).includes(kind));
    // A corrupt case without a kind would let every kind pass.
    if (strange || (verdict === "corrupt" && kinds.length === 0))
      return `${at} no kinds of ours; give the output of survey.ts --json as it came`;
    cases.push({ name, verdict, kinds: kinds as string[] });
  }
  return cases;
}

/** Marks each result: "new" damage, damage that is "gone", or the "same". Cases the baseline does not judge stay unmarked. */
export function compare(results: readonly CaseResult[], baseline: readonly Earlier[]): CaseResult[] {
  return results.map((result) => {
    const before = baseline.find((entry) => entry.name === result.name);
    if (before === undefined || !judged(before.verdict) || !judged(result.verdict)) return result;
    const change = changeOf(before, result);
    return { ...result, change };
  });
}

const judged = (verdict: string) => verdict === "clean" || verdict === "corrupt";

function changeOf(before: Earlier, now: CaseResult): "new" | "gone" | "same" {
  if (now.verdict === "corrupt" && before.verdict !== "corrupt") return "new";
  if (now.verdict !== "corrupt" && before.verdict === "corrupt") return "gone";
  // Damage of another kind is other damage.
  return now.kinds.every((kind) => before.kinds.includes(kind)) ? "same" : "new";
}

/** Lines of what changed, for people. */
export function changeLines(results: readonly CaseResult[], baseline: readonly Earlier[]): string[] {
  const named = (change: string) => results.filter((entry) => entry.change === change).map(({ name }) => name);
  const missing = baseline.filter(
    ({ name, verdict }) => judged(verdict) && !results.some((entry) => entry.name === name && judged(entry.verdict)),
  );
  const list = (title: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${title}: ${names.join(", ")}`];
  return [
    ...list("new since the baseline", named("new")),
    ...list("gone since the baseline", named("gone")),
    `same as in the baseline: ${plural(named("same").length)}`,
    ...list(
      "in the baseline, without a verdict now",
      missing.map(({ name }) => name),
    ),
  ];
}

/**
 * What --expect names: case -> kinds, where an empty list means any kind. A string is a problem: a case or a kind that
 * does not exist would let nothing pass, and no one would notice.
 */
export function readExpected(
  text: string,
  { kernel, names }: { kernel: string; names: readonly string[] },
): Map<string, readonly string[]> | string {
  if (text.trimStart().startsWith("{")) {
    const earlier = readEarlier(text, kernel);
    if (typeof earlier === "string") return earlier;
    return new Map(earlier.filter(({ verdict }) => verdict === "corrupt").map(({ name, kinds }) => [name, kinds]));
  }
  const expected = new Map<string, readonly string[]>();
  for (const [index, line] of text.split("\n").entries()) {
    const [word, ...kinds] = line
      .replace(/#.*/, "")
      .trim()
      .split(/[\s,:]+/)
      .filter(Boolean);
    if (word === undefined) continue;
    const name = word.replace(/\.ts$/, "");
    const at = `line ${index + 1}:`;
    if (!names.includes(name)) return `${at} no case ${quoted(name)}; survey.ts --list shows them`;
    const stranger = kinds.find((kind) => !(FINDING_KINDS as readonly string[]).includes(kind));
    if (stranger !== undefined) return `${at} no kind ${quoted(stranger)}: it is one of ${FINDING_KINDS.join(", ")}`;
    // A case on two lines is expected with the kinds of both; without any, with every kind.
    const before = expected.get(name);
    const every = kinds.length === 0 || before?.length === 0;
    expected.set(name, every ? [] : [...(before ?? []), ...kinds]);
  }
  return expected;
}

const quoted = (word: string) => JSON.stringify(word.length > 40 ? `${word.slice(0, 40)}…` : word);

/** Marks corrupt cases whose kinds were all expected. */
export function markExpected(
  results: readonly CaseResult[],
  expected: ReadonlyMap<string, readonly string[]>,
): CaseResult[] {
  return results.map((result) => {
    const kinds = expected.get(result.name);
    if (result.verdict !== "corrupt" || kinds === undefined) return result;
    const all = kinds.length === 0 || result.kinds.every((kind) => kinds.includes(kind));
    return all ? { ...result, expected: true } : result;
  });
}

const plural = (count: number) => (count === 1 ? "1 case" : `${count} cases`);
