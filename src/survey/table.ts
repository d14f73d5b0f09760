/**
 * A survey as text: the lines of a live table, and the report of a finished one. Pure: results in, strings out.
 */
import { secondsText } from "../units.ts";
import { type CaseResult, damageText, type Survey } from "./document.ts";

const NAME_WIDTH = 22;
const VERDICT_WIDTH = 12;

/** One line of the live table. */
export function liveLine(name: string, result: CaseResult | undefined, state: string): string {
  if (result === undefined) return `${name.padEnd(NAME_WIDTH)}  ${state}`.trimEnd();
  const what = result.verdict === "corrupt" ? damageText(result.report) : (result.reason ?? "");
  return [
    name.padEnd(NAME_WIDTH),
    verdictWord(result).padEnd(VERDICT_WIDTH),
    secondsText(result.durationSeconds).padStart(6),
    what,
  ]
    .join("  ")
    .trimEnd();
}

function verdictWord({ verdict, expected, change }: CaseResult): string {
  const word = verdict === "corrupt" ? "CORRUPT" : verdict;
  const marks = [expected ? "expected" : "", change === "new" || change === "gone" ? change : ""].filter(Boolean);
  return marks.length === 0 ? word : `${word} (${marks.join(", ")})`;
}

/** The report: a headline, a line for each case (worst first), and what would make it prove more. */
export function surveyText(
  survey: Survey,
  { privileged, changes }: { privileged: boolean; changes: readonly string[] },
): string {
  const { cases, environment, durationSeconds, version } = survey;
  const counts = (["corrupt", "clean", "inconclusive", "skipped"] as const).map(
    (verdict) => `${cases.filter((entry) => entry.verdict === verdict).length} ${verdict}`,
  );
  const width = Math.max(VERDICT_WIDTH, ...cases.map((entry) => verdictWord(entry).length));
  const order = ["corrupt", "inconclusive", "clean", "skipped"];
  const sorted = cases.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  return [
    `survey of Linux ${environment.kernel} ${environment.arch}: ${counts.join(", ")}, in ${secondsText(durationSeconds)}`,
    "",
    ...sorted.map((entry) =>
      `${entry.name.padEnd(NAME_WIDTH)}  ${verdictWord(entry).padEnd(width)}  ${storyOf(entry)}`.trimEnd(),
    ),
    "",
    ...(survey.reason === undefined ? [] : [survey.reason]),
    ...changes,
    ...hints(cases, privileged),
    `bytewitness ${version}, Bun ${environment.bun}, ${environment.cpus} CPUs, ${privileged ? "root" : "not root"}`,
    "",
  ].join("\n");
}

function storyOf(entry: CaseResult): string {
  const first =
    entry.firstFindingSeconds === undefined ? "" : `first finding after ${secondsText(entry.firstFindingSeconds)}`;
  if (entry.verdict === "corrupt")
    return [damageText(entry.report), first, entry.known ?? "", entry.advice ?? ""].filter(Boolean).join("; ");
  if (entry.verdict !== "clean") return entry.reason ?? "";
  const { trigger } = entry.report ?? {};
  const tried = trigger?.reached == null ? "" : `racy path entered ${trigger.reached} of ${trigger.attempts} times`;
  return [tried, entry.known ?? ""].filter(Boolean).join("; ");
}

/** What root, or --system-wide, would add. */
function hints(cases: readonly CaseResult[], privileged: boolean): string[] {
  const named = (test: (reason: string) => boolean) =>
    cases.filter(({ verdict, reason }) => verdict === "skipped" && test(reason ?? "")).map(({ name }) => name);
  const root = privileged ? [] : named((reason) => /\broot\b|privilege|CAP_/.test(reason));
  const wide = named((reason) => reason.includes("--system-wide"));
  return [
    ...(root.length === 0 ? [] : [`as root also: ${root.join(", ")}`]),
    ...(wide.length === 0 ? [] : [`with --system-wide also: ${wide.join(", ")}`]),
  ];
}
