/** What a reproducer is can be asked without running it, and a survey can forbid what concerns the whole system. */
import { expect, test } from "bun:test";
import { DESCRIBE_VARIABLE, SYSTEM_WIDE_VARIABLE } from "../../src/cli/describe.ts";

const TOOL = new URL("./fixtures/system-wide.ts", import.meta.url).pathname;
const KNOWN = { fix: "mm: mend it", firstFixed: ["6.1.3"], source: "a test" };

async function tool(words: string[], environment: Record<string, string>) {
  const env = { ...process.env, ...environment };
  const child = Bun.spawn([process.execPath, TOOL, ...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return { code, stdout };
}

test("a description is one JSON object and depends on the arguments; bad ones are 254 all the same", async () => {
  const ask = { [DESCRIBE_VARIABLE]: "1" };
  const { code, stdout } = await tool([], ask);
  expect({ code, description: JSON.parse(stdout) }).toEqual({
    code: 0,
    description: {
      name: "system-wide",
      summary: "would switch something on",
      needs: ["patience"],
      newFiles: [],
      systemWide: "switches KSM on",
      known: KNOWN,
    },
  });
  expect(JSON.parse((await tool(["--gentle"], ask)).stdout)).not.toHaveProperty("systemWide");
  expect(await tool(["--bogus"], ask)).toEqual({ code: 254, stdout: "" });
}, 60_000);

test.each([
  ["no", [], 125, "skipped", "switches KSM on, for the whole system: --system-wide allows that"],
  ["no", ["--gentle"], 0, "clean", undefined],
  ["yes", [], 0, "clean", undefined],
])(
  "system-wide changes allowed: %s, with %j: exit %d",
  async (allowed, words, exit, verdict, reason) => {
    const { code, stdout } = await tool([...words, "--json", "--quiet"], { [SYSTEM_WIDE_VARIABLE]: allowed });
    const report = JSON.parse(stdout);
    expect({ code, verdict: report.verdict, reason: report.reason, known: report.known }).toEqual({
      ...{ code: exit, verdict, reason, known: KNOWN },
    });
  },
  60_000,
);
