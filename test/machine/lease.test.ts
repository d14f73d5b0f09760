/** Leases between real processes: shared, waited for, restored by the last one out, and after SIGKILL by the next start. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import { leases, mendLeases } from "../../src/machine/lease.ts";
import { needed } from "../needed.ts";

const directory = mkdtempSync(`${os.tmpdir()}/lease-`);
const state = `${directory}/state`;
const setting = `${directory}/setting`;
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(state, { recursive: true, force: true });
  mkdirSync(state, { mode: 0o755 });
  writeFileSync(setting, "original");
});

const now = () => readFileSync(setting, "utf8");
const original = JSON.stringify([{ path: setting, value: "original" }]);
const TIMEOUT = 60_000;

class Holder implements AsyncDisposable {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(value: string, mode = "", prefix: string[] = []) {
    const script = `${import.meta.dir}/fixtures/holder.ts`;
    this.#child = Bun.spawn([...prefix, process.execPath, script, setting, value, mode], {
      env: { ...process.env, BYTEWITNESS_STATE_DIR: state, BYTEWITNESS_GUARD: "off" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = linesOf(this.#child.stdout);
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value as string;
  }

  async release(): Promise<string> {
    this.#child.stdin.end();
    const line = await this.line();
    await this.#child.exited;
    return line;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString();
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

test.skipIf(needed("root"))(
  "overlapping runs that want the same share; the first one out restores nothing, the last one the original",
  async () => {
    await using first = new Holder("small");
    expect(await first.line()).toBe(`held ${original} false 0`);
    await using second = new Holder("small");
    expect(await second.line()).toBe(`held ${original} true 0`);
    expect(await first.release()).toBe("released");
    expect(now()).toBe("small");
    expect(leases([state]).map((lease) => [lease.state, lease.wanted])).toEqual([["held", "small"]]);
    expect(mendLeases([state])).toEqual([]);
    expect(await second.release()).toBe("released");
    expect(now()).toBe("original");
    expect(leases([state])).toEqual([]);
  },
  TIMEOUT,
);

test.skipIf(needed("root"))(
  "a run that wants another value is refused, or waits until the setting is free",
  async () => {
    await using first = new Holder("small");
    await first.line();
    await using refused = new Holder("large");
    expect(await refused.line()).toBe(`LeaseBusy: another run holds ${setting} at small; wait for its end`);
    await using waiter = new Holder("large", "wait");
    expect(await waiter.line()).toContain("waiting: another run holds");
    expect(now()).toBe("small");
    await first.release();
    expect(await waiter.line()).toBe(`held ${original} false 0`);
    expect(now()).toBe("large");
    await waiter.release();
    expect(now()).toBe("original");
  },
  TIMEOUT,
);

test.skipIf(needed("root"))(
  "after SIGKILL the lease shows as left; the next holder restores the original and leaves it at its own end",
  async () => {
    await using victim = new Holder("small");
    await victim.line();
    await victim.kill();
    expect(now()).toBe("small");
    expect(leases([state])[0]?.state).toBe("left");
    await using next = new Holder("large");
    expect(await next.line()).toBe(`held ${original} false 1`);
    await next.release();
    expect(now()).toBe("original");
  },
  TIMEOUT,
);

test.skipIf(needed("root"))(
  "one of two holders killed: the other goes on, and restores at its end",
  async () => {
    await using victim = new Holder("small");
    await victim.line();
    await using other = new Holder("small");
    await other.line();
    await victim.kill();
    expect(mendLeases([state])).toEqual([]);
    expect(now()).toBe("small");
    await other.release();
    expect(now()).toBe("original");
  },
  TIMEOUT,
);

test.skipIf(needed("root"))(
  "mending restores what a killed run left, names it, and is done once; another boot's lease is only removed",
  async () => {
    await using victim = new Holder("small");
    await victim.line();
    await victim.kill();
    const [line, ...more] = mendLeases([state]);
    expect(line).toBe(`restored ${setting} after a run that was killed: ${setting} = original`);
    expect(more).toEqual([]);
    expect(now()).toBe("original");
    expect(mendLeases([state])).toEqual([]);
    writeFileSync(setting, "as it is");
    const old = { boot: "another", setting, original, files: JSON.parse(original) };
    writeFileSync(`${state}/${encodeURIComponent(setting)}.lease`, JSON.stringify(old));
    expect(mendLeases([state])).toEqual([]);
    expect(now()).toBe("as it is");
    expect(readdirSync(state).filter((name) => !name.endsWith(".run"))).toEqual(["guard"]);
  },
  TIMEOUT,
);

test.skipIf(needed("root", "setpriv", "a public checkout"))(
  "as nobody: a clear word for the machine's settings, a lease of one's own for delegated ones",
  async () => {
    chmodSync(directory, 0o755);
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    await using refused = new Holder("small", "", nobody);
    expect(await refused.line()).toBe(
      `LeaseRefused: only root can change ${setting}, which all programs of this machine share`,
    );
    expect(existsSync(`${state}/guard`)).toBe(false);
    // Root's directory is not this user's: it is not used, and another place is found.
    chmodSync(setting, 0o666);
    await using own = new Holder("small", "delegated", nobody);
    expect(await own.line()).toBe(`held ${original} false 0`);
    expect(readdirSync(state)).toEqual([]);
    expect(await own.release()).toBe("released");
  },
  TIMEOUT,
);
