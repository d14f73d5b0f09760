/** A guest's report in the host's words: evidence that came over, commands that work here, everything else as it was. */
import { expect, test } from "bun:test";
import { stamped } from "../../src/cli/repeat.ts";
import { type HostWords, hostDocument, hostJson, hostText, withoutFiles } from "../../src/lab/host-words.ts";
import { commandOf } from "../../src/machine/invocation.ts";
import type { RunReport } from "../../src/report/document.ts";
import { renderHtml } from "../../src/report/html/page.ts";
import { corruptReport } from "../report/fixtures.ts";

const WORDS: HostWords = {
  artifactDirectory: "/host/evidence",
  arrived: new Set(["repro.3", "bytewitness-x-evidence-ab/repro.0", "deep/er"]),
};
const AGAIN = "bun run lab.ts run --kernel 6.1 -- uring-append.ts /mnt/test/repro --seed 7";

test.each([
  ["kept        /mnt/test/repro.3", "kept        /host/evidence/repro.3"],
  ["1. lost /mnt/test/repro.3 at 5, 2 bytes", "1. lost /host/evidence/repro.3 at 5, 2 bytes"],
  [
    "  bun run verify.ts /mnt/test/repro.3 --expect-bytes 5",
    `  ${commandOf("verify")} /host/evidence/repro.3 --expect-bytes 5`,
  ],
  ["kept /tmp/bytewitness-x-evidence-ab/repro.0", "kept /host/evidence/bytewitness-x-evidence-ab/repro.0"],
  ["kept /dev/shm/bytewitness-x-evidence-ab/repro.0", "kept /host/evidence/bytewitness-x-evidence-ab/repro.0"],
  ["# file=/mnt/test/deep/er offset=1", "# file=/host/evidence/deep/er offset=1"],
  [`replay      ${AGAIN}`, `replay      ${AGAIN}`],
  [`# kernel=6.1 replay=${AGAIN}`, `# kernel=6.1 replay=${AGAIN}`],
  [
    "judge again: bun /bytewitness/scripts/verify.ts /mnt/test/repro.3",
    `judge again: ${commandOf("verify")} /host/evidence/repro.3`,
  ],
  // What stayed in the guest, and what is not a path of a guest.
  ["kept        /mnt/test/gone", "kept        /mnt/test/gone"],
  ["xfs on /mnt/test", "xfs on /mnt/test"],
  ["see /host/mnt/test/repro.3 and /tmp/other", "see /host/mnt/test/repro.3 and /tmp/other"],
])("%j", (line, expected) => {
  expect(hostText(`before\n${line}\nafter\n`, WORDS)).toBe(`before\n${expected}\nafter\n`);
});

test("a directory of the host with a space in it is one word of a command", () => {
  const words = { ...WORDS, artifactDirectory: "/my evidence" };
  expect(hostText("bun /bytewitness/scripts/verify.ts /mnt/test/repro.3", words)).toBe(
    `${commandOf("verify")} '/my evidence/repro.3'`,
  );
  expect(hostText("kept /mnt/test/repro.3", words)).toBe("kept /my evidence/repro.3");
});

test("JSON: every string but the workload and the environment", () => {
  const report = {
    ...{ schema: 2, verdict: "corrupt", replay: AGAIN },
    workload: { prefix: "/mnt/test/repro.3" },
    findings: [{ kind: "lost", file: "/mnt/test/repro.3", offsetBytes: 1 }],
    artifacts: ["/mnt/test/repro.3", "/mnt/test/gone"],
    cases: [{ name: "a", report: { replay: "bun run a.ts", artifacts: ["/tmp/bytewitness-x-evidence-ab/repro.0"] } }],
  };
  expect(JSON.parse(hostJson(JSON.stringify(report), WORDS))).toEqual({
    ...{ schema: 2, verdict: "corrupt", replay: AGAIN },
    workload: { prefix: "/mnt/test/repro.3" },
    findings: [{ kind: "lost", file: "/host/evidence/repro.3", offsetBytes: 1 }],
    artifacts: ["/host/evidence/repro.3", "/mnt/test/gone"],
    cases: [
      {
        name: "a",
        report: {
          replay: "bun run a.ts",
          artifacts: ["/host/evidence/bytewitness-x-evidence-ab/repro.0"],
        },
      },
    ],
  });
});

test.each(["", "not JSON", "null", "[]", "7", '{"artifacts":["/mnt/test/repro.3"]}'])("%j passes unchanged", (text) => {
  expect(hostJson(text, WORDS)).toBe(text);
});

test("a page that a guest wrote names what arrived, and holds a whole recording; a mail is a text like any other", () => {
  const file = "/mnt/test/repro.3";
  const again = "bun /bytewitness/scripts/verify.ts /mnt/test/repro.3 --expect-bytes 5";
  const sections = [{ title: "Judge the kept files again", lines: [again] }];
  const plain = corruptReport({ artifacts: [file], sections });
  const guest = stamped(plain, [file, "--seed", "5"]);
  const page = hostDocument(renderHtml(guest), WORDS);
  expect(page).toContain("/host/evidence/repro.3");
  expect(page).toContain(`${commandOf("verify")} /host/evidence/repro.3 --expect-bytes 5`);
  expect(page).not.toContain("/bytewitness/scripts");
  const [, embedded = ""] = /id="report">(.*?)<\/script>/s.exec(page) ?? [];
  const report = JSON.parse(embedded) as RunReport;
  expect([report.artifacts, report.repeat]).toEqual([
    ["/host/evidence/repro.3"],
    stamped(report, [file, "--seed", "5"]).repeat,
  ]);
  expect(hostDocument(`  files kept:\n    ${file}\n`, WORDS)).toBe("  files kept:\n    /host/evidence/repro.3\n");
});

test("a report whose paths were rewritten is a whole recording again, with the words of the run as they were", () => {
  const file = "/mnt/test/repro.0";
  const report = { schema: 2, verdict: "corrupt", artifacts: [file], findings: [{ file }] };
  const guest = stamped(report as unknown as RunReport, [file, "--seed", "5"]);
  const words = { artifactDirectory: "/host/a", arrived: new Set(["repro.0"]) };
  const host = JSON.parse(hostJson(JSON.stringify(guest), words)) as RunReport;
  expect([host.artifacts, host.repeat?.arguments]).toEqual([["/host/a/repro.0"], [file, "--seed", "5"]]);
  expect(host).toEqual(stamped(host, [file, "--seed", "5"]));
  expect(host.repeat?.sums.artifacts).not.toBe(guest.repeat?.sums.artifacts as string);
});

test("of a guest whose files stayed in it: no evidence is listed, its files are marked, commands are left alone", () => {
  const report = {
    ...{ verdict: "corrupt", replay: AGAIN, workload: { prefix: "/mnt/test/repro.3" } },
    findings: [{ kind: "lost", file: "/mnt/test/repro.3", detail: "in /run/bytewitness/mounts/x/a, not in /tmpfs/b" }],
    sections: [
      { title: "Judge the kept files again", lines: ["bun /bytewitness/scripts/verify.ts /mnt/test/repro.3"] },
      { title: "Ledger", lines: ["/mnt/test/repro.3: longer", "xfs on /mnt/test"] },
    ],
    artifacts: ["/mnt/test/repro.3"],
  };
  const marked = {
    ...report,
    findings: [
      {
        kind: "lost",
        file: "guest:/mnt/test/repro.3",
        detail: "in guest:/run/bytewitness/mounts/x/a, not in /tmpfs/b",
      },
    ],
    sections: [{ title: "Ledger", lines: ["guest:/mnt/test/repro.3: longer", "xfs on /mnt/test"] }],
    artifacts: [],
  };
  expect(withoutFiles(report)).toEqual(marked);
  expect(withoutFiles({ cases: [{ name: "a", report }] })).toEqual({ cases: [{ name: "a", report: marked }] });
  expect(withoutFiles(null)).toBeNull();
});
