/**
 * A made-up machine for the tests of setup.sh and .ci/run: a directory with a PATH of its own, where package managers,
 * npm, bun and id are fakes that write down how they were called, and a tree in the place of /usr and /var.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
/** What setup.sh and .ci/run use of the system, next to the shell itself. */
const REAL_TOOLS = [
  "bash",
  "awk",
  "sed",
  "find",
  "cat",
  "uname",
  "ln",
  "mktemp",
  "tee",
  "tail",
  "grep",
  "sort",
  "rm",
  "dirname",
  "head",
  "tr",
  "timeout",
  "env",
  "setpriv",
  "touch",
  "mkdir",
  "basename",
];

export interface Ended {
  readonly code: number;
  readonly out: string;
  /** Lines of stderr. */
  readonly err: readonly string[];
  /** Calls of the fakes, in order, each "name arguments". */
  readonly calls: readonly string[];
}

export class World implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "world-"));
  readonly bin = this.#directory("bin");
  readonly home = this.#directory("home");
  readonly prefix = this.#directory("prefix");
  readonly #calls = join(this.root, "calls");

  constructor() {
    for (const tool of REAL_TOOLS) symlinkSync(Bun.which(tool) as string, join(this.bin, tool));
    symlinkSync(Bun.which("sh") as string, join(this.bin, "sh"));
    this.#directory("repository");
    for (const path of ["scripts/setup.sh", ".ci/run", "bun.lock"]) {
      cpSync(join(REPOSITORY, path), join(this.root, "repository", path));
    }
    this.fake("id", "echo 0");
    for (const directory of ["lib", "bin"]) mkdirSync(join(this.prefix, directory));
  }

  #directory(name: string): string {
    const path = join(this.root, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Puts an empty file under the tree in the place of /. */
  touch(path: string): this {
    return this.write(join("sysroot", path), "");
  }

  write(path: string, text: string): this {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
    return this;
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** A command on the PATH: notes its call, then runs `body`. */
  fake(name: string, body = ":"): this {
    const note = name === "id" ? "" : `printf '%s\\n' "${name} $*" >>"$WORLD/calls"\n`;
    return this.#script(join(this.bin, name), note + body);
  }

  #script(path: string, text: string): this {
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return this;
  }

  /** Bun in this version, with which `bun install` works. */
  withBun(version = "1.4.5"): this {
    return this.fake("bun", `case $1 in --version) echo ${version} ;; esac`);
  }

  /** npm, whose global prefix is `prefix` and which installs a Bun that works. */
  withNpm(): this {
    const bun = "#!/bin/sh\\ncase $1 in --version) echo 1.4.5 ;; esac\\n";
    return this.fake(
      "npm",
      `case $1 in config) echo "$WORLD/prefix" ;;
      install) mkdir=$(command -v mkdir || echo /bin/mkdir); "$mkdir" -p "$5/bin"
        printf '${bun}' >"$5/bin/bun"; /bin/chmod +x "$5/bin/bun" ;; esac`,
    );
  }

  /** All that a run needs: nothing is missing afterwards. */
  complete(): this {
    this.withBun().touch("usr/lib/x86_64-linux-gnu/liburing.so.2").touch("usr/sbin/mkfs.xfs");
    return this.write("repository/node_modules/.bytewitness-setup", "");
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  #env(): Record<string, string> {
    const sysroot = join(this.root, "sysroot");
    return { PATH: this.bin, HOME: this.home, WORLD: this.root, BYTEWITNESS_SYSROOT: sysroot };
  }

  /** The same as `run`, for a command that is to be signalled. */
  spawn(argv: readonly string[]): Bun.Subprocess {
    const cwd = join(this.root, "repository");
    return Bun.spawn([...argv], { cwd, env: this.#env(), stdio: ["ignore", "ignore", "ignore"] });
  }

  run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Ended {
    rmSync(this.#calls, { force: true });
    const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], {
      cwd: join(this.root, "repository"),
      env: { ...this.#env(), ...env },
      stdin: "ignore",
    });
    const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
    const calls = existsSync(this.#calls) ? linesOf(readFileSync(this.#calls, "utf8")) : [];
    return {
      code: exitCode,
      out: stdout.toString(),
      err: linesOf(stderr.toString().replaceAll(this.root, "WORLD")),
      calls: calls.map((line) => line.replaceAll(this.root, "WORLD")).filter((line) => line !== "bun --version"),
    };
  }

  setup(env: Readonly<Record<string, string>> = {}, ...argv: string[]): Ended {
    return this.run(["/bin/sh", "scripts/setup.sh", ...argv], env);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
