/** The soak as a command: a few kills leave nothing, and a run that would leave something is caught. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { playRound } from "../../src/machine/soak/kills.ts";
import { until } from "../until.ts";
import { command, ROOT } from "./command.ts";

test("killed runs leave nothing", async () => {
  const ran = await command("soak", ["6", "--seed", "3", "--only", "append"]);
  expect(ran.stderr).toBe("");
  expect(ran.stdout).toContain("seed 3: 6 rounds of two runs");
  expect(ran.stdout).toContain("left behind, changed or touched: nothing");
  expect(ran.code).toBe(0);
});

test("a signal ends it after the round that is being played, and nothing of that stays", async () => {
  const place = mkdtempSync(`${os.tmpdir()}/soak-test-`);
  const child = Bun.spawn([process.execPath, `${ROOT}scripts/soak.ts`, "50", "--seed", "3", "--only", "append"], {
    ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 120_000 },
    env: { ...process.env, TMPDIR: place },
  });
  const made = () => readdirSync(place).some((name) => name.startsWith("bytewitness-soak-"));
  await until("the soak's directory", made, 60_000);
  child.kill("SIGTERM");
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ code: await child.exited, stderr }).toEqual({
    code: 143,
    stderr: expect.stringContaining("SIGTERM: stopping"),
  });
  expect(stdout).toContain("of 50 rounds of two runs");
  expect(readdirSync(place).filter((name) => !name.startsWith("bun-cc-"))).toEqual([]);
  rmSync(place, { recursive: true });
}, 150_000);

test("what is left is found: a file, a process that lives on, a stranger's file that was touched", async () => {
  const root = mkdtempSync(`${os.tmpdir()}/soak-test-`);
  try {
    const script = `${root}/careless.ts`;
    // Leaves a file, changes a stranger's, and has a child that no one ends.
    writeFileSync(
      script,
      `import { appendFileSync, existsSync, writeFileSync } from "node:fs";
      writeFileSync(process.argv[2] + "/mine", "");
      Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] }).unref();
      setInterval(() => existsSync(process.argv[2] + "/notes.txt") && appendFileSync(process.argv[2] + "/notes.txt", "!"), 1);`,
    );
    const careless = { script, words: ["DIR"] };
    const end = await playRound({
      ...{ index: 0, candidates: [careless, careless], afterMs: 2000, victim: "run", root },
      pick: () => 0,
      waitMs: 1000,
    });
    expect(end.killed).toBe(true);
    expect(end.problems.some((line) => line.startsWith("processes lived on: "))).toBe(true);
    expect(end.problems).toContain(`a file is left: ${root}/0/mine`);
    expect(end.problems).toContain(`a stranger's file was touched: ${root}/0/notes.txt`);
  } finally {
    rmSync(root, { recursive: true });
  }
});
