/** Real guests on a kernel of Debian's: what a script finds there, and what comes back. */

import { describe, expect } from "bun:test";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseModinfo, readModule } from "../../src/lab/kernels/modules.ts";
import type { Row } from "../../src/lab/row.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { needed } from "../needed.ts";
import { childrenOf, isRunning, until } from "../until.ts";
import { KERNEL, LAB, lab, PATH, PROBE, ROOT, testGuest } from "./guests.ts";

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

  testGuest("a report that was asked for comes back from a clean run too, and nothing else", async () => {
    using directory = temporaryDirectory();
    const artifacts = join(directory.path, "artifacts");
    const words = ["run", "--kernel", KERNEL, "--artifacts", artifacts, "--", "two-rings", "--megabytes", "1"];
    const { code, stderr } = await lab([...words, "--json", "--report", "r.html"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("lab: artifacts: ") });
    expect(readdirSync(artifacts).sort()).toEqual(["r.html", "report.json"]);
    expect(readFileSync(join(artifacts, "r.html"), "utf8")).toContain("</html>");
  });

  testGuest("evidence comes back from the test disk, from /tmp and from /dev/shm, all at once", async () => {
    using directory = temporaryDirectory();
    const script = join(directory.path, "leave.ts");
    await Bun.write(
      script,
      `import { mkdirSync, writeFileSync } from "node:fs";
       for (const place of ["/tmp", "/dev/shm"]) {
         const evidence = place + "/bytewitness-x-evidence" + place.replaceAll("/", "-");
         mkdirSync(evidence);
         writeFileSync(evidence + "/kept", place);
         writeFileSync(place + "/not-evidence", place);
       }
       writeFileSync("/mnt/test/kept", "/mnt/test");
       process.exit(7);`,
    );
    const artifacts = join(directory.path, "artifacts");
    const { stderr } = await lab(["run", "--kernel", KERNEL, "--artifacts", artifacts, "--", script]);
    const files = readdirSync(artifacts, { recursive: true, encoding: "utf8" }).filter((path) =>
      /kept|evid/.test(path),
    );
    expect({ files: files.sort(), stderr }).toEqual({
      files: [
        ...["bytewitness-x-evidence-dev-shm", "bytewitness-x-evidence-dev-shm/kept"],
        ...["bytewitness-x-evidence-tmp", "bytewitness-x-evidence-tmp/kept", "kept"],
      ],
      stderr: expect.any(String),
    });
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

  testGuest(
    "a kernel that panics before the script is booted twice where it is emulated, and has no verdict",
    async () => {
      const words = ["run", "--kernel", KERNEL, "--accel", "tcg", "--append", "rdinit=/no root=/no", "--", PROBE];
      const { code, stderr } = await lab(words);
      expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("so it is booted once more\n") });
      expect(stderr).toContain("lab: no verdict: the guest died while booting: ");
    },
  );

  testGuest("of two runs in memory groups the first to leave keeps the other's limits", async () => {
    const script = join(ROOT, "test/lab/fixtures/two-groups.ts");
    const { stdout, stderr } = await lab(["run", "--kernel", KERNEL, "--fs", "tmpfs", "--", script]);
    // Off; on for both; still on, and the second still has its limit; off again, and nothing is left.
    const story = [false, true, true, true, true, true, false, []];
    expect({ story: stdout && JSON.parse(stdout), stderr }).toEqual({ story, stderr: expect.any(String) });
  });

  testGuest(
    "a build tree without virtio_console: its own modules, a serial line, and what it lacks by name",
    async () => {
      using directory = temporaryDirectory();
      const cached = join(
        process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "/root", ".cache"),
        "bytewitness/lab/kernels",
      );
      const name = readdirSync(cached).find((entry) => entry.includes("_6.1.170-"));
      const from = join(cached, name ?? "absent");
      const [release = ""] = readdirSync(join(from, "lib/modules"));
      const tree = join(directory.path, "tree");
      // A tree as `make bzImage modules` leaves it, without virtio_console.
      for (const place of ["arch/x86/boot", "include/config"]) mkdirSync(join(tree, place), { recursive: true });
      copyFileSync(join(from, "boot", `vmlinuz-${release}`), join(tree, "arch/x86/boot/bzImage"));
      cpSync(join(from, "lib/modules", release, "kernel"), tree, { recursive: true });
      rmSync(join(tree, "drivers/char/virtio_console.ko"));
      writeFileSync(join(tree, "include/config/kernel.release"), `${release}\n`);
      const config = readFileSync(join(from, "boot", `config-${release}`), "utf8");
      writeFileSync(join(tree, ".config"), config);
      const { code, stdout, stderr } = await lab(["run", "--kernel", tree, "--", "splice-fpos.ts", "--json"]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.any(String) });
      const report = JSON.parse(stdout) as { verdict: string; artifacts: string[]; replay: string };
      expect(report.verdict).toBe("corrupt");
      // The paths of the report are of this machine.
      expect(report.artifacts.map((path) => existsSync(path))).toEqual([true, true]);
      expect(report.replay).toStartWith(`bun run lab.ts run --kernel ${tree} -- splice-fpos.ts `);

      writeFileSync(join(tree, ".config"), config.replace("CONFIG_DEVTMPFS=y", "").replace("CONFIG_XFS_FS=m", ""));
      const lacking = await lab(["run", "--kernel", tree, "--", "splice-fpos.ts"]);
      expect(lacking.code).toBe(125);
      expect(lacking.stderr).toContain("lacks CONFIG_DEVTMPFS (");
      expect(lacking.stderr).toContain("CONFIG_XFS_FS (--fs xfs); bun run lab.ts kconfig");
    },
  );

  for (const type of (["exfat", "vfat", "udf", "btrfs"] as const).filter((type) => !needed(`mkfs.${type}`)))
    testGuest(`--fs ${type}, mount options, a swap disk and others`, async () => {
      using directory = temporaryDirectory();
      const script = join(directory.path, "look.ts");
      await Bun.write(
        script,
        `import { existsSync, readFileSync, writeFileSync } from "node:fs";
       const test = readFileSync("/proc/mounts", "utf8").split("\\n").find((line) => line.includes(" /mnt/test "));
       writeFileSync("/mnt/test/file", "written");
       const [, , fs, options] = test.split(" ");
       console.log(JSON.stringify({
         fs, noatime: options.split(",").includes("noatime"), file: readFileSync("/mnt/test/file", "utf8"),
         swaps: readFileSync("/proc/swaps", "utf8").trim().split("\\n").length - 1,
         disks: process.env.BYTEWITNESS_DISKS.split(" ").filter((path) => existsSync(path)).length,
         loop: existsSync("/dev/loop-control"), modprobe: Bun.spawnSync(["modprobe", "zram"]).exitCode,
       }));`,
      );
      const words = ["--fs", type, "--mount-options", "noatime", "--swap", "64MiB", "--disks", "1MiB,2MiB"];
      const { stdout, stderr } = await lab(["run", "--kernel", KERNEL, ...words, "--", script]);
      expect({ done: stdout && JSON.parse(stdout), stderr }).toEqual({
        done: { fs: type, noatime: true, file: "written", swaps: 1, disks: 2, loop: true, modprobe: 0 },
        stderr: expect.any(String),
      });
    });

  testGuest("overlay, on XFS, is a file system too", async () => {
    // Not splice-fpos.ts: on this kernel's overlay a splice that waits holds the lock that the other write needs.
    const damaged = ["uring-append.ts", "--seconds", "3", "--door", "write", "--pressure", "none", "--inject", "lost"];
    const { code, stderr } = await lab(["run", "--kernel", KERNEL, "--fs", "overlay", "--", ...damaged]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("overlay on /mnt/test") });
  });

  testGuest("a mount option that this kernel does not know is a reason, not a verdict", async () => {
    const words = ["run", "--kernel", KERNEL, "--mount-options", "bogus", "--", "splice-fpos.ts"];
    const { code, stderr } = await lab(words);
    expect(code).toBe(125);
    expect(stderr).toContain('no verdict: cannot mount xfs with "bogus" on this kernel');
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

  testGuest("modules have about themselves what modinfo(8) reports", async () => {
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
