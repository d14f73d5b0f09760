/**
 * Rows as files of results hold them: whether a row is one that `matrix` wrote, before anything is made of it.
 *
 * Pure. Owns the check of every field that tables, KTAP and pages read. Refuses a verdict that its own report does not give.
 */
import { VERDICTS } from "../report/document.ts";
import { FINDING_KINDS } from "../report/kinds.ts";

type StoredFields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is StoredFields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number";
const absentOr =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const verdict: Check = (value) => (VERDICTS as readonly unknown[]).includes(value);
const kind: Check = (value) => (FINDING_KINDS as readonly unknown[]).includes(value);

/** The name of the first field that is not as it should be. */
function wrongField(value: unknown, checks: Readonly<Record<string, Check>>): string | undefined {
  if (!isObject(value)) return "it";
  return Object.keys(checks).find((name) => !(checks[name] as Check)(value[name]));
}

const matches =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    wrongField(value, checks) === undefined;

const finding = matches({ kind, detail: text, file: absentOr(text), offsetBytes: number, lengthBytes: number });
const caseReport = matches({ verdict, findings: listOf(finding), totals: isObject, environment: isObject });
const surveyCase = matches({
  ...{
    name: text,
    verdict,
    kinds: listOf(kind),
    durationSeconds: number,
    reason: absentOr(text),
    known: absentOr(text),
  },
  ...{ advice: absentOr(text), firstFindingSeconds: absentOr(number), report: absentOr(caseReport) },
});

function report(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (value.tool === "survey")
    return matches({ verdict, cases: listOf(surveyCase), environment: absentOr(isObject) })(value);
  return matches({ verdict, findings: absentOr(listOf(finding)), totals: absentOr(isObject) })(value);
}

const ROW: Readonly<Record<string, Check>> = {
  ...{ asked: text, kernel: text, title: text, verdict, exitCode: number, reason: absentOr(text) },
  ...{ firstFindingSeconds: absentOr(number), attempts: absentOr(number), reached: absentOr(number) },
  ...{ bootSeconds: absentOr(number), scriptSeconds: absentOr(number) },
  ...{ consoleEvents: listOf(matches({ kind: text, line: text })), report: absentOr(report) },
};

/** What is wrong with a row; undefined when nothing is. */
export function rowDamage(row: unknown): string | undefined {
  const field = wrongField(row, ROW);
  if (field !== undefined) return `${field} is not as lab.ts matrix writes it`;
  const { verdict, report } = row as { verdict: string; report?: { verdict: string } | null };
  if (verdict === (report?.verdict ?? "inconclusive")) return undefined;
  return `its verdict is ${verdict}, that of its report ${report?.verdict ?? "missing"}`;
}
