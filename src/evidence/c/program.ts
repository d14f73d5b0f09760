/**
 * Recorded calls as one self-contained C program that makes them again, checks the bytes and ends 1 on corruption.
 *
 * Owns the program's text: under 150 lines, libc only, without a warning at -Wall -Wextra -Werror. A call that answers
 * otherwise than it did on the affected kernel ends the attempt ("not reproduced"): what follows was decided by that answer.
 */
import type { Sample } from "../../judge/finding.ts";
import type { ReportedFinding } from "../../report/document.ts";
import type { RecordedCall } from "../recorder.ts";
import { Body, basename, literal } from "./body.ts";
import { NotExpressible, selectCalls } from "./select.ts";

export interface ProgramRequest {
  readonly tool: string;
  readonly summary: string;
  readonly kernel: string;
  readonly filesystem: string | undefined;
  readonly mountOptions: string | undefined;
  readonly findings: readonly ReportedFinding[];
  readonly calls: readonly RecordedCall[];
  /** Threads whose calls are not among these. */
  readonly otherThreads: number;
  /** Ends 4 where the kernel answers otherwise, and prints KTAP, as tools/testing/selftests does. */
  readonly kselftest: boolean;
}

const LINES_MAX = 150;
const ATTEMPTS = 100;
const CHECKS_MAX = 4;

export function cProgram(request: ProgramRequest): string {
  const finding = request.findings[0];
  if (finding === undefined) throw new NotExpressible("there is no finding to repeat");
  if (request.otherThreads > 0)
    throw new NotExpressible("other threads make some of its calls, and the program has one thread");
  if (request.calls.some(({ call }) => call.startsWith("io_uring")))
    throw new NotExpressible("it makes requests through io_uring, and the program has no ring");
  const calls = selectCalls(request.calls, finding.file);
  const body = new Body(calls);
  const steps = body.steps();
  const checks = checksOf(request.findings, body);
  const text = [
    ...header(request, finding),
    ...prelude(body, request),
    "",
    "/* The calls, in their order; 0 when the kernel answered otherwise than before. */",
    "static int repeat(void)",
    "{",
    ...steps.map((line) => `  ${line}`),
    "  return 1;",
    "}",
    "",
    "/* 1 when the bytes are wrong, 0 when they are right, -1 when the kernel answered otherwise. */",
    "static int attempt(void)",
    "{",
    "  int wrong = repeat() ? 0 : -1;",
    "  if (wrong == 0) {",
    ...checks.map((line) => `    ${line}`),
    "  }",
    "  clean_up();",
    "  return wrong;",
    "}",
    "",
    ...main(request),
  ].join("\n");
  const lines = text.split("\n").length;
  if (lines > LINES_MAX)
    throw new NotExpressible(
      `the program would have ${lines} lines, more than ${LINES_MAX}; make the run smaller first`,
    );
  return `${text}\n`;
}

/** Text that cannot end a C comment, in one line. */
export function comment(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll(/\s+/g, " ");
}

function header(request: ProgramRequest, finding: ReportedFinding): string[] {
  const { tool, summary, kernel, filesystem, mountOptions } = request;
  const where =
    filesystem === undefined ? "" : ` on ${filesystem}${mountOptions === undefined ? "" : ` (${mountOptions})`}`;
  return [
    "// SPDX-License-Identifier: MIT",
    "/*",
    ` * ${comment(tool)}: ${comment(summary)}`,
    " *",
    ` * Seen on Linux ${comment(kernel)}${comment(where)}:`,
    ` *   ${finding.kind}, ${finding.lengthBytes} bytes at ${finding.offsetBytes}`,
    ` *   ${comment(finding.detail)}`,
    " *",
    ` * Build: gcc -O2 -Wall -Wextra -Werror -o ${comment(tool)} ${comment(tool)}.c`,
    ` * Run:   ./${comment(tool)} [DIRECTORY]   (files are made there and removed again)`,
    " * Ends 1 when the bytes are wrong, 0 when they are right or the kernel answers otherwise than the affected one did,",
    request.kselftest ? " * 4 (SKIP) when a call is refused." : " * 125 when a call is refused.",
    " */",
  ];
}

function prelude(body: Body, { kselftest }: ProgramRequest): string[] {
  return [
    "#define _GNU_SOURCE",
    ...body.headers().map((name) => `#include <${name}.h>`),
    "",
    `static unsigned char buffer[${Math.max(4096, body.bufferBytes)}];`,
    ...(body.received
      ? [`static unsigned char received[${Math.max(4096, body.receivedBytes)}];`, "static size_t received_bytes;"]
      : []),
    "",
    ...(body.fillsWords
      ? [
          "/* Little-endian 64-bit words that count up from `first`. */",
          "static void count_up(unsigned char *at, uint64_t first, size_t length)",
          "{",
          "  for (size_t i = 0; i < length; i++)",
          "    at[i] = (first + i / 8) >> (i % 8 * 8);",
          "}",
          "",
        ]
      : []),
    ...body.variables(),
    "",
    "/* Closes what is open and removes the files made here, and no other. */",
    "static void clean_up(void)",
    "{",
    ...body.cleanUp().map((line) => `  ${line}`),
    "}",
    "",
    "/* A descriptor that must be made: without it there is nothing to see. */",
    "static int made(const char *what, int descriptor)",
    "{",
    "  if (descriptor < 0) {",
    "    perror(what);",
    "    clean_up();",
    `    exit(${kselftest ? 4 : 125});`,
    "  }",
    "  return descriptor;",
    "}",
    "",
    "/* True when a call answered as it did on the affected kernel: a count, or -errno. */",
    "static int answered(const char *what, long result, long before)",
    "{",
    "  long answer = result < 0 ? -errno : result;",
    "  static int printed;",
    "  if (answer != before && !printed++)",
    `    fprintf(stderr, "%s: %ld, on the affected kernel %ld\\n", what, answer, before);`,
    "  return answer == before;",
    "}",
    "",
    ...checkFunction(body.received),
  ];
}

function checkFunction(received: boolean): string[] {
  if (received)
    return [
      "static int differs(size_t at, const char *expected, size_t length)",
      "{",
      "  if (at + length <= received_bytes && memcmp(received + at, expected, length) == 0)",
      "    return 0;",
      `  printf("wrong bytes in the received stream at %zu\\n", at);`,
      "  return 1;",
      "}",
    ];
  return [
    "static int differs(const char *path, off_t at, const char *expected, size_t length)",
    "{",
    "  char found[64] = { 0 };",
    "  int fd = open(path, O_RDONLY);",
    "  ssize_t got = pread(fd, found, length, at);",
    "  close(fd);",
    "  if (got == (ssize_t)length && memcmp(found, expected, length) == 0)",
    "    return 0;",
    `  printf("%s: wrong bytes at %lld\\n", path, (long long)at);`,
    "  return 1;",
    "}",
  ];
}

function main({ tool, kselftest }: ProgramRequest): string[] {
  const results = kselftest
    ? [
        `  printf("%s 1 ${tool}%s\\n", result > 0 ? "not ok" : "ok", result < 0 ? " # SKIP the kernel answered otherwise" : "");`,
        "  return result > 0 ? 1 : result < 0 ? 4 : 0;",
      ]
    : [
        `  puts(result > 0 ? "CORRUPT" : result == 0 ? "clean" : "clean: the kernel answered otherwise");`,
        "  return result > 0;",
      ];
  return [
    "int main(int argc, char **argv)",
    "{",
    "  if (argc > 1 && chdir(argv[1]) != 0) {",
    "    perror(argv[1]);",
    `    return ${kselftest ? 4 : 125};`,
    "  }",
    ...(kselftest ? [`  puts("TAP version 13\\n1..1");`] : []),
    "  int result = -1;",
    `  for (int i = 0; i < ${ATTEMPTS} && result <= 0; i++) {`,
    "    int answer = attempt();",
    "    if (answer > result)",
    "      result = answer;",
    "  }",
    ...results,
    "}",
  ];
}

/** The found bytes of a sample from the first wrong one on, at most two words of them. */
function firstWrong({ expectedHex, foundHex }: Sample): string {
  let at = 0;
  while (at < foundHex.length && foundHex.slice(at, at + 2) === expectedHex.slice(at, at + 2)) at += 2;
  return foundHex.slice(at, at + 32);
}

function checksOf(findings: readonly ReportedFinding[], body: Body): string[] {
  const { received } = body;
  const lines = findings.slice(0, CHECKS_MAX).flatMap(({ kind, sample, file }) => {
    if (sample === undefined || sample.expectedHex === "") return [];
    // A program that never writes what it expects would call every kernel bad.
    if (!body.holds(sample.expectedHex))
      throw new NotExpressible(
        "the bytes that should be there were written by a thread or a process that was not recorded",
      );
    // Nor could it show old bytes that it never wrote: it would call the affected kernel clean.
    if ((kind === "stale" || kind === "filled") && !body.holds(firstWrong(sample)))
      throw new NotExpressible("the bytes that were found were written before these calls, or by others");
    const length = sample.expectedHex.length / 2;
    const place = received ? "" : `"${basename(file ?? "")}", `;
    return [`wrong |= differs(${place}${sample.offsetBytes}, ${literal(sample.expectedHex)}, ${length});`];
  });
  if (lines.length === 0) throw new NotExpressible("its findings hold no sample of the bytes that should be there");
  return lines;
}
