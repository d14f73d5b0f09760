/** Where a kernel lies in what is known of a bug. */
import { expect, test } from "bun:test";
import type { Known } from "../../src/report/document.ts";
import { adviceText, kernelPlace, knownText, upstreamVersion } from "../../src/survey/range.ts";

const known = (firstFixed: string[], affectedSince?: string): Known => ({
  ...{ fix: "subject", firstFixed, source: "a test" },
  ...(affectedSince === undefined ? {} : { affectedSince }),
});
const APPEND = known(["6.1.176", "6.12.94", "6.15"], "6.0");

test.each([
  [APPEND, "5.10.218", "before"],
  [APPEND, "6.0.1", "affected"],
  [APPEND, "6.1.175", "affected"],
  [APPEND, "6.1.176", "fixed"],
  // A series without an entry, older than the newest fixed one.
  [APPEND, "6.6.30", "affected"],
  [APPEND, "6.12.93", "affected"],
  [APPEND, "6.12.94", "fixed"],
  [APPEND, "6.15", "fixed"],
  [APPEND, "6.15.0", "fixed"],
  [APPEND, "7.2.13", "fixed"],
  [known(["6.12.118"]), "6.12.117", "affected"],
  [known(["6.12.118"]), "6.1.192", "unknown"],
  // A stable update's fix need not be in a newer series: 6.18.44 loses memfd writes that 6.12.118 keeps.
  [known(["6.12.118"]), "6.18.44", "unknown"],
  [known(["6.12.118", "6.15"]), "6.18.44", "fixed"],
  [known(["6.12.117", "7.3.4"]), "6.18.44", "unknown"],
  [known(["6.12.117", "7.3.4"], "6.7"), "6.18.44", "affected"],
  [known(["6.12.117", "7.3.4"], "6.7"), "7.3.3", "affected"],
  [known([], "6.8.4"), "6.8.3", "before"],
  [{ fix: "", firstFixed: [], source: "" }, "7.3.4", "affected"],
  [{ fix: "queued", firstFixed: [], source: "" }, "7.3.4", "unknown"],
  [known(["2.6.29"], "2.6.25"), "6.12.117", "fixed"],
  [APPEND, "linux-next", "unknown"],
] as const)("%j: %s is %s", (entry, version, place) => {
  expect(kernelPlace(entry, version)).toBe(place);
});

test("Debian hides the upstream version behind its release name; uname -v has it", () => {
  const debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-04-30)";
  expect(upstreamVersion("6.1.0-47-cloud-amd64", debian)).toBe("6.1.170");
  expect(upstreamVersion("6.12.90+deb13.1-cloud-amd64", "#1 SMP Debian 6.12.90-2 (2026-05-01)")).toBe("6.12.90");
  expect(upstreamVersion("7.3.4+deb14-cloud-amd64", "#1 SMP Debian 7.3.4-1~exp1 (2026-11-01)")).toBe("7.3.4");
  expect(upstreamVersion("6.18.44-fc-v782", "#1 SMP PREEMPT_DYNAMIC @0")).toBe("6.18.44");
});

test("the words: range, place, advice", () => {
  expect(knownText(APPEND, "6.12.90")).toBe(
    "fixed in 6.1.176, 6.12.94, 6.15; affected since 6.0; 6.12.90 is in the affected range",
  );
  expect(adviceText(APPEND, "6.12.90")).toBe("take 6.12.94 or later");
  expect(adviceText(APPEND, "6.6.30")).toBe("take 6.15 or later (no fix in 6.6 is known)");
  expect(adviceText(APPEND, "6.12.94")).toBe("corrupt although the table has a fix for it: report it");
  expect(adviceText({ fix: "", firstFixed: [], source: "", avoid: "use pwrite" }, "7.3.4")).toBe("use pwrite");
  expect(adviceText(undefined, "7.3.4")).toContain("report it");
  const documented = { fix: "", firstFixed: [], source: "its notes", documentedIn: "sendfile(2)" };
  expect(knownText(documented, "7.3.4")).toBe("documented in sendfile(2), so not called a bug");
  expect(knownText({ fix: "", firstFixed: [], source: "seen" }, "7.3.4")).toBe("no fix known");
});
