/** What a killed run leaves, removed by identity: by its guard at once, or by the next start; what is not ours stays. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { leftovers, sweep } from "../../src/machine/sweep.ts";
import { until } from "../until.ts";

let directory = "";
let state = "";
beforeEach(() => {
  directory = mkdtempSync(`${os.tmpdir()}/sweep-`);
  state = `${directory}/state`;
  mkdirSync(state, { mode: 0o755 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A process with a registered file, and how it ends. */
async function maker(guard: "on" | "off") {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/fixtures/maker.ts`, directory], {
    env: { ...process.env, BYTEWITNESS_STATE_DIR: state, BYTEWITNESS_GUARD: guard },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const reader = child.stdout.getReader();
  const line = async () =>
    Buffer.from((await reader.read()).value ?? [])
      .toString()
      .trim();
  expect(await line()).toBe("made");
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const keep = async () => {
    child.stdin.write("keep\n");
    child.stdin.flush();
    expect(await line()).toBe("kept");
  };
  const finish = async () => {
    child.stdin.end();
    await child.exited;
  };
  return { pid: child.pid, kill, keep, finish };
}

const ours = () => (existsSync(`${directory}/of-ours`) ? readdirSync(`${directory}/of-ours`, "buffer").length : -1);
const registers = () => readdirSync(state).filter((name) => name.endsWith(".run"));

test("after SIGKILL the guard removes the run's file and directory by itself", async () => {
  const run = await maker("on");
  expect([ours(), registers().length]).toEqual([1, 1]);
  await run.kill();
  await until("the guard to remove them", () => ours() === -1);
  await until("its register to go", () => registers().length === 0);
});

test("the guard waits for what children of the run still have in its directory", async () => {
  const run = await maker("on");
  const other = `${directory}/of-ours/of-a-child`;
  writeFileSync(other, "");
  await run.kill();
  await until("the guard to remove the run's own file", () => ours() === 1);
  rmSync(other);
  await until("the guard to remove the directory", () => ours() === -1);
  await until("its register to go", () => registers().length === 0);
});

test("without a guard the next start does it, and prints what; while the run lives nothing is touched", async () => {
  const run = await maker("off");
  expect([sweep({ directories: [state] }), leftovers([state]), ours()]).toEqual([[], [], 1]);
  await run.kill();
  expect(leftovers([state]).map(({ pid, kind }) => [pid, kind])).toEqual([
    [run.pid, "directory"],
    [run.pid, "file"],
  ]);
  expect(sweep({ directories: [state] })).toEqual([
    `removed the file "${directory}/of-ours/file-\\xff" of run ${run.pid}, which was killed`,
    `removed the directory "${directory}/of-ours" of run ${run.pid}, which was killed`,
  ]);
  expect([ours(), registers(), sweep({ directories: [state] })]).toEqual([-1, [], []]);
});

test("another file under the name of ours is not ours: it stays, whatever its name", async () => {
  const run = await maker("off");
  const [name] = readdirSync(Buffer.from(`${directory}/of-ours`), "buffer") as unknown as Buffer[];
  const path = Buffer.concat([Buffer.from(`${directory}/of-ours/`), name as Buffer]);
  // The user moves our file away and puts one of their own there.
  renameSync(path, `${directory}/moved`);
  writeFileSync(path, "the user's");
  await run.kill();
  expect(sweep({ directories: [state] })).toEqual([]);
  expect([ours(), existsSync(`${directory}/moved`), registers()]).toEqual([1, true, []]);
});

test("what was let go of is kept, and a run that ends leaves no register", async () => {
  const run = await maker("off");
  await run.keep();
  await run.kill();
  expect(sweep({ directories: [state] })).toEqual([]);
  expect(ours()).toBe(1);
});

test("a register of another boot, and one that was cut off, remove nothing", async () => {
  const run = await maker("off");
  await run.kill();
  const [name] = registers();
  const path = `${state}/${name}`;
  const text = await Bun.file(path).text();
  writeFileSync(path, text.replace(/"boot":"[^"]*"/, '"boot":"another"'));
  expect([sweep({ directories: [state] }), ours(), registers()]).toEqual([[], 1, []]);
  writeFileSync(path, text.slice(0, text.indexOf("intendedMs")));
  const lines = sweep({ directories: [state] });
  expect([lines, ours(), registers()]).toEqual([[], 1, []]);
});

test("killed between the creation and the note of it: an empty file born then is the run's, any other is not", async () => {
  const run = await maker("off");
  await run.kill();
  sweep({ directories: [state] });
  const [boot] = [(await Bun.file("/proc/sys/kernel/random/boot_id").text()).trim()];
  const intended = (name: string, id: number, intendedMs: number) =>
    JSON.stringify({ id, kind: "file", path: Buffer.from(`${directory}/${name}`).toString("base64"), intendedMs });
  const past = Date.now() - 1000;
  for (const [name, text] of Object.entries({ ours: "", full: "text", old: "" }))
    writeFileSync(`${directory}/${name}`, text);
  const lines = [
    JSON.stringify({ boot, pid: run.pid }),
    intended("ours", 1, past),
    intended("full", 2, past),
    intended("old", 3, Date.now() + 60_000),
    intended("missing", 4, past),
  ];
  writeFileSync(`${state}/1-x.run`, lines.join("\n"));
  const swept = sweep({ directories: [state] });
  expect(swept).toEqual([`removed the file "${directory}/ours" of run ${run.pid}, which was killed`]);
  expect(["ours", "full", "old"].map((name) => existsSync(`${directory}/${name}`))).toEqual([false, true, true]);
});
