/** A child of a benchmark does not outlive it. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withUs } from "../../src/bench/with-us.ts";
import { lacking } from "../needed.ts";
import { until } from "../until.ts";

const without = withUs(["sleep"]).length === 1;

test.skipIf(without && lacking("setpriv", "apt-get install util-linux"))(
  "after SIGKILL the child goes too",
  async () => {
    const module = join(import.meta.dir, "../../src/bench/with-us.ts");
    const script = `
      const { withUs } = await import(${JSON.stringify(module)});
      const child = Bun.spawn(withUs(["sleep", "1000"]), { stdio: ["ignore", "ignore", "ignore"] });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const bench = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const { value } = await bench.stdout.getReader().read();
    const file = `/proc/${Number(new TextDecoder().decode(value))}/cmdline`;
    const word = () => (existsSync(file) ? readFileSync(file, "utf8").split("\0")[0] : "");
    // Before that, setpriv has not asked for the signal yet.
    await until("the child to run", () => word() === "sleep");
    bench.kill("SIGKILL");
    await bench.exited;
    // A process that no one waits for keeps its entry, without a command line.
    await until("the child to end", () => word() === "");
    expect(word()).toBe("");
  },
  60_000,
);
