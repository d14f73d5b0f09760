/** The door as it is documented: what the page names is what can be imported, and every name is described. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { doorEntries, doorProblems, typesBehind } from "../../scripts/check/door.ts";
import * as door from "../../src/index.ts";
import * as uapi from "../../src/uapi.ts";
import { command, ROOT } from "./command.ts";

test("the documented values are the exported ones, in four blocks, about 120, and no constants are among them", () => {
  const entries = doorEntries(ROOT);
  const values = entries.filter(({ isValue }) => isValue).map(({ name }) => name);
  expect(values.sort()).toEqual(Object.keys(door).sort());
  expect(new Set(entries.map(({ block }) => block.split(":")[0]))).toEqual(
    new Set(["calls", "bytes", "judging", "running"]),
  );
  expect(values.length).toBeLessThan(130);
  expect(Object.keys(uapi).filter((name) => values.includes(name))).toEqual([]);
  expect(Object.keys(uapi).length).toBeGreaterThan(300);
});

test("verbs of the kernel open with their C prototype", () => {
  const doc = (name: string) => doorEntries(ROOT).find((entry) => entry.name === name)?.doc ?? "";
  for (const [name, prototype] of [
    ["openFile", "int open("],
    ["tryCopyFileRange", "ssize_t copy_file_range("],
    ["trySplice", "ssize_t splice("],
    ["tryVmsplice", "ssize_t vmsplice("],
    ["openSocket", "int socket("],
    ["trySetOption", "int setsockopt("],
    ["mapAnonymous", "void *mmap("],
  ]) {
    expect([name, doc(name as string).replaceAll("`", "")]).toEqual([
      name,
      expect.stringContaining(prototype as string),
    ]);
  }
});

test("every verb of the kernel is named by a test below test/ops, test/machine or test/place", () => {
  const files = ["ops", "machine", "place", "workload"].flatMap((room) =>
    [...new Bun.Glob("**/*.ts").scanSync(`${ROOT}/test/${room}`)].map((file) => `${ROOT}/test/${room}/${file}`),
  );
  const tests = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const verbs = doorEntries(ROOT)
    .filter(({ block, isValue }) => block.startsWith("calls") && isValue)
    .flatMap((entry) => {
      if (entry.kind === "function") return [entry.name];
      return entry.kind === "namespace" && entry.name === "sqe" ? entry.members.map(({ name }) => `sqe.${name}`) : [];
    });
  expect(verbs.length).toBeGreaterThan(80);
  expect(verbs.filter((verb) => !new RegExp(`\\b${verb.replace(".", "\\.")}\\(`).test(tests))).toEqual([]);
});

test("prototypes are whole: constructors, lists of several lines, alternatives of a type; nothing private", () => {
  const members = (name: string) =>
    doorEntries(ROOT)
      .find((entry) => entry.name === name)
      ?.members.map(({ signature }) => signature) ?? [];
  expect(members("Ring")).toContain("constructor(options: RingOptions = {})");
  expect(members("Barrier")[0]).toBe("readonly count: number");
  expect(members("Tally").join("\n")).toMatch(/^judged\(\{ findings, verifiedBytes \}.*\): boolean$/m);
  expect(members("LogJudgement")).toContain(
    "readonly whole: readonly { readonly writer: number; readonly records: number; readonly torn: number }[]",
  );
  const all = doorEntries(ROOT);
  expect(
    all.flatMap((entry) => entry.members).filter(({ signature }) => /#|[({,]$/.test(signature.split("(")[0] ?? "")),
  ).toEqual([]);
  expect(all.find(({ name }) => name === "Address")?.signature).toContain("begins with NUL is an abstract name");
  expect(all.find(({ name }) => name === "KiB")?.signature).toBe("const KiB = 1024");
});

test("types that prototypes name are on the page, and no docstring names what is not", () => {
  const entries = doorEntries(ROOT);
  const behind = typesBehind(ROOT, entries);
  const named = behind.map(({ name }) => name);
  expect(named).toEqual(
    expect.arrayContaining(["MapOptions", "RunContext", "ArgumentSpec", "FileExpectation", "SpliceFlags"]),
  );
  const page = [...entries, ...behind];
  const shown = page
    .flatMap(({ signature, members }) => [signature, ...members.map((one) => one.signature)])
    .join("\n");
  const docs = page.flatMap(({ name, doc, members }) =>
    [doc, ...members.map((one) => one.doc)].map((text) => ({ name, text })),
  );
  const unknown = docs.flatMap(({ name, text }) =>
    [...text.matchAll(/`(?:\w+\.)?([a-z]\w*[A-Z]\w*)[`(]|\b(\w+\.ts|FACTS|[A-Z][a-z]\w+Options)\b/g)]
      .map(([, code, place]) => code ?? place ?? "")
      .filter((word) => word !== "X.ts" && !new RegExp(`\\b${word}\\b`).test(shown))
      .map((word) => `${name}: ${word}`),
  );
  expect(unknown).toEqual([]);
});

test("a name without a docstring and an `export *` are problems", () => {
  const root = mkdtempSync(`${tmpdir()}/door-`);
  Bun.spawnSync(["mkdir", "-p", `${root}/src`]);
  writeFileSync(`${root}/src/a.ts`, "export const bare = 1;\n/** Said. */\nexport const ran = 2;\n");
  writeFileSync(`${root}/src/index.ts`, 'export { bare, ran } from "./a.ts";\n');
  expect(doorProblems(root)).toEqual(["src/a.ts:1: bare is in the public door without a docstring"]);
  writeFileSync(`${root}/src/index.ts`, 'export * from "./a.ts";\n');
  expect(doorProblems(root)).toEqual(["src/index.ts: exports everything of ./a.ts: name what reproducers need"]);
  rmSync(root, { recursive: true });
});

test("the page is written as Markdown and as HTML, and never over a file that is there", async () => {
  const directory = mkdtempSync(`${tmpdir()}/reference-`);
  const page = `${directory}/door.md`;
  expect(await command("reference", [page])).toMatchObject({ code: 0, stdout: `wrote ${page}\n` });
  expect(await Bun.file(page).text()).toContain("### copyFileRange\n\n```ts\nfunction copyFileRange(from: Fd, to: Fd");
  expect(await command("reference", [page])).toMatchObject({
    code: 254,
    stderr: expect.stringContaining("EEXIST"),
  });
  expect((await command("reference", [`${directory}/door.html`])).code).toBe(0);
  const html = await Bun.file(`${directory}/door.html`).text();
  expect(html).toContain("<h3>startProcess</h3>");
  expect(html).not.toContain("```");
  expect((await command("reference", [`${directory}/door.txt`])).code).toBe(254);
  rmSync(directory, { recursive: true });
}, 60_000);
