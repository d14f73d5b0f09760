/** scripts/setup.sh on made-up machines: what it calls, what it reports, and how it ends. */
import { expect, test } from "bun:test";
import { readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { World } from "./world.ts";

const SILENT = { code: 0, out: "", err: [], calls: [] };
const WITHOUT_LIBURING = "all but the doors that go through io_uring work without it";
const WITHOUT_XFS =
  "without it uring-append.ts writes to a directory under TMPDIR, on the file system that it finds there";

/** A machine that lacks liburing and xfsprogs. */
function lacking(): World {
  return new World().withBun().write("repository/node_modules/.bytewitness-setup", "");
}

/** What a fake manager does to bring both. */
const BRINGS =
  '/bin/mkdir -p "$WORLD/sysroot/usr/sbin" "$WORLD/sysroot/usr/lib64"; : >"$WORLD/sysroot/usr/sbin/mkfs.xfs"; : >"$WORLD/sysroot/usr/lib64/liburing.so.2"';

test("nothing missing: no word, no call", () => {
  using world = new World().complete().fake("apt-get").fake("npm");
  expect(world.setup()).toEqual(SILENT);
});

const SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]].filter(
  ([name]) => Bun.which(name as string) !== null,
);

test.each(SHELLS.map((argv) => [argv]))("it is written for any POSIX shell: %p", (argv) => {
  using world = lacking().fake("apk", BRINGS);
  const shell = [Bun.which(argv[0] as string) as string, ...argv.slice(1), "scripts/setup.sh"];
  const calls = ["apk add --quiet --no-cache liburing xfsprogs"];
  expect(world.run(shell)).toEqual({ ...SILENT, err: ["setup: installing liburing xfsprogs with apk"], calls });
  expect(world.run(shell)).toEqual(SILENT);
});

test.each([
  ["dnf", "dnf -y -q --setopt=install_weak_deps=False install liburing xfsprogs"],
  ["zypper", "zypper --non-interactive --quiet install --no-recommends liburing2 xfsprogs"],
  ["pacman", "pacman -Sy --noconfirm --needed --quiet liburing xfsprogs"],
  ["apk", "apk add --quiet --no-cache liburing xfsprogs"],
])("%s brings both in one call", (manager, call) => {
  using world = lacking().fake(manager, BRINGS);
  const installing = call.replace(/.* (liburing2? xfsprogs)$/, `setup: installing $1 with ${manager}`);
  expect(world.setup()).toEqual({ ...SILENT, err: [installing], calls: [call] });
  expect(world.setup()).toEqual(SILENT);
});

test("pacman keeps the lists that it has", () => {
  using world = lacking().fake("pacman", BRINGS).touch("var/lib/pacman/sync/core.db");
  expect(world.setup().calls).toEqual(["pacman -S --noconfirm --needed --quiet liburing xfsprogs"]);
});

const APT_SHOW = "apt-cache show --no-all-versions liburing2 xfsprogs";
const APT_UPDATE = "apt-get -qq -o APT::Update::Error-Mode=any update";
const APT_INSTALL =
  "apt-get -qq -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=120 install liburing2 xfsprogs";
const APT_SAYS = "setup: installing liburing2 xfsprogs with apt";

test("apt updates its lists only when they do not know a package", () => {
  using knowing = lacking().fake("apt-cache").fake("apt-get", BRINGS);
  expect(knowing.setup()).toEqual({ ...SILENT, err: [APT_SAYS], calls: [APT_SHOW, APT_INSTALL] });
  using bare = lacking().fake("apt-cache", "exit 100").fake("apt-get", BRINGS);
  expect(bare.setup()).toEqual({ ...SILENT, err: [APT_SAYS], calls: [APT_SHOW, APT_UPDATE, APT_INSTALL] });
});

test("apt removes nothing, except in CI, where busybox-static takes the place of busybox", () => {
  using world = lacking().fake("apt-cache").fake("apt-get", "exit 1");
  const installs = (env: Record<string, string>, ...argv: string[]) =>
    world.setup(env, ...argv).calls.filter((call) => / install /.test(call));
  for (const calls of [installs({}), installs({}, "tests")]) {
    expect(calls.filter((call) => !call.includes(" --no-remove "))).toEqual([]);
    expect(calls.length).toBeGreaterThan(0);
  }
  expect(installs({ CI: "true" }).filter((call) => call.includes("--no-remove"))).toEqual([]);
});

test("apt tries once more with new lists, and asks no question", () => {
  const body = `[ "$DEBIAN_FRONTEND" = noninteractive ] || [ "$4" = update ] || exit 9
    case "$*" in *update) : >"$WORLD/updated" ;; *) [ -e "$WORLD/updated" ] || exit 100; ${BRINGS} ;; esac`;
  using world = lacking().fake("apt-cache").fake("apt-get", body);
  const calls = [APT_SHOW, APT_INSTALL, APT_UPDATE, APT_INSTALL];
  expect(world.setup()).toEqual({ ...SILENT, err: [APT_SAYS], calls });
});

test("without a network apt is asked once and not part by part", () => {
  const message = "E: Failed to fetch the file";
  using world = lacking().fake("apt-cache").fake("apt-get", `echo "${message}"; exit 100`);
  const { err, calls } = world.setup();
  expect(calls).toEqual([APT_SHOW, APT_INSTALL, APT_UPDATE]);
  world.fake("apt-cache", "exit 100");
  expect(world.setup().calls).toEqual([APT_SHOW, APT_UPDATE, APT_INSTALL]);
  expect(err[1]).toStartWith(`setup: liburing is missing (apt failed: ${message}): install it with: apt-get install`);
});

test("one unavailable package keeps no other away", () => {
  const body = `case "$*" in *liburing2*) echo "E: Unable to locate package liburing2"; exit 100 ;; *install*) ${BRINGS}
    /bin/rm -f "$WORLD/sysroot/usr/lib64/liburing.so.2" ;; esac`;
  using world = lacking().fake("apt-cache").fake("apt-get", body);
  expect(world.setup()).toMatchObject({
    code: 0,
    err: [
      APT_SAYS,
      `setup: liburing is missing (apt failed: E: Unable to locate package liburing2): install it with: apt-get install liburing2; ${WITHOUT_LIBURING}`,
    ],
  });
  expect(world.has("sysroot/usr/sbin/mkfs.xfs")).toBe(true);
});

test("without root: one line per part, no call of a manager or of sudo", () => {
  using world = lacking().fake("id", "echo 1000").fake("apt-get").fake("sudo");
  expect(world.setup()).toEqual({
    ...SILENT,
    err: [
      `setup: liburing is missing (not root): install it with: apt-get install liburing2; ${WITHOUT_LIBURING}`,
      `setup: mkfs.xfs is missing (not root): install it with: apt-get install xfsprogs; ${WITHOUT_XFS}`,
    ],
  });
});

test("without a package manager: one line per part", () => {
  using world = lacking();
  const why = "(no package manager that setup knows): install it with: the package called";
  expect(world.setup()).toEqual({
    ...SILENT,
    err: [
      `setup: liburing is missing ${why} liburing2 on Debian; ${WITHOUT_LIBURING}`,
      `setup: mkfs.xfs is missing ${why} xfsprogs on Debian; ${WITHOUT_XFS}`,
    ],
  });
});

test.each([
  [{ CI: "true" }, []],
  [{ BYTEWITNESS_TESTS: "1" }, []],
  [{}, ["tests"]],
])("what the tests use comes with %p %p", (env, argv) => {
  using world = new World().complete().fake("apk");
  expect(world.setup().calls).toEqual([]);
  const [call] = world.setup(env as Record<string, string>, ...argv).calls;
  expect(call).toStartWith("apk add --quiet --no-cache gcc musl-dev liburing-dev ");
});

test("every package that a test asks for is one that setup brings", () => {
  const needs = readFileSync(join(import.meta.dir, "../needed.ts"), "utf8");
  const asked = [...needs.matchAll(/(?:apt-get install |program\("[^"]+", ")([a-z0-9 -]+)[`"]/g)]
    .flatMap(([, names]) => (names as string).split(" "))
    // What every Debian has, and what the README asks for.
    .filter((name) => !["dpkg", "mount", "nodejs"].includes(name));
  const table = readFileSync(join(import.meta.dir, "../../scripts/setup.sh"), "utf8");
  const installed = new Set([...table.matchAll(/^\S+ +(?:always|tests) +(\S+)/gm)].map((row) => row[1]));
  expect(asked.filter((name) => !installed.has(name))).toEqual([]);
  expect(asked).toContain("cpio");
  expect(asked.length).toBeGreaterThan(15);
});

/** A machine that lacks only Bun. */
function withoutBun(): World {
  const world = new World().complete();
  world.run(["rm", join(world.bin, "bun")]);
  return world;
}

test("Bun comes from npm, pinned, into the global prefix where that can be written", () => {
  using world = withoutBun().withNpm();
  const ended = world.setup({ PATH: `${world.bin}:${world.prefix}/bin` });
  expect(ended).toEqual({
    ...SILENT,
    err: ["setup: installing Bun 1.4.5 with npm"],
    calls: ["npm config get prefix", "npm install --loglevel=error --global --prefix WORLD/prefix bun@1.4.5"],
  });
});

test("Bun goes to ~/.local where the prefix cannot be written, and a link on PATH makes the same line work", () => {
  using world = withoutBun().withNpm();
  world.run(["rm", "-r", `${world.prefix}/lib`]);
  const line = ["/bin/sh", "-c", "/bin/sh scripts/setup.sh && bun --version"];
  expect(world.run(line)).toEqual({
    ...SILENT,
    out: "1.4.5\n",
    err: ["setup: installing Bun 1.4.5 with npm"],
    calls: ["npm config get prefix", "npm install --loglevel=error --global --prefix WORLD/home/.local bun@1.4.5"],
  });
  expect(world.setup()).toEqual(SILENT);
});

test("an older Bun that comes first on PATH is reported, never replaced; a newer one is fine", () => {
  using older = new World().complete().withNpm().withBun("1.4.4");
  expect(older.setup()).toMatchObject({
    code: 0,
    err: [
      "setup: installing Bun 1.4.5 with npm (found 1.4.4)",
      'setup: Bun 1.4.5 is in WORLD/prefix/bin, which PATH does not name first; run this and repeat: export PATH="WORLD/prefix/bin:$PATH"',
    ],
  });
  expect(older.run(["bun", "--version"]).out).toBe("1.4.4\n");
  expect(older.setup().calls).toEqual(["npm config get prefix"]);
  for (const version of ["1.4.6", "1.10.0", "2.0.0", "1.5.0-canary.1"]) {
    using newer = new World().complete().withBun(version).fake("npm");
    expect(newer.setup()).toEqual(SILENT);
  }
});

test("without npm and Bun, or with an npm that fails: one line, and not 0", () => {
  using world = withoutBun();
  expect(world.setup()).toEqual({
    ...SILENT,
    code: 1,
    err: ["setup: Bun 1.4.5 is missing: install Node.js with npm and repeat, or see https://bun.com"],
  });
  world.fake(
    "npm",
    `[ "$1" = config ] && echo "$WORLD/prefix" && exit; echo "npm error code ETIMEDOUT"; echo "npm error network slow"; echo; exit 1`,
  );
  expect(world.setup()).toMatchObject({
    code: 1,
    err: ["setup: installing Bun 1.4.5 with npm", "setup: npm could not install Bun: code ETIMEDOUT network slow"],
  });
  expect(world.setup().calls.filter((call) => call.startsWith("npm install")).length).toBe(2);
});

test("an npm that leaves the program out is asked again, and then not believed", () => {
  const npm = (when: string) => `case $1 in config) echo "$WORLD/prefix" ;;
    install) /bin/mkdir -p "$5/bin" "$5/lib/node_modules/bun"; ${when}
      printf '#!/bin/sh\\necho 1.4.5\\n' >"$5/bin/bun"; /bin/chmod +x "$5/bin/bun" ;; esac`;
  using second = withoutBun().fake("npm", npm('[ -e "$WORLD/tried" ] || { : >"$WORLD/tried"; exit 0; }'));
  second.fake("node", "exit 1");
  const path = { PATH: `${second.bin}:${second.prefix}/bin` };
  expect(second.setup(path)).toMatchObject({ code: 0, err: ["setup: installing Bun 1.4.5 with npm"] });
  using never = withoutBun().fake("npm", npm("exit 0;")).fake("node", "echo no binary; exit 1");
  const { code, err } = never.setup({ PATH: `${never.bin}:${never.prefix}/bin` });
  expect([code, err[1]]).toEqual([
    1,
    "setup: npm could not install Bun: its program for this machine was not fetched (attempt 2): no binary",
  ]);
});

test("bun install runs when node_modules is missing or older than bun.lock, and then not again", () => {
  using world = new World().complete();
  world.run(["rm", "-r", "node_modules"]);
  world.withBun().fake("bun", "case $1 in --version) echo 1.4.5 ;; install) /bin/mkdir -p node_modules ;; esac");
  const install = { ...SILENT, calls: ["bun install --frozen-lockfile"] };
  expect(world.setup()).toEqual(install);
  expect(world.setup()).toEqual(SILENT);
  const later = new Date(Date.now() + 5000);
  utimesSync(join(world.root, "repository/bun.lock"), later, later);
  expect(world.setup()).toEqual(install);
});

test("a bun install that fails is reported; it stops the line only when there is nothing to run with", () => {
  using world = new World().complete();
  world.run(["rm", "-r", "node_modules"]);
  world.fake("bun", 'case $1 in --version) echo 1.4.5 ;; install) echo "error: no network"; exit 1 ;; esac');
  const err = ["setup: bun install failed: error: no network"];
  expect(world.setup()).toMatchObject({ code: 1, err });
  world.write("repository/node_modules/consola/package.json", "{}");
  expect(world.setup()).toMatchObject({ code: 0, err });
});

test("an argument that it does not know ends 254 before anything happens", () => {
  using world = lacking().fake("apt-get");
  const err = ['setup: unknown argument "all": the only one is "tests"'];
  expect(world.setup({}, "all")).toEqual({ ...SILENT, code: 254, err });
});

test("it works from any directory", () => {
  using world = new World().complete();
  expect(
    world.run([
      "/bin/sh",
      "-c",
      'cd scripts && /bin/sh setup.sh && cd / && /bin/sh "$WORLD/repository/scripts/setup.sh"',
    ]),
  ).toEqual(SILENT);
});
