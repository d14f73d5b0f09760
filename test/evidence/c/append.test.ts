/** The append program: compiles without a warning with every door, fits a screen or two, and is clean where nothing presses. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { templateProgram } from "../../../src/evidence/c/template.ts";
import { needed } from "../../needed.ts";

const directory = mkdtempSync(`${os.tmpdir()}/append-program-`);
afterAll(() => rmSync(directory, { recursive: true }));

const about = ["uring-append on Linux 6.1.170:", "4,329,464 bytes */ from 8,388,616 are repeated at 12,718,080"];
const sizes = { template: "append", values: { appendBytes: 1_048_576, headroomBytes: 6_000_000 } } as const;

/** The command line of the header is the one to compile with. */
function compile(text: string): { stderr: string; path: string } {
  const path = `${directory}/append`;
  writeFileSync(`${path}.c`, text);
  const [, command = ""] = /Build: (gcc .*)$/m.exec(text) ?? [];
  const made = Bun.spawnSync(command.split(" "), { cwd: directory });
  return { stderr: made.stderr.toString(), path };
}

describe.skipIf(needed("gcc", "liburing-dev"))("compiled", () => {
  test.each(["io_uring", "pwritev2"] as const)("%s: no warning, under 150 lines, no other door in it", (door) => {
    const text = templateProgram({ ...sizes, door }, { about, kselftest: false });
    expect(compile(text).stderr).toBe("");
    expect(text.split("\n").length).toBeLessThanOrEqual(150);
    expect(text).toContain("#define APPEND_BYTES 1048576\n");
    expect(text).not.toContain("DOOR");
    expect(text.includes("liburing")).toBe(door === "io_uring");
  });

  test("on a file system that has no such bug it is clean, and leaves no file and no group", () => {
    const { path } = compile(templateProgram({ ...sizes, door: "io_uring" }, { about, kselftest: false }));
    const ran = Bun.spawnSync([path, directory]);
    expect([ran.exitCode, ran.stdout.toString()]).toEqual([0, "clean\n"]);
    expect(readdirSync(directory).sort()).toEqual(["append", "append.c"]);
  });

  test("as a kselftest a refusal is a skip, and the result is KTAP", () => {
    const { path } = compile(templateProgram({ ...sizes, door: "io_uring" }, { about, kselftest: true }));
    expect(Bun.spawnSync([path, "/nonexistent/directory"]).exitCode).toBe(4);
    expect(Bun.spawnSync([path, directory]).stdout.toString()).toBe("TAP version 13\n1..1\nok 1 append\n");
  });
});
