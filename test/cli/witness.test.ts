/** Evidence that any reproducer gives: documents next to the report, made of one run that damages its own data. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { command, reportOf } from "../scripts/command.ts";

const directory = mkdtempSync(`${os.tmpdir()}/witness-`);
afterAll(() => rmSync(directory, { recursive: true }));

const DAMAGE = ["3", "1", "--door", "write", "--inject", "duplicated", "--seed", "7", "--pressure", "none"];
const text = (name: string) => readFileSync(`${directory}/${name}`, "utf8");

test("a page, a mail, a trace and a C program come of one run, and the verdict stays 1", async () => {
  const evidence = [
    "--report",
    `${directory}/r.html`,
    "--trace",
    `${directory}/t.json`,
    "--emit-c",
    `${directory}/p.c`,
  ];
  const ran = await command("uring-append", [`${directory}/a`, ...DAMAGE, ...evidence, "--json", "--explain"]);
  expect(ran.code).toBe(1);
  const report = reportOf(ran);
  expect(report.timeline?.length).toBeGreaterThan(0);
  expect(report.environment.pageBytes).toBeGreaterThan(0);
  expect(report.sections?.map(({ title }) => title)).toContain("What the kernel did");
  expect(text("r.html")).toContain(`<script type="application/json" id="report">`);
  const { traceEvents } = JSON.parse(text("t.json")) as { traceEvents: { ph: string; name: string }[] };
  expect(traceEvents.some(({ ph, name }) => ph === "X" && name === "write")).toBe(true);
  expect(text("p.c")).toContain("int main(");
  expect(report.replay).not.toContain("--report");
});

test("the JSON in a page, saved, can be repeated from", async () => {
  const page = `${directory}/page.html`;
  const first = await command("uring-append", [`${directory}/p`, ...DAMAGE, "--report", page]);
  expect(first.code).toBe(1);
  const embedded = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(text("page.html"))?.[1] ?? "";
  writeFileSync(`${directory}/page.json`, embedded);
  // The same run makes the same files.
  rmSync(`${directory}/p.0`);
  const again = await command("uring-append", ["--replay", `${directory}/page.json`]);
  expect([again.code, again.stderr]).toEqual([1, expect.not.stringContaining("--replay")]);
}, 60_000);

test("a run without a finding writes no C program, reports it, and leaves no empty file", async () => {
  const ran = await command("uring-append", [
    ...[`${directory}/b`, "1", "1", "--files", "1", "--door", "write", "--pressure", "none"],
    ...["--emit-c", `${directory}/none.c`, "--report", `${directory}/r.txt`],
  ]);
  expect(ran.code).toBe(0);
  expect(ran.stderr).toContain("no C program was written: there is no finding to repeat");
  expect(existsSync(`${directory}/none.c`)).toBe(false);
  expect(text("r.txt")).toStartWith("uring-append on Linux ");
});

test.each([
  [["--report", "page.pdf"], "--report page.pdf: the ending chooses the form"],
  [["--report", "/proc/nowhere/r.html"], "/proc/nowhere/r.html"],
  [["--trace", "/proc/nowhere/t.json"], "/proc/nowhere/t.json"],
])("a place that cannot be written is refused before the run: %p", async (flags, line) => {
  const ran = await command("uring-append", [`${directory}/c`, "1", "1", ...flags]);
  expect([ran.code, ran.stdout]).toEqual([254, ""]);
  expect(ran.stderr).toContain(line);
});

/** A reproducer whose damaged bytes are in no file; it makes a file as well, which puts it on our lists. */
const RECEIVED = `
import { allocate, openPipe, read, runReproducer, scratchFile, write } from ${JSON.stringify(join(import.meta.dir, "../../src/index.ts"))};
await runReproducer({ name: "received", summary: "s", run: (run) => {
  scratchFile(run, { directory: ${JSON.stringify(directory)}, name: "other" });
  using pipe = openPipe();
  using buffer = allocate(8);
  buffer.bytes.fill(0x41);
  write(pipe.writeEnd, buffer);
  read(pipe.readEnd, buffer);
  const finding = { kind: "foreign", file: "what came", offsetBytes: 0, lengthBytes: 8, pageAligned: true };
  return { findings: [finding], totals: { bytesWritten: 8, bytesVerified: 8, files: 0, calls: 2 } };
} });`;

test("bytes that are in no file have every call for neighbours, but not those on our own lists", async () => {
  writeFileSync(`${directory}/received.ts`, RECEIVED);
  const words = [process.execPath, `${directory}/received.ts`, "--json", "--report", `${directory}/received.txt`];
  const ran = Bun.spawnSync(words, { stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  expect([ran.exitCode, ran.stderr.toString()]).toEqual([1, ""]);
  const { sections } = JSON.parse(ran.stdout.toString()) as { sections: { title: string; lines: string[] }[] };
  const lines = sections.find(({ title }) => title === "Recorded calls")?.lines ?? [];
  expect(lines.join("\n")).toMatch(/write\(pipe\d?\.write, \{8 x 0x41\}, 8\) = 8/);
  expect(lines.join("\n")).toContain("/other");
  expect(lines.join("\n")).not.toMatch(/\.run"|guard/);
}, 60_000);
