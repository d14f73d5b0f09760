/** The report for a mailing list: its width, its order, and what must survive being copied. */
import { expect, test } from "bun:test";
import { MAIL_COLUMNS, renderMail, wrap } from "../../src/report/mail.ts";
import { corruptReport } from "./fixtures.ts";

test("no line is longer than 78 columns unless it is one word or one command", () => {
  const long = "x".repeat(100);
  const report = corruptReport({
    reason: `a reason that goes on and on ${"and on ".repeat(30)}`,
    sections: [
      { title: "Notes", lines: [`a long line ${"of words ".repeat(30)}`, `bun run verify.ts /${long} --generation 0`] },
    ],
    environment: {
      ...corruptReport().environment,
      mountOptions: "rw,relatime,".repeat(12),
      cpuModel: "very long ".repeat(12),
    },
  });
  const tooLong = renderMail(report)
    .split("\n")
    .filter((line) => line.length > MAIL_COLUMNS && line.trim().includes(" ") && !line.trim().startsWith("bun run"));
  expect(tooLong.map((line) => line.trim().split(/\s+/).length).filter((count) => count > 2)).toEqual([]);
});

test("the order is a maintainer's: verdict, command, place, findings, calls, how to repeat", () => {
  const text = renderMail(corruptReport());
  const headings = [...text.matchAll(/^(.+)\n-+$/gm)].map((match) => match[1]);
  expect(headings).toEqual([
    "What was run",
    "Where",
    "Expected and found",
    "Calls around the findings",
    "Questions, answered beforehand",
    "How to repeat it",
    "Environment",
  ]);
  expect(text.split("\n")[0]).toBe("uring-append on Linux 6.1.170 (x86_64): corrupt, 2 findings");
  expect(text).toContain("  bun run uring-append.ts /mnt/x/repro 60 48 --seed 42\n");
  expect(text).toContain("    /mnt/x/repro.7\n");
});

test.each([
  ["a b c", {}, ["a b c"]],
  ["", {}, []],
  [`${"a".repeat(50)} ${"b".repeat(50)}`, { indent: 2, hang: 3 }, [`  ${"a".repeat(50)}`, `     ${"b".repeat(50)}`]],
])("wrap(%p)", (text, options, lines) => {
  expect(wrap(text, options)).toEqual(lines);
});
