/**
 * The script behind "--": where it is, whether its arguments are good, and whether it gave a report.
 *
 * Its arguments are checked here, before anything is downloaded or booted, by the script itself: one of ours prints its
 * description instead of running when it is asked to. Refuses to run a program that does not know that question.
 */

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { DESCRIBE_VARIABLE } from "../cli/describe.ts";
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
    if (existsSync(path)) return path;
  }
  throw new LabError(`no script ${name}: give a path, or the name of one in scripts/`, { exitCode: EXIT.badArguments });
}

/** True for a script that reports through the front desk, and so can be asked what it is. */
export function isReproducer(path: string): boolean {
  if (!/\.[cm]?ts$/.test(path)) return false;
  const text = readText(path) ?? "";
  return /\brunReproducer\(/.test(text) || path === join(PACKAGE_ROOT, "scripts/survey.ts");
}

/** Throws what a script of ours reports about bad arguments; anything else that goes wrong is for the guest to show. */
export async function checkArguments(path: string, scriptArguments: readonly string[]): Promise<void> {
  if (scriptArguments.length === 0 || !isReproducer(path)) return;
  const child = Bun.spawn(ownCommand("--no-install", path, ...scriptArguments), {
    env: { ...process.env, [DESCRIBE_VARIABLE]: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 20_000,
  });
  const output = await new Response(child.stderr).text();
  await child.exited;
  if (child.exitCode !== EXIT.badArguments) return;
  throw new LabError(output.trim().split("\n").at(-1) ?? "bad arguments", { exitCode: EXIT.badArguments });
}

const GUEST_FILES = "/bytewitness/guest";

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
    if (scriptArguments[index - 1] === "--replay") return inGuest(word);
    return word.startsWith("--replay=") ? `--replay=${inGuest(word.slice("--replay=".length))}` : word;
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
