/** new.ts as a process: what it writes runs at once, ends 0, is typed and formatted; nothing is ever overwritten. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { needed } from "../needed.ts";

const ROOT = `${import.meta.dir}/../..`;
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(`${os.tmpdir()}/new-`);
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(...words: string[]) {
  const env = { ...process.env, TMPDIR: directory };
  const child = Bun.spawnSync([process.execPath, ...words], { cwd: ROOT, timeout: 60_000, env });
  return { out: child.stdout.toString(), err: child.stderr.toString(), code: child.exitCode };
}

test("a new script outside the package finds the package, runs at once, verifies something and ends 0", () => {
  const path = `${directory}/fsync-gap.ts`;
  expect(run("run", "new.ts", path).code).toBe(0);
  const { out, code } = run(path, directory, "--seconds", "3", "--json", "--seed", "5");
  const report = JSON.parse(out);
  expect({ code, tool: report.tool, verdict: report.verdict }).toEqual({
    code: 0,
    tool: "fsync-gap",
    verdict: "clean",
  });
  expect(report.totals.bytesVerified).toBeGreaterThan(0);
  expect(report.totals.bytesVerified).toBe(report.totals.bytesWritten);
  expect(readFileSync(path, "utf8")).not.toMatch(/[{]{2}|[}]{2}"/);
  expect(run(path, "--help").out).toContain("fsync-gap");
});

test.skipIf(needed("a writable checkout"))(
  "a new script inside the package passes the linter and the compiler as it is",
  () => {
    const path = `${ROOT}/test/new-${process.pid}.ts`;
    try {
      const { out, code } = run("run", "new.ts", `./test/new-${process.pid}`);
      expect({ code, out }).toEqual({
        code: 0,
        out: `wrote test/new-${process.pid}.ts; try it: bun test/new-${process.pid}.ts\n`,
      });
      expect(run("node_modules/.bin/biome", "check", path).code).toBe(0);
      expect(run("node_modules/.bin/tsc", "-p", ".").out).not.toContain(`new-${process.pid}`);
      expect(run(path, directory, "--seconds", "3", "--quiet").code).toBe(0);
    } finally {
      rmSync(path);
    }
  },
);

test("an existing file, a bad name and a missing name are bad arguments, and nothing is touched", () => {
  const path = `${directory}/there.ts`;
  writeFileSync(path, "mine");
  const existing = run("run", "new.ts", path);
  expect(existing.code).toBe(254);
  expect(existing.err).toContain(`new: ${path} exists and is not overwritten (EEXIST)`);
  expect(readFileSync(path, "utf8")).toBe("mine");
  for (const name of ["Bad Name", "x/../Y", "", "--bogus"]) expect(run("run", "new.ts", name).code).toBe(254);
  expect(run("run", "new.ts").code).toBe(254);
  expect(existsSync(`${ROOT}/scripts/Bad Name.ts`)).toBe(false);
});

/** Questions of one's own, in the place of the template's: about 30 lines each, with verbs that the template lacks. */
const OWN = {
  "copied-range": {
    door: "allocate, copyFileRange, counter, judgeBytes, judgeFile, mapFile, mremap, runReproducer, scratchFile, write",
    body: `
    const { tally } = run;
    const pattern = counter({ generation: run.random("generation").below(9) });
    const source = scratchFile(run, { directory: run.args.dir, name: "source" });
    const copy = scratchFile(run, { directory: run.args.dir, name: "copy" });
    using buffer = allocate(BYTES);
    pattern.fill(buffer.bytes, 0);
    tally.wrote("write", BYTES, write(source.fd, buffer));

    const options = { lengthBytes: BYTES, fromOffsetBytes: 0, toOffsetBytes: 0 };
    tally.wrote("copy_file_range", BYTES, copyFileRange(source.fd, copy.fd, options));
    using moved = mremap(mapFile(copy.fd, { lengthBytes: BYTES / 2 }), { lengthBytes: BYTES });

    tally.judged(judgeFile(copy.path, { pattern, expectBytes: BYTES }), { file: copy });
    tally.judged(judgeBytes(moved.bytes, { pattern, expectBytes: BYTES }), { file: copy });
    tally.tried();`,
    totals: { bytesWritten: 524_288, bytesVerified: 524_288, files: 2, calls: 2 },
  },
  "sent-memory": {
    door: "allocate, BufferRing, connectedPair, counter, Judge, openMemfd, Ring, runReproducer, sendFile, sqe, writeAll",
    body: `
    const { tally } = run;
    const pattern = counter({ generation: run.random("generation").below(9) });
    using buffer = allocate(BYTES);
    pattern.fill(buffer.bytes, 0);
    using memfd = openMemfd("sent");
    writeAll(memfd, buffer);
    using pair = connectedPair({ family: "ipv4", host: "127.0.0.1", port: 0 });
    using ring = new Ring();
    using buffers = BufferRing.register(ring, { group: 1, count: 4, bufferBytes: 65_536 });
    const judge = new Judge({ pattern, expectBytes: BYTES });
    for (let sent = 0, got = 0; got < BYTES; ) {
      if (sent === got) sent += sendFile(memfd, pair.client, { lengthBytes: 32_768, fromOffsetBytes: sent });
      ring.queue(sqe.recvSelect(pair.server, buffers));
      ring.submitAndWait(1);
      for (const completion of ring.completions()) {
        const taken = buffers.take(completion);
        if (taken === undefined) throw new Error("no buffer");
        judge.push(taken.bytes);
        got += tally.wrote("recv", 65_536, taken.bytes.length).result;
        buffers.provide(taken.bufferId);
      }
    }
    tally.judged(judge.finish());`,
    totals: { bytesWritten: 262_144, bytesVerified: 262_144 },
  },
} as const;

function script(name: keyof typeof OWN, head: string, door: string): string {
  return `${head}
import { ${OWN[name].door} } from "${door}";

const BYTES = 256 * 1024;

await runReproducer({
  name: "${name}",
  summary: "is what comes back what was written?",
  positionals: { dir: { kind: "path", optional: true, description: "where files go" } },
  racyPath: "a sequence of calls, no race",
  run: (run) => {${OWN[name].body}
  },
});
`;
}

const names = Object.keys(OWN) as (keyof typeof OWN)[];
test.each(names)(
  "%s: 30 lines of one's own in an empty folder run, and their replay line works as printed",
  (name) => {
    const path = `${directory}/${name}.ts`;
    expect(run("run", "new.ts", path).code).toBe(0);
    const template = readFileSync(path, "utf8");
    const door = /from "([^"]+)";/.exec(template)?.[1] ?? "";
    const text = script(name, template.slice(0, template.indexOf("import")).trimEnd(), door);
    expect(text.slice(text.indexOf("import")).trimEnd().split("\n").length).toBeLessThanOrEqual(40);
    writeFileSync(path, text);
    const env = { ...process.env, TMPDIR: directory };
    const there = (...words: string[]) => Bun.spawnSync(words, { cwd: directory, env, timeout: 60_000 });
    const first = there(process.execPath, `${name}.ts`, "--json");
    const report = JSON.parse(first.stdout.toString());
    expect([first.exitCode, report.verdict]).toEqual([0, "clean"]);
    expect(report.totals).toMatchObject(OWN[name].totals);
    // As a person pastes it, where the first run was.
    const again = there("sh", "-c", `PATH="$(dirname "${process.execPath}"):$PATH"; ${report.replay} --json`);
    const repeated = JSON.parse(again.stdout.toString());
    expect([again.exitCode, repeated.seed, repeated.replay]).toEqual([0, report.seed, report.replay]);
  },
  60_000,
);
