/**
 * `lab.ts bisect`: which packaged kernel is the first good (or first bad) one, without compiling anything.
 *
 * Owns the list of packages between two versions and the report. Works in both directions: when the good version is the
 * newer one it finds the package that introduced the fix, else the one that introduced the bug.
 */
import { writeStdout } from "../../cli/streams.ts";
import { EXIT } from "../../report/document.ts";
import { matchingItems, type SearchResult, type Side, search } from "../bisect.ts";
import { type KernelPackage, kernelIndex } from "../kernels/apt.ts";
import { LabError } from "../kernels/cache.ts";
import { choosePackage, readChangelog, readSpec } from "../kernels/kernel.ts";
import { compareVersions, inOrder, newestOf, splitVersion } from "../kernels/versions.ts";
import { onceEach } from "../narrate.ts";
import { failedRow, type Row, type RowRequest, runRow, withJson } from "../row.ts";
import { findKernel, type LabOptions } from "../run.ts";
import { checkArguments, findScript, refuseFiles } from "../script.ts";
import { tableHead, tableRow } from "../table.ts";

export interface BisectCommand {
  readonly good: string;
  readonly bad: string;
  readonly grep: string | undefined;
  readonly requireTrigger: boolean;
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly options: LabOptions;
  readonly machineWords: RowRequest["machineWords"];
  readonly narrate: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function commandBisect(command: BisectCommand): Promise<number> {
  const { options, signal } = command;
  const narrate = onceEach(command.narrate);
  const script = findScript(command.script);
  const scriptArguments = [...command.scriptArguments, ...(command.requireTrigger ? ["--require-trigger"] : [])];
  refuseFiles(await checkArguments(script, withJson(scriptArguments), "guest"));
  const good = await endPackage(command.good, "--good", command);
  const bad = await endPackage(command.bad, "--bad", command);
  const packages = await packagesBetween(good, bad, options, narrate);
  const findsFix = inOrder(good, bad) > 0;
  if (series(good.version) !== series(bad.version)) {
    narrate("good and bad are of different series: a fix may have come to each of them at its own time");
  }
  narrate(`${packages.length} packages from ${packages[0]?.version} to ${packages.at(-1)?.version}`);
  writeStdout(`${tableHead()}\n`);
  const judge = async (index: number): Promise<Side> => {
    if (signal.aborted) throw new LabError("stopped", { exitCode: EXIT.interrupted });
    const entry = packages[index] as KernelPackage;
    narrate(`trying ${entry.version}`);
    const row = await rowOf(entry, { ...command, narrate, script, scriptArguments });
    writeStdout(`${tableRow(row)}\n`);
    if (row.verdict === "clean") return "good";
    return row.verdict === "corrupt" ? "bad" : "skip";
  };
  const expected = findsFix ? ({ low: "bad", high: "good" } as const) : ({ low: "good", high: "bad" } as const);
  const result = await search({ count: packages.length, expected, judge });
  return await reportOn(result, packages, { findsFix, ...command });
}

const series = (version: string) => splitVersion(version).upstream.split(".").slice(0, 2).join(".");

async function endPackage(text: string, flag: string, { options, narrate }: BisectCommand): Promise<KernelPackage> {
  const spec = readSpec(text);
  if (spec.kind === "version" || spec.kind === "newest" || spec.kind === "package") {
    return await choosePackage(spec, { flavour: options.flavour, narrate });
  }
  throw new LabError(`${flag} must name a packaged kernel (6.12.90, "newest 6.12"): bisect walks Debian's packages`, {
    exitCode: EXIT.badArguments,
  });
}

/** Everything from one end to the other, oldest first: of each upstream version one package, the ends themselves kept. */
async function packagesBetween(
  a: KernelPackage,
  b: KernelPackage,
  { flavour }: LabOptions,
  narrate: (line: string) => void,
): Promise<KernelPackage[]> {
  if (a.name === b.name && a.version === b.version) {
    throw new LabError("--good and --bad are the same package", { exitCode: EXIT.badArguments });
  }
  return packagesInside(await kernelIndex(narrate), inOrder(a, b) <= 0 ? [a, b] : [b, a], flavour);
}

/** Pure: some versions exist only as rebuilds for an older release, so these count where there is no original. */
export function packagesInside(
  all: readonly KernelPackage[],
  [low, high]: readonly [KernelPackage, KernelPackage],
  flavour: string,
): KernelPackage[] {
  const upstreamOf = (entry: KernelPackage) => splitVersion(entry.version).upstream;
  const inside = all.filter((entry) => {
    const different = upstreamOf(entry) !== upstreamOf(low) && upstreamOf(entry) !== upstreamOf(high);
    return different && entry.flavour === flavour && inOrder(entry, low) > 0 && inOrder(entry, high) < 0;
  });
  const byVersion = Map.groupBy(inside, upstreamOf);
  const best = [...byVersion.values()].map((entries) => newestOf(entries) as KernelPackage);
  return [low, ...best.toSorted(inOrder), high];
}

async function rowOf(entry: KernelPackage, command: BisectCommand): Promise<Row> {
  try {
    return await runRow({ ...command, asked: entry.name, onState: () => {} });
  } catch (error) {
    if (error instanceof LabError && error.exitCode === EXIT.inconclusive)
      return failedRow(entry.version, error.message);
    throw error;
  }
}

async function reportOn(
  { low, high, judgements, contradiction }: SearchResult,
  packages: readonly KernelPackage[],
  command: BisectCommand & { findsFix: boolean },
): Promise<number> {
  const before = packages[low] as KernelPackage;
  const after = packages[high] as KernelPackage;
  const lines: string[] = [""];
  if (contradiction !== undefined) {
    writeStdout(`\nno bisection: ${contradiction}\n`);
    return EXIT.inconclusive;
  }
  const [oldName, newName] = command.findsFix ? ["last bad", "first good"] : ["last good", "first bad"];
  const describe = (entry: KernelPackage) => `${entry.version}  ${entry.name} (${entry.suite})`;
  lines.push(`${oldName}:`.padEnd(12) + describe(before), `${newName}:`.padEnd(12) + describe(after));
  const between = packages.slice(low + 1, high);
  for (const entry of between) lines.push(`no verdict: ${describe(entry)}`);
  lines.push(`judged ${judgements.size} of ${packages.length} packages`, "");
  lines.push(...(await changelogLines(before, after, command)));
  writeStdout(`${lines.join("\n")}\n`);
  return between.length > 0 ? EXIT.inconclusive : EXIT.clean;
}

/** What the packages after `before`, up to and with `after`, list as changed. */
async function changelogLines(
  before: KernelPackage,
  after: KernelPackage,
  { grep, options, narrate }: BisectCommand,
): Promise<string[]> {
  const entries = (await readChangelog(await findKernel(after.name, options, narrate), narrate)).filter(
    ({ version }) => compareVersions(version, before.version) > 0 && compareVersions(version, after.version) <= 0,
  );
  if (entries.length === 0) return [`${after.name} carries no changelog`];
  const names = entries.map(({ version }) => version).join(", ");
  if (grep === undefined) {
    const items = entries.reduce((sum, { text }) => sum + matchingItems(text, "").filter(Boolean).length, 0);
    return [`changelog of ${names}: ${items} changes; --grep WORD picks from them`];
  }
  const matches = entries.flatMap(({ text }) => matchingItems(text, grep));
  if (matches.length === 0) return [`changelog of ${names}: nothing matches "${grep}"`];
  return [`changelog of ${names}, what matches "${grep}":`, ...matches.map((item) => `  - ${item}`)];
}
