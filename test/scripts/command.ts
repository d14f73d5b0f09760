/** Runs one of the project's commands as a person would, and returns everything it reported. */
import type { RunReport } from "../../src/report/document.ts";

export const ROOT = new URL("../../", import.meta.url).pathname;

export interface Ran {
  readonly code: number | null;
  readonly signal: string | number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `bun scripts/NAME.ts …`; with `through: "package"` by way of the package script, as the README writes it. */
export async function command(
  script: string,
  args: readonly string[],
  options: { through?: "package"; env?: Record<string, string>; timeoutMs?: number; wrap?: readonly string[] } = {},
): Promise<Ran> {
  const entry = options.through === "package" ? ["run", `${script}.ts`] : [`scripts/${script}.ts`];
  const child = Bun.spawn([...(options.wrap ?? []), process.execPath, ...entry, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** The one JSON object on stdout. */
export function reportOf(ran: Ran): RunReport {
  return JSON.parse(ran.stdout) as RunReport;
}
