/**
 * The table of known kernels: each case with the subject of its fix, the first fixed version of each series, and who
 * reports it. Gathered from the reproducers themselves, which carry it.
 */

import { join } from "node:path";
import { DESCRIBE_VARIABLE, type Description } from "../cli/describe.ts";
import { commandLine, scriptCommand } from "../machine/invocation.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import type { SurveyCase } from "./cases.ts";
import { knownText } from "./range.ts";

const AT_A_TIME = 4;

/** What a case reports about itself, in a process that runs nothing; undefined when it reports nothing readable. */
async function describeCase({ script, words }: SurveyCase): Promise<Description | undefined> {
  const child = Bun.spawn(ownCommand("--no-install", join(PACKAGE_ROOT, script), ...words), {
    env: { ...process.env, [DESCRIBE_VARIABLE]: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = await new Response(child.stdout).text();
  await child.exited;
  try {
    return JSON.parse(text) as Description;
  } catch {
    return undefined;
  }
}

export async function describeCases(cases: readonly SurveyCase[]): Promise<(Description | undefined)[]> {
  const answers: (Description | undefined)[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < cases.length; index = next++) {
      answers[index] = await describeCase(cases[index] as SurveyCase);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return answers;
}

export async function listText(
  cases: readonly SurveyCase[],
  { kernelVersion, json }: { kernelVersion: string; json: boolean },
): Promise<string> {
  const descriptions = await describeCases(cases);
  const rows = cases.map(({ name, script, words }, index) => ({
    ...descriptions[index],
    name,
    start: commandLine(scriptCommand(join(PACKAGE_ROOT, script)), words),
  }));
  if (json) return `${JSON.stringify({ schema: 2, tool: "survey list", kernelVersion, cases: rows }, null, 2)}\n`;
  const lines = rows.flatMap(({ name, summary, systemWide, known, needs, start }) => [
    `${name}: ${summary ?? "no description"}`,
    `  run     ${start}`,
    ...(needs === undefined || needs.length === 0 ? [] : [`  needs   ${needs.join(", ")}`]),
    ...(systemWide === undefined ? [] : [`  only    with --system-wide: ${systemWide}`]),
    ...(known === undefined ? [] : [`  known   ${knownText(known, kernelVersion)}`]),
    ...(known?.fix ? [`  fix     ${known.fix}`] : []),
    ...(known === undefined ? [] : [`  source  ${known.source}`]),
    "",
  ]);
  return lines.join("\n");
}
