/**
 * The script behind "--": where it is, whether its arguments are good, and whether it gave a report.
 *
 * Its arguments are checked here, before anything is downloaded or booted, by the script itself: one of ours prints its
 * description instead of running when it is asked to. Refuses to run a program that does not know that question.
 */

import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DESCRIBE_VARIABLE, type Description } from "../cli/describe.ts";
import { ownCommand, PACKAGE_ROOT } from "../ops/self.ts";
import { EXIT, exitCodeOf, type RunReport } from "../report/document.ts";
import type { GuestResult } from "./guest/qemu.ts";
import { LabError, readText } from "./kernels/cache.ts";

/** The host path of a script: as given, or one of this package's by its name. */
export function findScript(name: string): string {
  for (const path of [
    resolve(name),
    join(PACKAGE_ROOT, "scripts", name),
    join(PACKAGE_ROOT, "scripts", `${name}.ts`),
    join(PACKAGE_ROOT, "scripts/gallery", name),
    join(PACKAGE_ROOT, "scripts/gallery", `${name}.ts`),
  ]) {
    if (existsSync(path) && statSync(path).isFile()) return path;
  }
  throw new LabError(`no script ${name}: give a path, or the name of one in scripts/`, { exitCode: EXIT.badArguments });
}

/** True for a script of this package: it has its own place in the guest. */
export const isOurs = (path: string) => path.startsWith(`${PACKAGE_ROOT}/scripts/`);

/** True for a script that reports through the front desk, and so can be asked what it is. */
export function isReproducer(path: string): boolean {
  if (!/\.[cm]?ts$/.test(path)) return false;
  const text = readText(path) ?? "";
  return /\brunReproducer\(/.test(text) || path === join(PACKAGE_ROOT, "scripts/survey.ts");
}

/** True for a script of the front desk, which describes itself when it is asked to: all of ours do. */
function describesItself(path: string): boolean {
  return /\.[cm]?ts$/.test(path) && /\brun(?:Reproducer|Tool|Command)\(/.test(readText(path) ?? "");
}

/** Flag and path of each file that a script's arguments ask for. */
export type NewFiles = Description["newFiles"];

/**
 * Throws what a script of ours reports about bad arguments; anything else that goes wrong is for the guest to show.
 * `where`: a script for a guest looks for nothing that its arguments name on this machine.
 */
export async function checkArguments(
  path: string,
  scriptArguments: readonly string[],
  where: "here" | "guest",
): Promise<NewFiles> {
  if (!describesItself(path)) return [];
  const child = Bun.spawn(ownCommand("--no-install", path, ...scriptArguments), {
    env: { ...process.env, [DESCRIBE_VARIABLE]: where === "here" ? "here" : "elsewhere" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [answer, output] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  if (child.exitCode === EXIT.badArguments)
    throw new LabError(output.trim().split("\n").at(-1) ?? "bad arguments", { exitCode: EXIT.badArguments });
  try {
    return (JSON.parse(answer) as Partial<Description>).newFiles ?? [];
  } catch {
    // Help or the version were asked for.
    return [];
  }
}

/** Where a guest's script runs: what it leaves there comes back. */
const GUEST_PLACE = "/mnt/test";
const NAME_BYTES_MAX = 255;

/** Throws for a file that could not be made in the guest, or would not come back from it. */
export function refuseFarFiles(files: NewFiles): void {
  for (const [flag, path] of files) {
    const place = resolve(GUEST_PLACE, path);
    if (dirname(place) === GUEST_PLACE && Buffer.byteLength(basename(place)) <= NAME_BYTES_MAX) continue;
    const line = `${flag}: ${path}: files come back from the guest's ${GUEST_PLACE} alone, where the script runs; give a name without directories`;
    throw new LabError(line, { exitCode: EXIT.badArguments });
  }
}

/** Throws for any file: of many guests none comes back. */
export function refuseFiles([first]: NewFiles): void {
  if (first === undefined) return;
  const line = `${first[0]}: ${first[1]} would stay in the guests; lab.ts run brings files back, --results FILE keeps the reports of a matrix`;
  throw new LabError(line, { exitCode: EXIT.badArguments });
}

const GUEST_FILES = "/bytewitness/guest";

/** Throws where two files would have one name in the guest. */
export function refuseCollisions(files: readonly string[]): void {
  const byName = new Map<string, string>();
  for (const path of files) {
    const other = byName.get(basename(path));
    if (other !== undefined) {
      const line = `${other} and ${path} would both be ${GUEST_FILES}/${basename(path)} in the guest; name one of each name`;
      throw new LabError(line, { exitCode: EXIT.badArguments });
    }
    byName.set(basename(path), path);
  }
}

/** Flags whose files are read by the script. */
const READ_FLAGS = ["--replay", "--baseline", "--expect"];

/** `--replay FILE` names a file of this machine: it goes into the guest, and the guest's script gets its path there. */
export function recordingTaken(scriptArguments: readonly string[]): {
  readonly scriptArguments: readonly string[];
  readonly files: readonly string[];
} {
  const files: string[] = [];
  const inGuest = (file: string) => {
    files.push(resolve(file));
    return `${GUEST_FILES}/${basename(file)}`;
  };
  const words = scriptArguments.map((word, index) => {
    if (READ_FLAGS.includes(scriptArguments[index - 1] ?? "")) return inGuest(word);
    const flag = READ_FLAGS.find((name) => word.startsWith(`${name}=`));
    return flag === undefined ? word : `${flag}=${inGuest(word.slice(flag.length + 1))}`;
  });
  return { scriptArguments: words, files };
}

/** A report of ours, or null. */
export function parseReport(text: string): RunReport | null {
  try {
    const value = JSON.parse(text) as RunReport | null;
    const ours = value !== null && typeof value === "object" && (value.schema as number) >= 1;
    return ours && typeof value.verdict === "string" ? value : null;
  } catch {
    return null;
  }
}

/**
 * Why an exit code proves nothing, or undefined when it is a verdict: a command of ours announces its code, and a report on
 * stdout has one. Bad arguments pass as they are; so does a failure that a
 * command of ours announced, while a script that did not even load gave no report.
 */
export function whyNoVerdict({ exitCode, announced }: GuestResult, report: RunReport | null): string | undefined {
  if (exitCode === undefined || exitCode === EXIT.badArguments) return undefined;
  if (announced === exitCode || (report !== null && exitCodeOf(report.verdict) === exitCode)) return undefined;
  return `the script ended with exit code ${exitCode} and without a report`;
}
