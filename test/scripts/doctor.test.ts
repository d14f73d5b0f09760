/** doctor as a process: every ability has an answer, a missing one a remedy, and the machine-readable form agrees. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { needed } from "../needed.ts";
import { command } from "./command.ts";

interface Examination {
  able: boolean;
  answers: { name: string; ok: boolean; detail: string; remedy?: string }[];
}

test("answers by trying, with a remedy for whatever is missing", async () => {
  const ran = await command("doctor", ["--json"]);
  const { able, answers } = JSON.parse(ran.stdout) as Examination;
  expect(ran.code).toBe(able ? 0 : 125);
  expect(answers.find((answer) => answer.name === "bun")?.detail).toContain(Bun.version);
  expect(answers.filter((answer) => !answer.ok && (answer.remedy ?? "") === "")).toEqual([]);
  const root = answers.find((answer) => answer.name === "root");
  expect(root?.ok).toBe(process.getuid?.() === 0);
});

test("a missing program is reported missing, with what to install", async () => {
  const ran = await command("doctor", ["--json"], { env: { PATH: "/nonexistent" } });
  const { answers } = JSON.parse(ran.stdout) as Examination;
  const gcc = answers.find((answer) => answer.name === "gcc");
  expect(gcc).toEqual({
    name: "gcc",
    ok: false,
    detail: "not installed",
    remedy: "bench.ts compiles its C twins with it; install gcc, libc6-dev and liburing-dev",
  });
});

test("--clean prints what it removed, or that there was nothing; an unknown flag is 254", async () => {
  const ran = await command("doctor", ["--clean"]);
  expect(ran.stdout).toMatch(/^cleaned: /m);
  expect((await command("doctor", ["--cleanse"])).code).toBe(254);
});

/** A killed run with a registered file and a changed setting, in a state directory of its own, without a guard. */
async function killedRun() {
  const place = mkdtempSync(`${os.tmpdir()}/doctor-`);
  const env = { BYTEWITNESS_STATE_DIR: `${place}/state`, BYTEWITNESS_GUARD: "off" };
  mkdirSync(env.BYTEWITNESS_STATE_DIR, { mode: 0o755 });
  const setting = `${place}/setting`;
  writeFileSync(setting, "original");
  const fixtures = `${import.meta.dir}/../machine/fixtures`;
  for (const words of [
    [`${fixtures}/maker.ts`, place],
    [`${fixtures}/holder.ts`, setting, "changed", "delegated"],
  ]) {
    const child = Bun.spawn([process.execPath, ...words], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    await child.stdout.getReader().read();
    child.kill("SIGKILL");
    await child.exited;
  }
  return { place, env, setting };
}

test("what a killed run left is shown without being asked, and --clean mends it and prints what it did", async () => {
  const { place, env, setting } = await killedRun();
  try {
    const seen = await command("doctor", [], { env });
    expect(seen.stdout).toContain(`left     file "${place}/of-ours/file-`);
    expect(seen.stdout).toContain(`left     directory "${place}/of-ours"`);
    expect(seen.stdout).toContain(`left     lease on ${setting} at changed; before it: ${setting} = original`);
    expect(existsSync(`${place}/of-ours`)).toBe(true);
    const cleaned = await command("doctor", ["--clean"], { env });
    expect(cleaned.stdout).toContain(`cleaned: removed the file "${place}/of-ours/file-`);
    expect(cleaned.stdout).toContain(`cleaned: restored ${setting} after a run that was killed`);
    expect(cleaned.stdout).not.toMatch(new RegExp(`^left .*${place}`, "m"));
    expect([existsSync(`${place}/of-ours`), readFileSync(setting, "utf8")]).toEqual([false, "original"]);
    const again = await command("doctor", ["--clean"], { env });
    expect(again.stdout).not.toContain(place);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test.skipIf(needed("root", "setpriv", "a public checkout"))("as nobody it names what it may not see", async () => {
  const { place, env } = await killedRun();
  try {
    const wrap = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const seen = await command("doctor", ["--json"], { wrap, env: { ...env, HOME: "/tmp" } });
    const { traces, answers } = JSON.parse(seen.stdout) as Examination & { traces: { state: string; what: string }[] };
    expect(traces.some(({ state, what }) => state === "unseen" && what.includes("look as root"))).toBe(true);
    expect(answers.find((answer) => answer.name === "loop devices")?.ok).toBe(false);
  } finally {
    rmSync(place, { recursive: true });
  }
});
