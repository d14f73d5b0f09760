/**
 * `lab.ts run`: the guest's script as if it ran here. Its stdout is our stdout, its stderr our stderr, its exit code ours.
 *
 * Owns what is added on stderr (what boots, what the console printed, where artifacts are), and puts a report into the
 * host's words. Refuses to change anything else that a script prints.
 */
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { writeReport } from "../../cli/streams.ts";
import { commandLine, thisScript } from "../../machine/invocation.ts";
import { ArtifactPlace, defaultArtifactDirectory } from "../guest/artifacts.ts";
import { FATAL_KINDS } from "../guest/console.ts";
import { runOnHost } from "../guest/host.ts";
import type { BootParts } from "../guest/status.ts";
import { type HostWords, hostDocument, hostJson, hostText } from "../host-words.ts";
import { lostOutput, lostReport } from "../lost-report.ts";
import { findKernel, judge, type LabOptions, type LabRun, runOnKernel } from "../run.ts";
import {
  checkArguments,
  findScript,
  isOurs,
  isReproducer,
  type NewFiles,
  recordingTaken,
  refuseCollisions,
  refuseFarFiles,
} from "../script.ts";

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
  const onHost = command.kernel === "host";
  const documents = await checkArguments(script, scriptArguments, onHost ? "here" : "guest");
  if (onHost) {
    const { timeoutSeconds } = options;
    const result = await runOnHost({ script, scriptArguments, timeoutSeconds, signal });
    const { exitCode, reason } = judge(result, { timeoutSeconds, report: null });
    if (reason !== undefined && result.end !== "stopped") narrate(`no verdict: ${reason}`);
    return exitCode;
  }
  refuseFarFiles(documents);
  const taken = recordingTaken(scriptArguments);
  const extraFiles = [...options.extraFiles, ...taken.files];
  refuseCollisions(isOurs(script) ? extraFiles : [...extraFiles, script]);
  using asked = command.artifactDirectory === undefined ? undefined : new ArtifactPlace(command.artifactDirectory);
  const startedAt = performance.now();
  const kernel = await findKernel(command.kernel, options, narrate);
  narrate(`booting ${kernel.title}, ${options.fileSystem} on /mnt/test`);
  // A report is held back: a guest that dies half-way must not leave half of one, and its paths are not ours yet. What
  // another program prints goes out as it comes.
  const holdBack = isReproducer(script) || scriptArguments.includes("--json") || scriptArguments.includes("--ktap");
  const artifactDirectory = asked?.path ?? defaultArtifactDirectory(kernel.label);
  const run = await runOnKernel({
    kernel,
    script,
    scriptArguments: taken.scriptArguments,
    invoked: commandLine(thisScript(["run"]), [...command.ownWords, "--", command.script]),
    options: { ...options, extraFiles },
    narrate,
    artifactDirectory,
    documents: documents.length > 0,
    signal,
    listener: {
      stdout: (bytes) => {
        if (!holdBack) pass(1, bytes);
      },
      stderr: (bytes) => pass(2, bytes),
      consoleLine: (line) => {
        if (command.showConsole) narrate(`console: ${line}`);
      },
    },
  });
  const lost = run.reason !== undefined && run.result.end !== "stopped";
  const arrived = new Set(run.artifacts.map(({ path }) => relative(artifactDirectory, path)));
  const words = { artifactDirectory, arrived };
  const made = lost && holdBack ? lostOutput(lostReport(run, { script, options }), scriptArguments) : "";
  const text = made || inHostWords(run.stdout, scriptArguments, words);
  const code = holdBack ? writeReport("lab", text, run.exitCode) : run.exitCode;
  for (const path of documentsIn(documents, arrived)) {
    const file = join(artifactDirectory, path);
    writeFileSync(file, hostDocument(readFileSync(file, "utf8"), words));
  }
  if (run.artifacts.length > 0)
    writeFileSync(join(artifactDirectory, scriptArguments.includes("--json") ? "report.json" : "report.txt"), text);
  tellTheEnd(run, { narrate, artifactDirectory, seconds: (performance.now() - startedAt) / 1000 });
  return code;
}

/** The documents of --report that came over, below the artifact directory. */
function documentsIn(files: NewFiles, arrived: ReadonlySet<string>): string[] {
  const names = files.filter(([flag]) => flag === "--report").map(([, path]) => basename(path));
  return names.filter((name) => arrived.has(name));
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
    // Of a script that ended by itself the console knows nothing.
    if (result.end !== "exited") for (const line of result.consoleTail) narrate(`console: ${line}`);
  } else if (result.events.some(({ kind }) => FATAL_KINDS.includes(kind))) {
    narrate("the kernel itself reported trouble while the script ran; read its verdict with that in mind");
  }
  if (artifacts.length > 0) {
    const bytes = artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
    const files = artifacts.length === 1 ? "1 file" : `${artifacts.length} files`;
    narrate(`artifacts: ${artifactDirectory} (${files}, ${Math.ceil(bytes / 1048576)} MiB)`);
  }
  const { bootParts, bootSeconds, scriptSeconds } = result;
  const parts = [
    `made ready in ${run.preparationSeconds.toFixed(1)} s`,
    bootSeconds === undefined ? "no boot" : `boot ${bootSeconds.toFixed(1)} s${partsText(bootParts)}`,
    `script ${(scriptSeconds ?? 0).toFixed(1)} s`,
  ];
  const { processorSeconds = 0, bootProcessorSeconds } = result;
  const before = bootProcessorSeconds === undefined ? "" : ` (boot ${bootProcessorSeconds.toFixed(1)})`;
  const processor = `processor time ${processorSeconds.toFixed(1)} s${before}`;
  narrate(`${acceleration}, ${parts.join(", ")}, command to end ${seconds.toFixed(1)} s; ${processor}`);
}

/** Where the time of a boot went. */
function partsText(parts: BootParts | undefined): string {
  if (parts === undefined) return "";
  const { firmware, kernel, init } = parts;
  return ` (QEMU ${firmware.toFixed(1)}, kernel ${kernel.toFixed(1)}, init ${init.toFixed(1)})`;
}

function inHostWords(text: string, scriptArguments: readonly string[], words: HostWords): string {
  return scriptArguments.includes("--json") ? hostJson(text, words) : hostText(text, words);
}

/** Bytes of the guest's, as they come. Where they cannot be written, the guest's exit code is all the same its own. */
function pass(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Bun.sleepSync(1);
    }
  }
}
