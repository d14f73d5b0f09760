/** verify.ts on text: numbered lines, and logs compared with a reference; one line's damage is one finding. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, ROOT, reportOf } from "./command.ts";

const SLOW_MS = 60_000;
const directory = mkdtempSync(join(tmpdir(), "bytewitness-text-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Facts = readonly [string, number, number, (number | undefined)?, number?];

async function judged(text: string, extra: readonly string[]): Promise<readonly Facts[]> {
  const path = join(directory, "text");
  writeFileSync(path, text);
  const ran = await command("verify", [path, "--json", "--quiet", ...extra], { timeoutMs: SLOW_MS });
  const { findings, verdict } = reportOf(ran);
  expect([ran.code, verdict]).toEqual(findings.length === 0 ? [0, "clean"] : [1, "corrupt"]);
  return findings.map(({ kind, offsetBytes, lengthBytes, originBytes, alsoAtBytes }) => [
    ...([kind, offsetBytes, lengthBytes, originBytes] as const),
    ...(alsoAtBytes === undefined ? [] : [alsoAtBytes]),
  ]) as unknown as Facts[];
}

const LINE = 64;
const END = ["--expect-bytes", String(1000 * LINE), "--pattern", "lines"];

test(
  "lines that fill.ts wrote: lost, repeated, in another order, torn, replaced",
  async () => {
    const path = join(directory, "lines");
    const filled = await command("fill", [path, "--bytes", String(1000 * LINE), "--pattern", "lines", "--quiet"]);
    expect(filled.code).toBe(0);
    const good = readFileSync(path, "utf8").split(/(?<=\n)/);
    expect(good[899]).toBe("000000000000899 is the number of this line, which has 64 bytes.\n");
    const edited = (edit: (lines: string[]) => unknown) => {
      const lines = good.slice();
      edit(lines);
      return judged(lines.join(""), END);
    };
    expect(await edited(() => {})).toEqual([]);
    expect(await edited((lines) => lines.splice(500, 1))).toEqual([["lost", 32000, LINE, 32000]]);
    expect(await edited((lines) => lines.splice(500, 0, lines[499] as string))).toEqual([
      ["duplicated", 32000, LINE, 31936],
    ]);
    expect(await edited((lines) => lines.splice(500, 2, lines[501] as string, lines[500] as string))).toEqual([
      ["misplaced", 32000, LINE, 32064, 32128],
    ]);
    expect(await edited((lines) => lines.splice(500, 1, lines[777] as string))).toEqual([
      ["misplaced", 32000, LINE, 777 * LINE],
    ]);
    // Torn: another line between its halves.
    const line = good[500] as string;
    expect(
      await edited((lines) => lines.splice(500, 1, line.slice(0, 30), lines[20] as string, line.slice(30))),
    ).toEqual([["torn", 32030, LINE, 1280]]);
    // Torn by a line that is missing where it belongs, and by a part of one.
    expect(
      await edited((lines) => {
        const [moved] = lines.splice(700, 1);
        lines.splice(500, 1, line.slice(0, 30), moved as string, line.slice(30));
      }),
    ).toEqual([["torn", 32030, LINE, 700 * LINE, 701 * LINE]]);
    expect(await edited((lines) => lines.splice(500, 1, `${"x".repeat(LINE - 1)}\n`))).toEqual([
      ["filled", 32000, LINE - 1, undefined],
    ]);
    // A digit with one wrong bit is not another line.
    expect(await edited((lines) => lines.splice(500, 1, line.replace("500", "501")))).toEqual([
      ["bit-flipped", 32014, 1, undefined],
    ]);
  },
  SLOW_MS,
);

test(
  "numbered lines of others are learned from the file, or described",
  async () => {
    const text = Array.from({ length: 2000 }, (_, index) => `job 7: message ${index + 95} sent\n`);
    const length = text.join("").length;
    const expectBytes = ["--expect-bytes", String(length)];
    expect(await judged(text.join(""), ["--pattern", "lines", ...expectBytes])).toEqual([]);
    const lost = text.slice();
    lost.splice(1000, 2);
    const at = text.slice(0, 1000).join("").length;
    const two = text.slice(1000, 1002).join("").length;
    // The line behind begins as the lost one does, so the cut may be at the next multiple of 8.
    const cut = Math.ceil(at / 8) * 8;
    for (const pattern of ["lines", "lines:prefix=job 7: message ,suffix= sent,start=95"])
      expect(await judged(lost.join(""), ["--pattern", pattern, ...expectBytes])).toEqual([["lost", cut, two, cut]]);
    // Where the numbers begin is the file's own word, and the report has it.
    const { reason } = reportOf(
      await command("verify", [join(directory, "text"), "--pattern", "lines", "--json", "--quiet"]),
    );
    expect(reason).toContain(
      "it was learned from the file that its lines are numbered from 95 (lines:start=N checks it)",
    );
    const long = join(directory, "long");
    writeFileSync(long, ["1", "2", "3"].map((number) => `${"x".repeat(300)}${number}\n`).join(""));
    const tooLong = await command("verify", [long, "--pattern", "lines"]);
    expect([tooLong.code, tooLong.stderr]).toEqual([
      254,
      `verify: ${long}: a line has at most 256 bytes besides its number, and one newline\n`,
    ]);
    const refused = await command("verify", [import.meta.path, "--pattern", "lines"]);
    expect([refused.code, refused.stderr.split("\n").length]).toEqual([254, 2]);
    for (const bad of ["lines:start=x", "lines:colour=red", "lines:digits=0", "lines:start=1,start=2"]) {
      const ran = await command("verify", [join(directory, "text"), "--pattern", bad]);
      expect([bad, ran.code, ran.stderr.split("\n").length]).toEqual([bad, 254, 2]);
    }
  },
  SLOW_MS,
);

test(
  "numbered lines that come through a pipe, some of them late, are learned from its beginning",
  async () => {
    const verify = `"${process.execPath}" scripts/verify.ts - --pattern lines --json --quiet`;
    const piped = async (line: string) => {
      const child = Bun.spawn(["bash", "-c", line], { cwd: ROOT, stdout: "pipe", stderr: "inherit" });
      const { verdict, findings, totals } = JSON.parse(await new Response(child.stdout).text());
      return [verdict, totals.bytesVerified, findings.map(({ kind }: { kind: string }) => kind)];
    };
    expect(await piped(`(echo 7; seq 8 5000) | ${verify}`)).toEqual(["clean", 23_881, []]);
    expect(await piped(`seq 7 5000 | sed 2000d | ${verify}`)).toEqual(["corrupt", 23_876, ["lost"]]);
    expect(await piped(`seq 7 5000 | ${verify} --offset 1000`)).toEqual(["clean", 22_881, []]);
    const fill = `"${process.execPath}" scripts/fill.ts - --bytes 640000 --pattern lines --quiet 2>/dev/null`;
    expect(await piped(`${fill} | ${verify}`)).toEqual(["clean", 640_000, []]);
  },
  SLOW_MS,
);

test(
  "a log compared with its reference: one lost line is one finding; lines from elsewhere are named",
  async () => {
    const lines = Array.from({ length: 8000 }, (_, index) => {
      const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
      return `2026-11-25T${String(index % 24).padStart(2, "0")}:00 host app[${mixed % 977}]: request ${mixed} done\n`;
    });
    const original = join(directory, "original");
    writeFileSync(original, lines.join(""));
    const compared = (edited: readonly string[]) => judged(edited.join(""), ["--pattern", `reference:${original}`]);
    const offsetOf = (index: number) => lines.slice(0, index).join("").length;
    expect(await compared(lines)).toEqual([]);
    const [lost, twice, moved] = [lines.slice(), lines.slice(), lines.slice()];
    lost.splice(4000, 1);
    // Neighbouring lines begin alike: the cut may be anywhere in what they share.
    const [[kind, at, length] = ["", 0, 0], ...more] = await compared(lost);
    expect([kind, length, more]).toEqual(["lost", (lines[4000] as string).length, []]);
    expect(Math.abs(at - offsetOf(4000))).toBeLessThan(32);
    twice.splice(7000, 0, ...lines.slice(100, 110));
    expect((await compared(twice)).map(([one]) => one)).toEqual(["duplicated"]);
    moved.splice(1000, 0, ...moved.splice(6000, 50));
    expect((await compared(moved)).map(([one]) => one)).toEqual(["misplaced"]);
    // A block of the reference in place of another one.
    const bytes = Buffer.from(lines.join(""));
    bytes.copy(bytes, 8192, 300_000, 304_096);
    expect(await compared([bytes.toString()])).toEqual([["misplaced", 8192, 4096, 300_000]]);
  },
  SLOW_MS,
);
