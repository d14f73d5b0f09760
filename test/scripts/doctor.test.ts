/** doctor as a process: every ability has an answer, a missing one a remedy, and the machine-readable form agrees. */
import { expect, test } from "bun:test";
import { command } from "./command.ts";

interface Examination {
  able: boolean;
  answers: { name: string; ok: boolean; detail: string; remedy?: string }[];
}

test("answers by trying, with a remedy for whatever is missing", async () => {
  const said = await command("doctor", ["--json"]);
  const { able, answers } = JSON.parse(said.stdout) as Examination;
  expect(said.code).toBe(able ? 0 : 125);
  expect(answers.find((answer) => answer.name === "bun")?.detail).toContain(Bun.version);
  expect(answers.filter((answer) => !answer.ok && (answer.remedy ?? "") === "")).toEqual([]);
  const root = answers.find((answer) => answer.name === "root");
  expect(root?.ok).toBe(process.getuid?.() === 0);
});

test("a missing program is said to be missing, with what to install", async () => {
  const said = await command("doctor", ["--json"], { env: { PATH: "/nonexistent" } });
  const { answers } = JSON.parse(said.stdout) as Examination;
  const gcc = answers.find((answer) => answer.name === "gcc");
  expect(gcc).toEqual({
    name: "gcc",
    ok: false,
    detail: "not installed",
    remedy: "bench.ts compiles its C twins with it; install gcc, libc6-dev and liburing-dev",
  });
});

test("--clean says what it removed, or that there was nothing; an unknown flag is 254", async () => {
  const said = await command("doctor", ["--clean"]);
  expect(said.stdout).toMatch(/^cleaned: /m);
  expect((await command("doctor", ["--cleanse"])).code).toBe(254);
});
