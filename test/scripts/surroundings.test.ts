/** Machines that lack what every program expects: every script ends with one clear line, the contract's code, and leaves nothing. */
import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { needed } from "../needed.ts";
import { WITHOUT_RINGS } from "../no-ring.ts";
import { IN_PRIVATE } from "../private.ts";
import { command } from "./command.ts";
import { type Ending, each, problemsOf, runIn, SCRIPTS, type Surrounding } from "./every-script.ts";

interface Surroundings extends Surrounding {
  readonly name: string;
  readonly root?: true;
  /** Another user must be able to read the checkout. */
  readonly public?: true;
  /** Every script is run by a user who has no other process: limits of a user count those of all runs. */
  readonly user?: "its own";
  readonly lost?: "stdout" | "stderr";
  /** Where the user has more threads already than the limit allows, Bun itself aborts before anything of ours is loaded. */
  readonly runtimeAborts?: true;
  /** Codes that are right here, where not every one of the contract is. */
  readonly codes?: Readonly<Record<string, readonly number[]>>;
}

const NOBODY_ID = 65534;
const asUser = (id: number) => ["setpriv", `--reuid=${id}`, `--regid=${NOBODY_ID}`, "--clear-groups"];
const NOBODY = asUser(NOBODY_ID);
/** A number that hardly anyone has; small, because a user namespace of a container maps few. */
let strangers = process.pid * 100;
const stranger = () => 10_000 + (strangers++ % 50_000);
const WITHOUT_CAPABILITIES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
/** Always tried; of the others a third in each of the surroundings, or, with SURROUNDINGS=all, all of them in all. */
const CORE: readonly string[] = [
  ...["uring-append", "splice-relay", "verify", "fill", "doctor", "survey"],
  ...["gallery/append-tear", "gallery/nowait-append", "gallery/splice-fpos", "gallery/two-rings"],
];
const OTHERS = SCRIPTS.filter((name) => !CORE.includes(name));
const THIRDS = process.env.SURROUNDINGS === "all" ? 1 : 3;

const PLACES = ["uring-append", "gallery/append-tear", "gallery/nowait-append", "gallery/splice-fpos"];
const everywhere = (codes: readonly number[]) => Object.fromEntries(PLACES.map((name) => [name, codes]));
/** A name of 255 bytes, with ESC, a newline, a space and bytes that are not UTF-8. */
const ODD = `odd=$(printf '\\033[31m\\n it\\047s \\377\\376'); while [ \${#odd} -lt 200 ]; do odd=$odd-long; done`;

const SURROUNDINGS: readonly Surroundings[] = [
  { name: "nothing is missing" },
  { name: "no /sys", shell: "mount -t tmpfs none /sys", root: true },
  // Bun learns from /proc/self/maps where its stack is, and aborts without it.
  { name: "no /proc", shell: "mount -t tmpfs none /proc", root: true, runtimeAborts: true },
  { name: "a /proc with processes only", shell: "mount -t proc -o subset=pid none /proc", root: true },
  { name: "no /proc/sys", shell: "mount -t tmpfs none /proc/sys", root: true },
  {
    name: "a read-only root",
    // In a plain chroot / is not a mount point: one is made below here.
    shell: `mountpoint -q / && mount -o remount,bind,ro / ||
      { mkdir ro && mount --rbind / ro && mount -o remount,bind,ro ro && set -- chroot "$DIR/ro" "$@"; }`,
    root: true,
  },
  {
    name: "a full TMPDIR",
    // (dd ends with ENOSPC.)
    shell: `mount -t tmpfs -o size=64k none "$TMPDIR"; dd if=/dev/zero of="$TMPDIR/full" bs=4k 2>/dev/null`,
    root: true,
    codes: everywhere([125, 254]),
  },
  { name: "a TMPDIR that is not there", shell: `export TMPDIR="$DIR/not/there"` },
  { name: "a TMPDIR that takes no file", env: { TMPDIR: "/proc" }, codes: everywhere([125, 254]) },
  { name: "a TMPDIR that is a file", env: { TMPDIR: "/etc/passwd" }, codes: everywhere([125, 254]) },
  { name: "a TMPDIR with an odd name", shell: `${ODD}; mkdir "$TMPDIR/$odd"; export TMPDIR="$TMPDIR/$odd"` },
  { name: "a working directory with an odd name", shell: `${ODD}; mkdir "$odd"; cd "$odd"` },
  { name: "a working directory that is gone", shell: "mkdir gone; cd gone; rmdir ../gone" },
  { name: "no HOME", shell: "unset HOME" },
  { name: "a HOME that is not there", shell: `export HOME="$DIR/no/home"` },
  { name: "an empty environment", wrap: ["env", "-i"], shell: "cd /" },
  { name: "TERM=dumb and 20 columns", env: { TERM: "dumb", COLUMNS: "20" } },
  { name: "10 descriptors", shell: "ulimit -n 10" },
  {
    name: "20 processes",
    wrap: ["prlimit", "--nproc=20"],
    user: "its own",
    root: true,
    public: true,
    runtimeAborts: true,
  },
  { name: "1 GiB of address space", shell: "ulimit -v 1048576" },
  { name: "files of 4 KiB at most", shell: "ulimit -f 8" },
  {
    name: "io_uring refused",
    wrap: WITHOUT_RINGS,
    codes: { "gallery/append-tear": [125], "gallery/two-rings": [125] },
  },
  { name: "nobody", wrap: NOBODY, root: true, public: true },
  { name: "root without capabilities", wrap: WITHOUT_CAPABILITIES, root: true },
  { name: "no PATH", shell: "export PATH=/nonexistent" },
  { name: "stdin closed", shell: "exec <&-" },
  { name: "stdout closed", shell: "exec >&-", lost: "stdout" },
  { name: "stdout full", shell: "exec >/dev/full", lost: "stdout" },
  { name: "stderr closed", shell: "exec 2>&-", lost: "stderr" },
];

for (const [
  row,
  { name, root, wrap = [], codes = {}, lost, public: open, user, runtimeAborts, ...how },
] of SURROUNDINGS.entries()) {
  const scripts = [...CORE, ...OTHERS.filter((_, index) => index % THIRDS === row % THIRDS)];
  const lacks = (root === true && needed("root", "setpriv")) || (open === true && needed("a public checkout"));
  test.skipIf(lacks)(
    name,
    async () => {
      const wrong: string[] = [];
      await each(scripts, availableParallelism(), async (script) => {
        const own = user === undefined ? [] : asUser(stranger());
        const ended = await runIn(script, {
          ...how,
          wrap: [...(root && wrap.length === 0 ? IN_PRIVATE : []), ...own, ...wrap],
        });
        if (runtimeAborts && ended.signal === "SIGABRT") return;
        wrong.push(...problemsOf(ended, lost), ...wrongCode(ended, codes));
      });
      expect(wrong.sort()).toEqual([]);
    },
    600_000,
  );
}

function wrongCode({ script, code, stderr }: Ending, codes: Readonly<Record<string, readonly number[]>>): string[] {
  const wanted = codes[script];
  return wanted === undefined || wanted.includes(code as number)
    ? []
    : [`${script}: ${code}, not ${wanted}: ${stderr}`];
}

test("a name with ESC in it reaches no terminal raw", async () => {
  const name = "/nonexistent/\u001b[31mred";
  for (const words of [[name], ["/dev/null", "--pattern", `reference:${name}`], ["/dev/null", `--${name}`]]) {
    const ended = await command("verify", words);
    expect(ended.code).toBe(254);
    expect(ended.stderr).not.toContain("\u001b");
  }
});
