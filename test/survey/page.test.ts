/** Surveys as a page: the grid, where its cells lead, and that ids stay unique over many reports. */
import { expect, test } from "bun:test";
import type { CaseResult, Survey } from "../../src/survey/document.ts";
import { surveyPage } from "../../src/survey/page.ts";
import { corruptReport } from "../report/fixtures.ts";

const bad: CaseResult = {
  name: "uring-append",
  verdict: "corrupt",
  kinds: ["duplicated", "zeroed"],
  durationSeconds: 2.5,
  known: "fixed in 6.1.176",
  advice: "take 6.1.176 or later",
  report: corruptReport(),
};
const good: CaseResult = {
  ...bad,
  verdict: "clean",
  kinds: [],
  report: corruptReport({ verdict: "clean", findings: [] }),
};
const skipped: CaseResult = {
  ...{ name: "ksm <b>", verdict: "skipped", reason: "needs root", kinds: [], durationSeconds: 0, report: null },
};

function survey(kernel: string, cases: readonly CaseResult[]): Survey {
  const { environment, schema, version } = corruptReport();
  return {
    schema,
    tool: "survey",
    version,
    verdict: "corrupt",
    durationSeconds: 9,
    environment: { ...environment, kernel },
    cases,
  };
}

const links = (page: string) => [...page.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
const ids = (page: string) => [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);

test("one kernel: a row for each case, the worst first, with what was found and what is known", () => {
  const page = surveyPage([survey("6.1.170", [skipped, bad])]);
  expect(page.indexOf("uring-append</th>")).toBeLessThan(page.indexOf("ksm &lt;b&gt;</th>"));
  expect(page).toContain("<td>zeroed 4.00 KiB, duplicated 1.85 MiB, the first at 1,048,576</td>");
  expect(page).toContain("fixed in 6.1.176; take 6.1.176 or later");
  expect(page).toContain("1 corrupt, 0 inconclusive, 0 clean, 1 skipped");
});

test("several kernels: a column for each; every link has its place, every id is unique", () => {
  const page = surveyPage([survey("6.1.170", [bad, skipped]), survey("6.1.176", [good])], ["6.1.170-3", "6.1.176-1"]);
  expect(page).toContain(`<th scope="col">6.1.170-3</th><th scope="col">6.1.176-1</th>`);
  const places = ids(page);
  expect(new Set(places).size).toBe(places.length);
  for (const link of links(page)) expect(places).toContain(link);
  expect(links(page)).toContain("case-1-uring-append");
});
