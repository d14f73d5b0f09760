/** Flags that have no effect together are refused before anything is done, by every command; the same flags alone are not. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "./command.ts";

/** Reports what a script is instead of running it: its words were accepted. */
const UNDERSTOOD = { BYTEWITNESS_DESCRIBE: "1" };

const place = mkdtempSync(join(tmpdir(), "bytewitness-relations-"));
const file = "/etc/passwd";
const page = join(place, "x.html");

/** What has no effect, and the same words with the one that makes it have one. */
const RELATIONS: readonly (readonly [script: string, refused: readonly string[], accepted: readonly string[]])[] = [
  ["verify", [file, "--pattern", "zero", "--generation", "1"], [file, "--pattern", "tagged", "--generation", "1"]],
  ["verify", [file, "--writer", "1"], [file, "--writer", "1", "--pattern", "tagged"]],
  ["verify", [file, "--record-bytes", "64"], [file, "--record-bytes", "64", "--pattern", "tagged"]],
  ["verify", [file, "--pattern", "byte:1", "--writer", "1"], [file, "--pattern", "byte:1"]],
  ["verify", [file, "--pattern", "prng:1", "--record-bytes", "64"], [file, "--pattern", "prng:1"]],
  ["verify", [file, "--pattern", "fio", "--offset", "8"], [file, "--pattern", "fio", "--expect-bytes", "8"]],
  ["verify", [file, "--pattern", "fio", "--length", "8"], [file, "--length", "8"]],
  ["verify", [file, "--pattern", "fio", "--jobs", "2"], [file, "--jobs", "2"]],
  ["verify", [file, "--pattern", "fio", "--svg", page], [file, "--svg", page]],
  ["verify", ["-", "--jobs", "2"], ["-"]],
  ["verify", [file, "--json", "--ktap"], [file, "--ktap"]],
  ["verify", [file, "--quiet", "--verbose"], [file, "--verbose"]],
  ["fill", ["-", "--bytes", "8", "--write", "direct"], [page, "--bytes", "8", "--write", "direct"]],
  ["fill", ["-", "--bytes", "8", "--resume"], [page, "--bytes", "8", "--resume"]],
  ["fill", ["-", "--bytes", "8", "--overwrite-device"], ["-", "--bytes", "8"]],
  ["fill", [page, "--bytes", "8", "--writer", "1"], [page, "--bytes", "8", "--writer", "1", "--pattern", "tagged"]],
  ["fill", [page, "--bytes", "8", "--pattern", "zero", "--generation", "1"], [page, "--bytes", "8"]],
  ["uring-append", ["--door", "write", "--async"], ["--door", "all", "--async"]],
  ["uring-append", ["--door", "write", "--queue-depth", "8"], ["--queue-depth", "8"]],
  ["uring-append", ["--jobs", "2", "--trace", page], ["--jobs", "1", "--trace", page]],
  ["uring-append", ["--jobs", "2", "--emit-c", page], ["--emit-c", page]],
  ["uring-append", ["--jobs", "2", "--explain"], ["--jobs", "2"]],
  ["gallery/nowait-append", ["--pressure", "none", "--dirty-limit", "4MiB"], ["--dirty-limit", "4MiB"]],
  [
    "gallery/append-tear",
    ["--control", "no-writeback", "--dirty-limit", "4MiB"],
    ["--control", "all", "--dirty-limit", "4MiB"],
  ],
  ["splice-relay", ["--bytes", "8", "--seconds", "1"], ["--seconds", "1"]],
  ["splice-relay", ["--inject-hop", "out"], ["--inject-hop", "out", "--inject", "lost"]],
  ["survey", ["--list", "--budget", "5s"], ["--list", "--only", "append-tear"]],
  ["survey", ["--list", "--system-wide"], ["--system-wide"]],
  ["survey", ["--list", "--ktap"], ["--list", "--json"]],
  ["survey", ["--json", "--ktap"], ["--ktap"]],
  [
    "lab",
    ["run", "--kernel", "host", "--memory", "2GiB", "--", "verify.ts", file],
    ["run", "--kernel", "6.1", "--memory", "2GiB", "--", "verify.ts", file],
  ],
  [
    "lab",
    ["run", "--kernel", "host", "--console", "--", "verify.ts", file],
    ["run", "--kernel", "host", "--timeout", "5s", "--", "verify.ts", file],
  ],
  [
    "lab",
    ["matrix", "--kernels", "6.1", "--json", "--ktap", "--", "verify.ts", file],
    ["matrix", "--kernels", "6.1", "--json", "--", "verify.ts", file],
  ],
];

test.each(RELATIONS)("%s %j", async (script, refused, accepted) => {
  const no = await command(script, refused, { env: UNDERSTOOD });
  expect({ code: no.code, stdout: no.stdout }).toEqual({ code: 254, stdout: "" });
  expect(no.stderr).toMatch(/^[a-z-]+: .*(has no effect|cannot be given together).*\n$/);
  const yes = await command(script, accepted, { env: UNDERSTOOD });
  expect({ code: yes.code, stderr: yes.stderr }).toEqual({ code: 0, stderr: "" });
});

test("nothing was made", () => {
  expect(readdirSync(place)).toEqual([]);
  rmSync(place, { recursive: true });
});

test("what only the kind of a target decides is refused before the target is made", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bytewitness-relations-"));
  const wanted = join(directory, "new");
  const ran = await command("fill", [wanted, "--bytes", "8", "--overwrite-device"]);
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({
    code: 254,
    stderr: `fill: --overwrite-device has no effect: ${wanted} is not a block device\n`,
  });
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});
