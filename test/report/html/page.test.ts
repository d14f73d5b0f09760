/** The report page in a real browser: what a reader sees and can do, at three sizes, in light and dark. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import type { RunReport } from "../../../src/report/document.ts";
import { renderHtml } from "../../../src/report/html/page.ts";
import { needed } from "../../needed.ts";
import { corruptReport } from "../fixtures.ts";
import { Browser, type View } from "./browser.ts";

const VIEWS: readonly View[] = [
  { width: 1280, height: 900, scheme: "light" },
  { width: 1280, height: 900, scheme: "dark" },
  { width: 390, height: 844, scheme: "light" },
  { width: 320, height: 640, scheme: "dark" },
];

/** In the page: texts whose contrast with what is behind them is below 4.5 to 1. */
const LOW_CONTRAST = `(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const rect = e.tagName === "text" ? e.previousElementSibling : null;
      const style = getComputedStyle(rect ?? e);
      const colour = rect ? style.fill : style.backgroundColor;
      if (parse(colour)[3] !== 0) return parse(colour);
    }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "title"].includes(element.tagName) || element.classList.contains("axis")) continue;
    if (element.tagName !== "text" && element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const a = light(parse(element.tagName === "text" ? style.fill : style.color));
    const b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(ratio.toFixed(2) + " " + element.tagName + "." + element.className + " " + node.data.trim().slice(0, 30));
  }
  return bad;
})()`;

describe.skipIf(needed("chromium"))("in headless Chromium (package chromium)", () => {
  const directory = mkdtempSync(join(os.tmpdir(), "bytewitness-page-"));
  const path = join(directory, "report.html");
  let browser: Browser;
  beforeAll(async () => {
    browser = await Browser.start();
  }, 60_000);
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  }, 60_000);

  const show = async (report: RunReport, view: View = VIEWS[0] as View) => {
    writeFileSync(path, renderHtml(report));
    await browser.open(path, view);
  };

  test.each(VIEWS)(
    "at $width in $scheme: no problem, no sideways scrolling, enough contrast",
    async (view) => {
      const report = corruptReport();
      const [first, ...others] = report.findings;
      const file = `/mnt/${"a_long_name_without_a_break_".repeat(8)}`;
      await show({ ...report, findings: [{ ...first, file } as (typeof report.findings)[0], ...others] }, view);
      expect(
        await browser.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
      ).toBe(0);
      expect(await browser.evaluate<string[]>(LOW_CONTRAST)).toEqual([]);
      expect(browser.problems).toEqual([]);
    },
    60_000,
  );

  test("verdict, findings, the marked calls and the embedded report are there", async () => {
    const report = corruptReport();
    await show(report);
    const text = (selector: string) =>
      browser.evaluate<string[]>(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].map((e) => e.textContent.replace(/\\s+/g, " ").trim())`,
      );
    expect(await text("h1")).toEqual(["CORRUPT: 2 findings · uring-append"]);
    expect(await text("article h3")).toEqual([
      "1. zeroed at 1,048,576 (0x100000), 4,096 bytes",
      "2. duplicated at 7,602,176 (0x740000), 1,937,408 bytes",
    ]);
    expect((await text("tr.guilty td:nth-child(2)")).join()).toBe("writev #3");
    // A column that no row fills is left out: no ends are known here, and only the timeline marks calls.
    const columns = ["time", "call", "asked", "result", "stream offset"];
    expect(await text("[aria-label=calls] th")).toEqual([...columns, ...columns, "remark"]);
    expect(await browser.evaluate<string>(`document.getElementById("report").textContent`)).toBe(
      JSON.stringify(report, undefined, 2),
    );
    expect(await text("h2")).toEqual([
      "Findings",
      "Map of the file",
      "Calls around the findings",
      "How to repeat it",
      "Environment",
    ]);
  }, 60_000);

  test("a cell of the map leads to its finding, by keyboard alone, and the finding shows its neighbourhood", async () => {
    await show(corruptReport());
    const focused = () => browser.evaluate<string | null>(`document.activeElement.getAttribute("href")`);
    for (let presses = 0; presses < 40 && (await focused()) !== "#finding-2"; presses++) await browser.press("Tab");
    expect(await focused()).toBe("#finding-2");
    await browser.press("Enter");
    expect(await browser.evaluate<string>("location.hash")).toBe("#finding-2");
    const cells = await browser.evaluate<number>(`document.querySelectorAll("#finding-2 svg .k-duplicated").length`);
    expect(cells).toBeGreaterThan(10);
  }, 60_000);

  test("every picture and every scrolling region has a name; ids are unique", async () => {
    await show(corruptReport());
    expect(
      await browser.evaluate<number>(
        `document.querySelectorAll("svg:not([aria-label]), [role=region]:not([aria-label])").length`,
      ),
    ).toBe(0);
    const ids = await browser.evaluate<string[]>(`[...document.querySelectorAll("[id]")].map((e) => e.id)`);
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      await browser.evaluate<number>(`document.querySelectorAll("[src], link[href]:not([href='data:,'])").length`),
    ).toBe(0);
  }, 60_000);

  test("names and reasons are text, never markup", async () => {
    const hostile = `</script><img src=x onerror="document.title='gone'">&amp;`;
    await show(
      corruptReport({
        tool: hostile,
        reason: hostile,
        replay: hostile,
        artifacts: [hostile],
        sections: [{ title: hostile, lines: [hostile] }],
        findings: corruptReport().findings.map((finding) => ({ ...finding, file: hostile, detail: hostile })),
      }),
    );
    expect(await browser.evaluate<number>(`document.querySelectorAll("img").length`)).toBe(0);
    expect(await browser.evaluate<string>("document.title")).toContain(hostile);
    expect(browser.problems).toEqual([]);
  }, 60_000);
});

test("a clean run has no findings, no map and no calls", () => {
  const { segments: _, timeline: __, ...clean } = corruptReport({ verdict: "clean", findings: [], artifacts: [] });
  const page = renderHtml(clean);
  expect(page).toContain(`<span class="clean">CLEAN</span>`);
  for (const absent of [`id="findings"`, `id="map"`, `id="calls"`]) expect(page).not.toContain(absent);
});
