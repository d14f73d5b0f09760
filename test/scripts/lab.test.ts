/** lab.ts as a process: its arguments, and the kernel called host. */

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { temporaryDirectory } from "../lab/temporary.ts";
import { KERNEL, lab, PROBE } from "./guests.ts";

describe("arguments", () => {
  test.each<[string[], string]>([
    [["dance"], 'lab: lab has no "dance": it has run, matrix, merge, bisect, kernels, kconfig, shell\n'],
    [["run", "--", "probe.ts"], "lab: --kernel is missing"],
    [["--kernel", KERNEL, "run", "--", "probe.ts"], "lab: run comes first: bun run lab.ts run …\n"],
    [["run", "--kernel", KERNEL], "lab: no script: say which one after --"],
    [["run", "--kernel", KERNEL, "--bogus", "--", "x.ts"], "lab: unknown flag --bogus"],
    [
      ["run", "--kernel", KERNEL, "--fs", "zfs", "--", "x.ts"],
      "lab: --fs must be one of xfs, ext4, btrfs, tmpfs, exfat, vfat, udf, f2fs, overlay",
    ],
    [["run", "--kernel", KERNEL, "--", "no-such-script.ts"], "lab: no script no-such-script.ts"],
    [["run", "--kernel", "latest", "--", PROBE], 'lab: --kernel "latest" is not a version'],
    [
      ["matrix", "--kernels", KERNEL, "--json", "--ktap", "--", PROBE],
      "lab: --json and --ktap cannot be given together",
    ],
    [["matrix", "--kernels", ",", "--", PROBE], "lab: --kernels: the list is empty"],
    [["matrix", "--kernels", "", "--", PROBE], "lab: --kernels is missing"],
    [["run", "--kernel", KERNEL, "--with", ",", "--", PROBE], "lab: --with: the list is empty"],
    [["run", "--kernel", KERNEL, "--disks", "1GiB,big", "--", PROBE], 'lab: --disks: "big" is not a size'],
    [["run", "--kernel", KERNEL, "--memory", "8000TiB", "--", PROBE], "lab: --memory: "],
    [["run", "--kernel", KERNEL, "--huge-pages", "512", "--", PROBE], "lab: --huge-pages: 512 of 2 MiB leave"],
    [["run", "--kernel", KERNEL, "--disk-size", "8000TiB", "--", PROBE], "lab: --disk-size must be a size"],
    [["run", "--kernel", KERNEL, "--modules", "/nonexistent", "--", PROBE], "lab: --modules: /nonexistent is not"],
    [["run", "--kernel", KERNEL, "--with", "/usr", "--", PROBE], "lab: --with: /usr is not a regular file"],
    [["run", "--kernel", KERNEL, "--with", `${PROBE},${PROBE}`, "--", PROBE], `lab: ${PROBE} and ${PROBE} would both`],
    [["run", "--kernel", KERNEL, "--flavour=", "--", PROBE], "lab: --flavour: name one"],
    [["run", "--kernel", KERNEL, "--fs", "tmpfs", "--mkfs-options", "x", "--", PROBE], "lab: --mkfs-options has no"],
    [["run", "--kernel", KERNEL, "--artifacts", "/proc/x", "--", PROBE], "lab: --artifacts: no files can be put in"],
    [["run", "--kernel", KERNEL, "--artifacts", "/usr", "--", PROBE], "lab: --artifacts: /usr is not empty"],
    [["run", "--kernel", KERNEL, "--", "/usr"], "lab: no script /usr"],
    [["run", "--kernel", KERNEL, "--", ""], "lab: no script "],
    [["matrix", "--kernels", KERNEL, "--results", "/nonexistent/r", "--", PROBE], "lab: --results: /nonexistent/r can"],
  ])("%j ends 254 with one line", async (words, line) => {
    const { code, stdout, stderr } = await lab(words);
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 254, stdout: "", lines: 1 });
    expect(stderr).toStartWith(line);
  });

  test("--help names every subcommand, and each has one", async () => {
    const { code, stdout } = await lab(["--help"]);
    expect(code).toBe(0);
    for (const name of ["run", "matrix", "merge", "bisect", "kernels", "kconfig", "shell"]) {
      expect(stdout).toMatch(new RegExp(`^ +${name} {4}`, "m"));
      const help = await lab([name, "--help"]);
      expect([help.code, help.stdout.includes(`USAGE bun run lab.ts ${name} [OPTIONS]`)]).toEqual([0, true]);
    }
  });

  test("without a subcommand the overview is on stderr, and it is not a good run", async () => {
    const { code, stdout, stderr } = await lab([]);
    expect({ code, stdout }).toEqual({ code: 254, stdout: "" });
    expect(stderr).toBe(
      "lab: say which: run, matrix, merge, bisect, kernels, kconfig, shell; --help shows what each does\n",
    );
  });

  test("a directory that is not a built kernel tree has no verdict: 125, so that git bisect skips it", async () => {
    using directory = temporaryDirectory();
    const { code, stderr } = await lab(["run", "--kernel", directory.path, "--", PROBE]);
    expect(code).toBe(125);
    expect(stderr).toContain("build the kernel first");
  });

  test("host runs the script here, arguments as they are; without a report it has no verdict", async () => {
    using directory = temporaryDirectory();
    const script = join(directory.path, "s.ts");
    await Bun.write(script, 'console.log(process.argv.slice(2).join("|")); process.exit(Number(process.argv[2]));');
    for (const code of ["0", "1", "9"]) {
      const {
        code: ended,
        stdout,
        stderr,
      } = await lab(["run", "--kernel", "host", "--", script, code, "a b", "--", "--c"]);
      expect([ended, stdout]).toEqual([125, `${code}|a b|--|--c\n`]);
      expect(stderr).toContain(`no verdict: the script ended with exit code ${code} and without a report`);
    }
    await Bun.write(script, 'import "./absent.ts";');
    expect((await lab(["run", "--kernel", "host", "--", script])).code).toBe(125);
  });

  test("a script's arguments are checked before a kernel is looked for", async () => {
    for (const [words, line] of [
      [["uring-append.ts", "--bogus"], "unknown flag --bogus"],
      [["survey.ts", "--only", "nonsense"], "no case nonsense"],
      [["verify.ts"], "FILE is missing"],
      [["soak.ts", "some"], "must be a whole number"],
      [["bench.ts", "nonsense"], 'bench has no "nonsense"'],
      [["fill.ts", "x", "--bogus"], "unknown flag --bogus"],
      [["uring-append.ts", "--report", "r.pdf"], "--report r.pdf: the ending chooses the form"],
      [["uring-append.ts", "--report", "r.txt", "--emit-c", "r.txt"], "--report and --emit-c name the same file"],
      [["uring-append.ts", "--report", "/var/r.html"], "--report: /var/r.html"],
      [["uring-append.ts", "--trace", "below/t.json"], "--trace: below/t.json"],
      [["survey.ts", "--report", "../r.html"], "--report: ../r.html"],
      [["verify.ts", "/mnt/test/x", "--svg", "-"], "--svg names a new file, not -"],
    ] as const) {
      for (const mode of [
        ["run", "--kernel"],
        ["matrix", "--kernels"],
      ]) {
        const { code, stdout, stderr } = await lab([...mode, "6.1.999", "--", ...words], {
          XDG_CACHE_HOME: "/proc/nowhere",
        });
        expect({ code, stdout }).toEqual({ code: 254, stdout: "" });
        expect(stderr).toContain(line);
      }
    }
  }, 60_000);
});

test("files that a guest's script is given are not looked for here; those of a matrix would not come back", async () => {
  const nowhere = { XDG_CACHE_HOME: "/proc/nowhere" };
  for (const words of [
    ["verify.ts", "/dev/no-such-disk"],
    ["verify.ts", "/mnt/test/x", "--pattern", "reference:/bytewitness/guest/no-such-file"],
    ["uring-append.ts", "--report", "r.html"],
    ["survey.ts", "--report", "/mnt/test/r.html"],
  ]) {
    const { code, stderr } = await lab(["run", "--kernel", "6.1.999", "--", ...words], nowhere);
    // The kernel's turn comes after the words.
    expect({ code, stderr }).toEqual({ code: 254, stderr: expect.stringContaining("takes no cache") });
  }
  const { code, stderr } = await lab(["matrix", "--kernels", "6.1.999", "--", "two-rings", "--report", "r.html"]);
  expect({ code, stderr }).toEqual({ code: 254, stderr: expect.stringContaining("r.html would stay in the guests") });
  expect(existsSync("r.html")).toBe(false);
  const both = await lab(["matrix", "--kernels", "6.1.999", "--", "two-rings", "--ktap"], nowhere);
  expect([both.code, both.stderr]).toEqual([
    254,
    expect.stringContaining("--json and --ktap cannot be given together"),
  ]);
});

test("a directory for artifacts that nothing came to is gone again", async () => {
  using directory = temporaryDirectory();
  const artifacts = join(directory.path, "a/b");
  const words = ["run", "--kernel", "6.1.999", "--artifacts", artifacts, "--", PROBE];
  expect((await lab(words, { XDG_CACHE_HOME: "/proc/nowhere" })).code).toBe(254);
  expect(readdirSync(directory.path)).toEqual([]);
});

test("the matrix takes host as a kernel, and reads what the script reports about itself", async () => {
  using directory = temporaryDirectory();
  const script = join(directory.path, "s.ts");
  const report = {
    schema: 2,
    verdict: "clean",
    trigger: { reached: 2, attempts: 3, how: "" },
    totals: {},
    findings: [],
  };
  await Bun.write(script, `console.error("words"); console.log(${JSON.stringify(JSON.stringify(report))});`);
  const { code, stdout } = await lab(["matrix", "--ktap", "--kernels", "host", "--", script]);
  expect({ code, stdout: stdout.replace(release(), "RELEASE") }).toEqual({
    code: 0,
    stdout:
      "KTAP version 1\n1..1\n" +
      "# verdict=clean attempts=3 reached=2 first_finding_seconds=- boot_seconds=-\nok 1 host RELEASE\n",
  });
  await Bun.write(script, 'process.kill(process.pid, "SIGKILL");');
  const killed = await lab(["matrix", "--kernels", "host", "--", script]);
  expect([killed.code, killed.stdout]).toEqual([125, expect.stringContaining("the script was killed by signal 9\n")]);
});
