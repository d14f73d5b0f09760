/** `lab.ts kernels`: what the configured mirror offers, and what is here already. */
import { existsSync } from "node:fs";
import { writeStdout } from "../../cli/streams.ts";
import { EXIT } from "../../report/document.ts";
import { kernelIndex } from "../kernels/apt.ts";
import { LabError } from "../kernels/cache.ts";
import { cachedPath } from "../kernels/kernel.ts";

export async function commandKernels(
  { flavour, refresh, json }: { flavour: string; refresh: boolean; json: boolean },
  narrate: (line: string) => void,
): Promise<number> {
  const all = await kernelIndex(narrate, { refresh });
  const packages = all.filter((entry) => entry.flavour === flavour);
  if (packages.length === 0 && all.length > 0) {
    const flavours = [...new Set(all.map((entry) => entry.flavour))].sort().join(", ");
    throw new LabError(`--flavour: no kernel is of flavour ${JSON.stringify(flavour)}: there are ${flavours}`, {
      exitCode: EXIT.badArguments,
    });
  }
  const rows = packages.map((entry) => ({ ...entry, cached: existsSync(cachedPath(entry)) }));
  if (json) {
    writeStdout(`${JSON.stringify({ schema: 2, tool: "lab kernels", kernels: rows })}\n`);
    return 0;
  }
  const line = (version: string, suite: string, size: string, cached: string, name: string) =>
    `${version.padEnd(20)}  ${suite.padEnd(18)}  ${size.padStart(6)}  ${cached.padEnd(6)}  ${name}\n`;
  const text = rows.map(({ version, suite, sizeBytes, cached, name }) =>
    line(version, suite, `${Math.round(sizeBytes / 1e6)} MB`, cached ? "here" : "", name),
  );
  writeStdout(line("version", "suite", "size", "cached", "package") + text.join(""));
  return 0;
}
