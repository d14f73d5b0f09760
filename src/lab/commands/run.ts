/**
 * `lab.ts run`: the guest's script as if it ran here. Its stdout is our stdout, its stderr our stderr, its exit code ours.
 *
 * Owns what is added on stderr (what boots, what the console said, where artifacts are) and the mapping of guest paths
 * in a JSON report to host paths. Refuses to change anything else the script prints.
 */
import { writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { EXIT } from "../../report/document.ts";
import { defaultArtifactDirectory } from "../guest/artifacts.ts";
import { FATAL_KINDS } from "../guest/console.ts";
import { runOnHost } from "../guest/host.ts";
import { lostOutput, lostReport } from "../lost-report.ts";
import { findKernel, findScript, type LabOptions, type LabRun, runOnKernel } from "../run.ts";

export interface RunCommand {
  readonly kernel: string;
  readonly script: string;
  readonly scriptArguments: readonly string[];
  readonly options: LabOptions;
  readonly artifactDirectory: string | undefined;
  readonly showConsole: boolean;
  /** The flags of `lab.ts run` as typed, for the command that repeats a finding. */
  readonly ownWords: readonly string[];
  readonly narrate: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function commandRun(command: RunCommand): Promise<number> {
  const { options, narrate, scriptArguments, signal } = command;
  const script = findScript(command.script);
  if (command.kernel === "host") {
    const { timeoutSeconds } = options;
    const { end, exitCode } = await runOnHost({ script, scriptArguments, timeoutSeconds, signal });
    return end === "timeout" ? EXIT.inconclusive : (exitCode ?? EXIT.inconclusive);
  }
  const startedAt = performance.now();
  const kernel = await findKernel(command.kernel, options, narrate);
  narrate(`booting ${kernel.title}, ${options.fileSystem} on /mnt/test`);
  // JSON and KTAP are held back: a guest that dies half-way must not leave half of one. Text goes out as it comes.
  const holdBack = scriptArguments.includes("--json") || scriptArguments.includes("--ktap");
  const held: Uint8Array[] = [];
  const artifactDirectory = command.artifactDirectory ?? defaultArtifactDirectory(kernel.label);
  const run = await runOnKernel({
    kernel,
    script,
    scriptArguments,
    options,
    narrate,
    artifactDirectory,
    signal,
    listener: {
      stdout: (bytes) => {
        held.push(Uint8Array.from(bytes));
        if (!holdBack) writeAll(1, bytes);
      },
      stderr: (bytes) => writeAll(2, bytes),
      consoleLine: (line) => {
        if (command.showConsole) narrate(`console: ${line}`);
      },
    },
  });
  const stdout = Buffer.concat(held).toString("utf8");
  const lost = run.reason !== undefined && run.result.end !== "stopped";
  const text =
    lost && holdBack ? lostOutput(lostReport(run, { script, options }), scriptArguments) : withHostPaths(stdout, run);
  if (holdBack) writeAll(1, new TextEncoder().encode(text));
  if (run.artifacts.length > 0)
    writeFileSync(join(artifactDirectory, scriptArguments.includes("--json") ? "report.json" : "report.txt"), text);
  const again = replayLine(text);
  if (again !== undefined && run.exitCode === EXIT.corrupt) {
    narrate(`again: bun run lab.ts run ${command.ownWords.map(shellWord).join(" ")} -- ${again}`);
  }
  tellTheEnd(run, { narrate, artifactDirectory, seconds: (performance.now() - startedAt) / 1000 });
  return run.exitCode;
}

function tellTheEnd(
  run: LabRun,
  {
    narrate,
    artifactDirectory,
    seconds,
  }: { narrate: (line: string) => void; artifactDirectory: string; seconds: number },
): void {
  const { result, artifacts, acceleration } = run;
  if (result.end === "stopped") return;
  for (const { kind, line } of result.events) narrate(`${kind} on the console: ${line}`);
  if (run.reason !== undefined) {
    narrate(`no verdict: ${run.reason}`);
    for (const line of result.consoleTail) narrate(`console: ${line}`);
  } else if (result.events.some(({ kind }) => FATAL_KINDS.includes(kind))) {
    narrate("the kernel itself reported trouble while the script ran; read its verdict with that in mind");
  }
  if (artifacts.length > 0) {
    const bytes = artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
    const files = artifacts.length === 1 ? "1 file" : `${artifacts.length} files`;
    narrate(`artifacts: ${artifactDirectory} (${files}, ${Math.ceil(bytes / 1048576)} MiB)`);
  }
  const parts = [
    `boot ${(result.bootSeconds ?? 0).toFixed(1)} s`,
    `script ${(result.scriptSeconds ?? 0).toFixed(1)} s`,
  ];
  narrate(`${acceleration}, ${parts.join(", ")}, command to end ${seconds.toFixed(1)} s`);
}

/** Rewrites `artifacts` of a JSON report to where the files are on this machine; anything else passes unchanged. */
export function withHostPaths(text: string, run: Pick<LabRun, "artifacts">): string {
  let report: { schema?: unknown; artifacts?: unknown };
  try {
    report = JSON.parse(text);
  } catch {
    return text;
  }
  if (report === null || typeof report !== "object" || report.schema !== 1 || !Array.isArray(report.artifacts))
    return text;
  const onHost = new Map(run.artifacts.map(({ path }) => [basename(path), path]));
  const map = (path: unknown) =>
    typeof path === "string" && path.startsWith("/mnt/test/") ? (onHost.get(basename(path)) ?? path) : path;
  return `${JSON.stringify({ ...report, artifacts: report.artifacts.map(map) }, null, 2)}\n`;
}

/** The script's own replay command, from any form of its report, without "bun run": the seed is what matters. */
export function replayLine(text: string): string | undefined {
  return (/"replay":\s*"bun run ([^"\\]+)"/.exec(text) ?? /^(?:replay\s+|# .*replay=)bun run (.+)$/m.exec(text))?.[1];
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}
