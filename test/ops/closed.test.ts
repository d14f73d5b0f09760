/** Standard descriptors that were closed: nothing that went there was written, and nothing that came from there was read. */
import { expect, test } from "bun:test";
import { ROOT } from "../scripts/command.ts";

/** Data and reports are lost where stdout is closed; an exit code of a finding is not. */
test.each([
  ["fill.ts - --bytes 1KiB --quiet >&-", 254, "fill: standard output is closed; pipe it into something"],
  ["verify.ts - --pattern zero <&-", 254, "verify: standard input is closed; pipe or redirect"],
  ["verify.ts package.json --pattern reference:package.json >&-", 255, "is closed; the verdict is clean"],
  ["verify.ts package.json --expect-bytes 1 >&-", 1, "is closed; the verdict is corrupt"],
  ["doctor.ts --version >&-", 255, "doctor: standard output is closed"],
  ["verify.ts package.json --pattern reference:package.json >/dev/null", 0, ""],
  ["fill.ts - --bytes 1KiB --quiet >/dev/null", 0, "1.00 KiB (1,024 bytes) written to -"],
  ["verify.ts - --pattern zero </dev/null", 125, ""],
])(
  "%s",
  async (line, code, stderr) => {
    const words = ["sh", "-c", `exec ${process.execPath} scripts/${line}`];
    const child = Bun.spawn(words, { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: 60_000 });
    const printed = await new Response(child.stderr).text();
    expect({ code: await child.exited, stderr: printed }).toEqual({ code, stderr: expect.stringContaining(stderr) });
  },
  60_000,
);
