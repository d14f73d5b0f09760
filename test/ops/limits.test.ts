/** Control groups that allow few processes: the runtime would abort in the middle of a run, so each run is refused first. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lacking, needed } from "../needed.ts";
import { problemsOf, runIn } from "../scripts/every-script.ts";
import { until } from "../until.ts";

/** Hierarchies in which a group of ours can have a limit without a change to any other. */
const PLACES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"];
const hasPids = (place: string) =>
  place.endsWith("/pids")
    ? existsSync(join(place, "cgroup.procs"))
    : existsSync(join(place, "cgroup.subtree_control")) &&
      readFileSync(join(place, "cgroup.subtree_control"), "utf8").split(/\s+/).includes("pids");
const place = PLACES.find(hasPids);

const skip =
  needed("root") || (place === undefined && lacking("the pids controller", "a kernel and cgroup with it", true));

test.skipIf(skip)(
  "a control group with room for few processes is named, with what to raise",
  async () => {
    const group = join(place as string, `bytewitness-limits-${process.pid}`);
    mkdirSync(group);
    try {
      // The runtime's own threads depend on the number of processors: with them it must come to its first line.
      const count = 'console.log(require("node:fs").readdirSync("/proc/self/task").length)';
      const threads = Number(Bun.spawnSync([process.execPath, "-e", count]).stdout.toString());
      writeFileSync(join(group, "pids.max"), String(threads + 20));
      for (const script of ["splice-relay", "gallery/mptcp-peek-waitall", "uring-append"]) {
        const ended = await runIn(script, { shell: `echo $$ >${group}/cgroup.procs` });
        expect(problemsOf(ended)).toEqual([]);
        expect({ script, code: ended.code }).toEqual({ script, code: 125 });
        expect(JSON.parse(ended.stdout).reason).toMatch(
          /this control group has room for \d+ more .* raise pids\.max in/,
        );
      }
      writeFileSync(join(group, "pids.max"), String(threads + 200));
      const ended = await runIn("gallery/splice-fpos", { shell: `echo $$ >${group}/cgroup.procs` });
      expect({ code: ended.code, stdout: ended.stdout }).not.toEqual({
        code: 125,
        stdout: expect.stringContaining("room"),
      });
    } finally {
      // What has ended stays in its group until the kernel is done with it.
      await until("the group empty and gone", () => {
        try {
          rmdirSync(group);
        } catch {
          return false;
        }
        return true;
      });
    }
  },
  240_000,
);
