/** lab.ts as a process: its arguments, and real guests on a kernel of Debian's. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join, resolve } from "node:path";
import { parseModinfo, readModule } from "../../src/lab/kernels/modules.ts";
import type { Row } from "../../src/lab/row.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { lacking } from "../needed.ts";
import { childrenOf, isRunning, until } from "../until.ts";

const ROOT = resolve(import.meta.dir, "../..");
const LAB = [process.execPath, join(ROOT, "scripts/lab.ts")];
const PROBE = join(ROOT, "test/lab/fixtures/probe.ts");
/** In bookworm's main archive, and affected by report 1's bug. */
const KERNEL = "6.1.170";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function lab(words: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = Bun.spawn([...LAB, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 150_000,
    killSignal: "SIGKILL",
    env: { ...process.env, ...environment },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

const NEEDS: [program: string, packageName: string][] = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["busybox", "busybox-static"],
  ["mkfs.xfs", "xfsprogs"],
  ["dpkg-deb", "dpkg"],
  ["apt-get", "apt"],
  ["modinfo", "kmod"],
];
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const missing = NEEDS.filter(([program]) => Bun.which(program, { PATH }) === null).map(([, name]) => name);

/** Why no guest can run here, or undefined. The kernel comes from the network, unless it is here already. */
async function whyNoGuests(): Promise<string | undefined> {
  if (missing.length > 0) return `install ${missing.join(" ")}`;
  const { code, stdout, stderr } = await lab(["kernels", "--json"]);
  if (code !== 0) return stderr.trim();
  return stdout.includes(`"version":"${KERNEL}-`) ? undefined : `the mirror has no kernel ${KERNEL}`;
}
const noGuests = await whyNoGuests();

/** Guests need tools and a mirror that a user may not have; CI must have them. */
const testGuest = (name: string, body: () => Promise<void>) =>
  test.skipIf(noGuests !== undefined && lacking("guests", noGuests))(name, body, 240_000);

describe("arguments", () => {
  test.each<[string[], string]>([
    [["dance"], "lab: no subcommand dance: it is one of run, matrix, bisect, kernels, shell\n"],
    [["run", "--", "probe.ts"], "lab: --kernel is missing"],
    [["run", "--kernel", KERNEL], "lab: no script: say which one after --"],
    [["run", "--kernel", KERNEL, "--bogus", "--", "x.ts"], "lab: unknown flag --bogus"],
    [
      ["run", "--kernel", KERNEL, "--fs", "zfs", "--", "x.ts"],
      "lab: --fs must be one of xfs, ext4, btrfs, tmpfs, exfat, vfat, udf, f2fs, overlay",
    ],
    [["run", "--kernel", KERNEL, "--", "no-such-script.ts"], "lab: no script no-such-script.ts"],
    [["run", "--kernel", "latest", "--", PROBE], 'lab: --kernel "latest" is no version'],
    [["matrix", "--kernels", KERNEL, "--json", "--ktap", "--", PROBE], "lab: --json and --ktap exclude each other"],
    [["matrix", "--kernels", ",", "--", PROBE], "lab: --kernels: the list is empty"],
    [["matrix", "--kernels", "", "--", PROBE], "lab: --kernels is missing"],
    [["run", "--kernel", KERNEL, "--with", ",", "--", PROBE], "lab: --with: the list is empty"],
    [["run", "--kernel", KERNEL, "--disks", "1GiB,big", "--", PROBE], 'lab: --disks: "big" is not a size'],
  ])("%j ends 254 with one line", async (words, line) => {
    const { code, stdout, stderr } = await lab(words);
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 254, stdout: "", lines: 1 });
    expect(stderr).toStartWith(line);
  });

  test("--help names every subcommand, and each has one", async () => {
    const { code, stdout } = await lab(["--help"]);
    expect(code).toBe(0);
    for (const name of ["run", "matrix", "bisect", "kernels", "shell"]) {
      expect(stdout).toContain(`\n  ${name} `);
      const help = await lab([name, "--help"]);
      expect([help.code, help.stdout.includes(`usage: bun run lab.ts ${name} [flags]`)]).toEqual([0, true]);
    }
  });

  test("without a subcommand the overview is on stderr, and it is no good run", async () => {
    const { code, stdout, stderr } = await lab([]);
    expect({ code, stdout }).toEqual({ code: 254, stdout: "" });
    expect(stderr).toStartWith("lab: run any script on another kernel");
  });

  test("a directory that is no built kernel tree has no verdict: 125, so that git bisect skips it", async () => {
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
    ] as const) {
      for (const mode of [
        ["run", "--kernel"],
        ["matrix", "--kernels"],
      ]) {
        const { code, stdout, stderr } = await lab([...mode, "6.1.999", "--", ...words], {
          XDG_CACHE_HOME: "/nonexistent",
        });
        expect({ code, stdout }).toEqual({ code: 254, stdout: "" });
        expect(stderr).toContain(line);
      }
    }
  });
});

test("the matrix takes host as a kernel, and reads what the script says of itself", async () => {
  using directory = temporaryDirectory();
  const script = join(directory.path, "s.ts");
  const report = {
    schema: 1,
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

describe("guests", () => {
  testGuest("a script runs on XFS as root; its streams, exit code and files come back", async () => {
    using directory = temporaryDirectory();
    const artifacts = join(directory.path, "artifacts");
    const words = ["run", "--kernel", KERNEL, "--artifacts", artifacts, "--", PROBE, "7", "it's $HOME"];
    const { code, stdout, stderr } = await lab(words);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("narration of the guest\n") });
    expect(stderr).toContain("no verdict: the script ended with exit code 7 and without a report");
    expect(JSON.parse(stdout)).toEqual({
      kernel: "6.1.0-47-cloud-amd64",
      arguments: ["7", "it's $HOME"],
      cwd: "/mnt/test",
      directory: "/mnt/test",
      uid: 0,
      mount: "xfs",
      controllers: ["cpu", "io", "memory", "pids"],
      tracefs: true,
    });
    expect(readFileSync(join(artifacts, "evidence"), "utf8")).toBe("left behind\n");
    expect(readdirSync(artifacts).sort()).toEqual(["evidence", "report.txt"]);
  });

  testGuest("a panic is 125, with the console's last lines; ext4 mounts as well", async () => {
    using directory = temporaryDirectory();
    const script = join(directory.path, "panic.ts");
    await Bun.write(script, 'require("node:fs").writeFileSync("/proc/sysrq-trigger", "c");');
    const { code, stderr } = await lab(["run", "--kernel", KERNEL, "--fs", "ext4", "--", script]);
    expect(code).toBe(125);
    expect(stderr).toContain("Kernel panic - not syncing: sysrq triggered crash");
    expect(stderr).toContain("lab: no verdict: the guest died while the script ran");
  });

  testGuest("of two runs in memory groups the first to leave keeps the other's limits", async () => {
    const script = join(ROOT, "test/lab/fixtures/two-groups.ts");
    const { stdout, stderr } = await lab(["run", "--kernel", KERNEL, "--fs", "tmpfs", "--", script]);
    // Off; on for both; still on, and the second still has its limit; off again, and nothing is left.
    const story = [false, true, true, true, true, true, false, []];
    expect({ story: stdout && JSON.parse(stdout), stderr }).toEqual({ story, stderr: expect.any(String) });
  });

  testGuest("SIGKILL of the lab leaves no machine and no file", async () => {
    using directory = temporaryDirectory();
    const script = join(directory.path, "hang.ts");
    await Bun.write(script, 'console.log("up"); await Bun.sleep(600_000);');
    const temporary = { TMPDIR: directory.path };
    const child = Bun.spawn([...LAB, "run", "--kernel", KERNEL, "--fs", "tmpfs", "--", script], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...temporary },
    });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    const machines = childrenOf(child.pid);
    expect(machines.length).toBe(1);
    child.kill("SIGKILL");
    await child.exited;
    await until("the machine to end", () => !machines.some(isRunning));
    expect(readdirSync(directory.path)).toEqual(["hang.ts"]);
  });

  testGuest("the real corruption on an affected kernel, a clean and meaningful pass on the fixed one", async () => {
    const words = ["matrix", "--json", "--kernels", `${KERNEL},6.1.176`, "--", "uring-append.ts", "--seconds", "5"];
    const { code, stdout } = await lab(words);
    const { tool, verdict, rows } = JSON.parse(stdout) as { tool: string; verdict: string; rows: Row[] };
    expect({ code, tool, verdict }).toEqual({ code: 1, tool: "lab matrix", verdict: "corrupt" });
    expect(rows.map((row) => [row.kernel.split("-")[0], row.verdict, row.exitCode])).toEqual([
      [KERNEL, "corrupt", 1],
      ["6.1.176", "clean", 0],
    ]);
    // A pass means something only where the racy path was entered.
    for (const { reached } of rows) expect(reached).toBeGreaterThan(0);
    const finding = rows[0]?.report?.findings[0];
    expect([finding?.kind, finding?.pageAligned]).toEqual(["duplicated", true]);
    expect(rows[0]?.firstFindingSeconds).toBeLessThan(20);
  });

  testGuest("modules say of themselves what modinfo(8) says", async () => {
    const modinfo = Bun.which("modinfo", { PATH }) as string;
    // The tests above have fetched and unpacked this kernel.
    const cache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "/root", ".cache");
    const kernels = join(cache, "bytewitness/lab/kernels");
    const name = readdirSync(kernels).find((entry) => entry.includes("_6.1.170-"));
    const files = [...new Bun.Glob(`${name}/**/{xfs,btrfs,tls,virtio_pci,dm-log-writes}.ko`).scanSync(kernels)];
    expect(files.length).toBe(5);
    for (const file of files) {
      const path = join(kernels, file);
      const field = (key: string) => {
        const lines = Bun.spawnSync([modinfo, "-F", key, path]).stdout.toString().split("\n").filter(Boolean);
        return lines.flatMap((line) => (key === "depends" ? line.split(",") : [line])).filter(Boolean);
      };
      const info = parseModinfo(await readModule(path));
      expect([info.name]).toEqual(field("name"));
      expect(info.depends.toSorted()).toEqual(
        field("depends")
          .map((word) => word.replaceAll("-", "_"))
          .toSorted(),
      );
      expect(info.aliases.toSorted()).toEqual(field("alias").toSorted());
    }
  });
});
