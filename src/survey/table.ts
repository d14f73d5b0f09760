/**
 * A survey as text: the lines of a live table, and the report of a finished one. Pure: results in, strings out.
 */
import { wrap } from "../report/mail.ts";
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
  { privileged, changes, columns }: { privileged: boolean; changes: readonly string[]; columns?: number | undefined },
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
    ...sorted.flatMap((entry) =>
      hanging(`${entry.name.padEnd(NAME_WIDTH)}  ${verdictWord(entry).padEnd(width)}  `, storyOf(entry), columns),
    ),
    "",
    ...[...(survey.reason === undefined ? [] : [survey.reason]), ...changes, ...hints(cases, privileged)].flatMap(
      (line) => hanging("", line, columns),
    ),
    `bytewitness ${version}, Bun ${environment.bun}, ${environment.cpus} CPUs, ${privileged ? "root" : "not root"}`,
    "",
  ].join("\n");
}

/** A story narrower than this is hard to read: it then begins below its head. */
const STORY_COLUMNS_MIN = 40;

/** A head and its story: one line, or, on a terminal of `columns`, as many as it takes, wrapped between words. */
function hanging(head: string, story: string, columns: number | undefined): string[] {
  if (columns === undefined || head.length + story.length < columns) return [`${head}${story}`.trimEnd()];
  const sideBySide = columns - 1 - head.length >= STORY_COLUMNS_MIN;
  const indent = sideBySide ? head.length : 4;
  const lines = wrap(story, { indent, columns: Math.max(columns - 1, indent + 20) });
  const [first = "", ...rest] = lines;
  if (sideBySide) return [head + first.slice(indent), ...rest];
  return [...(head === "" ? [] : [head.trimEnd()]), ...lines];
}

function storyOf(entry: CaseResult): string {
  const first =
    entry.firstFindingSeconds === undefined ? "" : `first finding after ${secondsText(entry.firstFindingSeconds)}`;
  if (entry.verdict === "corrupt")
    return [damageText(entry.report), first, entry.known ?? "", entry.advice ?? ""].filter(Boolean).join("; ");
  if (entry.verdict !== "clean") return entry.reason ?? "";
  const { trigger } = entry.report ?? {};
  const { reached, attempts } = trigger ?? {};
  const never = `racy path never entered in ${attempts === 1 ? "1 attempt" : `${attempts} attempts`}: this proves little`;
  const tried = reached == null ? "" : reached === 0 ? never : `racy path entered ${reached} of ${attempts} times`;
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
    ...(wide.length === 0 ? [] : [`${privileged ? "" : "as root "}with --system-wide also: ${wide.join(", ")}`]),
  ];
}
