/**
 * The kernel's own testimony: a trace of events, listed in order, and the story of an append in one sentence.
 *
 * Owns reading the text of ftrace and what is left out of it: kernel addresses, device numbers and repetitions. Pure.
 */
export interface KernelEvent {
  readonly task: string;
  readonly pid: number;
  readonly atSeconds: number;
  readonly name: string;
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
}

const LINES_MAX = 60;
const FIRST_LINES = 20;
/** `bun-114 [000] ..... 31.349565: io_uring_submit_sqe: ring …`; the task's name may hold hyphens. */
const LINE = /^\s*(.+)-(\d+)\s+\[\d+\]\s+\S+\s+(\d+\.\d+): (\w+): (.*)$/;
/** Fields that mean nothing to a reader: addresses of kernel memory, and what is the same in every line. */
const SILENT = new Set([
  "page",
  "pfn",
  "skb",
  "msk",
  "subflow",
  "sock_cookie",
  "ring",
  "req",
  "request",
  "user_data",
  "work",
  "caller",
  "ops",
  "dev",
  "bdev",
  "addr",
  "sq_thread",
  "cflags",
  "extra1",
  "extra2",
]);
/** Fields that are byte counts or offsets: decimal, with the hexadecimal of the trace left out. */
const BYTES = new Set(["pos", "offset", "length", "bytecount", "len", "disize", "isize", "index"]);

export function parseTrace(text: string): KernelEvent[] {
  return text.split("\n").flatMap((line) => {
    const [, task, pid, at, name, rest] = LINE.exec(line) ?? [];
    if (task === undefined || rest === undefined) return [];
    return [
      {
        task: task.trim(),
        pid: Number(pid),
        atSeconds: Number(at),
        name: name as string,
        text: rest,
        fields: fieldsOf(rest),
      },
    ];
  });
}

/** "pos 0x2fc0000 length 0x20000", "dirty=3680", "opcode WRITEV, flags 0x0": names and values in either form. */
function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name, value] of text.matchAll(
    /([a-z][\w ]*?)[ =](-?(?:0x[0-9a-f]+|[0-9a-f]{16}|\d+(?::\d+)?|[A-Z][A-Z_|]*))(?=[\s,):]|$)/g,
  ))
    fields.set((name as string).trim().replaceAll(" ", "_"), value as string);
  return fields;
}

function number(event: KernelEvent, field: string): number | undefined {
  const value = event.fields.get(field);
  return value === undefined ? undefined : Number(value);
}

/** A call of ours among the kernel's events. */
export interface StoryStep {
  readonly atSeconds: number;
  readonly line: string;
}

const CALL = "call";

function eventOf({ atSeconds, line }: StoryStep): KernelEvent {
  return { task: "", pid: 0, atSeconds, name: CALL, text: line, fields: new Map() };
}

/**
 * The events as lines, from the first of them in milliseconds; runs of one event are one line with its count. Calls of ours
 * are among them, in the order of time, marked ">".
 */
export function storyLines(kernel: readonly KernelEvent[], steps: readonly StoryStep[] = []): string[] {
  const events = [...kernel, ...steps.map(eventOf)].sort((a, b) => a.atSeconds - b.atSeconds);
  const devices = new Set(kernel.flatMap(({ fields }) => fields.get("dev") ?? []));
  const silent = new Set([...SILENT].filter((name) => name !== "dev" || devices.size < 2));
  const lines: string[] = [];
  const first = events[0]?.atSeconds ?? 0;
  for (let at = 0; at < events.length; ) {
    const event = events[at] as KernelEvent;
    let end = at + 1;
    while (isSameKind(event, events[end])) end += 1;
    const repeated = end - at > 2 ? `  (${end - at} times)` : "";
    const shown = repeated === "" ? events.slice(at, end) : [event];
    for (const one of shown) {
      const ms = ((one.atSeconds - first) * 1000).toFixed(3).padStart(10);
      const what = one.name === CALL ? `> ${one.text}` : `${one.name}${detail(one, silent)}`;
      const who = one.name === CALL ? "" : `${one.task.slice(0, 16).padEnd(16)}  `;
      lines.push(`${ms} ms  ${who}${what}${repeated}`);
    }
    at = end;
  }
  const left = lines.length - LINES_MAX;
  if (left <= 0) return lines;
  // How it began and how it ended.
  return [...lines.slice(0, FIRST_LINES), `(${left} lines left out)`, ...lines.slice(FIRST_LINES + left)];
}

function isSameKind(event: KernelEvent, next: KernelEvent | undefined): boolean {
  const same = next?.name === event.name && next.task === event.task && event.name !== CALL;
  // Of another device it is another story.
  return same && next.fields.get("dev") === event.fields.get("dev");
}

function detail(event: KernelEvent, silent: ReadonlySet<string>): string {
  // An event whose text has no names: "254,0 WS 2048 + 8 [bun]".
  if (event.fields.size === 0) {
    const text = withoutPlaces(event.text);
    return text === "" ? "" : `: ${text}`;
  }
  const words = [...event.fields].flatMap(([name, value]) => {
    if (silent.has(name)) return [];
    return [`${name} ${BYTES.has(name) ? Number(value).toLocaleString("en-US") : value}`];
  });
  return words.length === 0 ? "" : `: ${words.join(", ")}`;
}

/** Without the place of a probe, "(do_splice+0x0/0x150)", and the task's name, which is in the line already. */
function withoutPlaces(text: string): string {
  return text
    .replace(/\([^)]*[+<][^)]*\)/, "")
    .replace(/\[[^\]]*\]\s*$/, "")
    .trim();
}

/** What happened around the damage: one sentence where the events show it, and the events themselves. */
export interface KernelStory {
  readonly sentence?: string;
  readonly lines: readonly string[];
}

/** Calls on the damaged file, the only ones around which the kernel's events matter. */
export interface StoryFrame {
  readonly steps: readonly StoryStep[];
  /** When the first began and the last ended; undefined where no call is known to be on the damaged file. */
  readonly fromSeconds: number | undefined;
  readonly toSeconds: number | undefined;
}

const NOTHING_KNOWN: StoryFrame = { steps: [], fromSeconds: undefined, toSeconds: undefined };

function storyAround(events: readonly KernelEvent[], { steps, fromSeconds, toSeconds }: StoryFrame): string[] {
  if (fromSeconds === undefined || toSeconds === undefined) return storyLines(events, steps);
  const inside = ({ atSeconds }: { readonly atSeconds: number }) => atSeconds >= fromSeconds && atSeconds <= toSeconds;
  const shown = events.filter(inside);
  const others = events.length - shown.length;
  const left = others === 0 ? [] : [`(events before and after these calls: ${others}, left out)`];
  return [...storyLines(shown, steps.filter(inside)), ...left];
}

/** `damagedAtBytes`: where the first finding is, so that of several appends the right one is chosen. */
export function kernelStory(
  events: readonly KernelEvent[],
  damagedAtBytes?: number,
  around: StoryFrame = NOTHING_KNOWN,
): KernelStory {
  const appends = repeatedAppends(events);
  const append = appends.find(({ to }) => to === damagedAtBytes) ?? appends[0];
  if (append === undefined) return { lines: storyAround(events, around) };
  return { sentence: append.sentence, lines: storyLines(events.slice(append.begin, append.end + 1)) };
}

const isWorker = (event: KernelEvent) => event.task.startsWith("iou-wrk");

interface RepeatedAppend {
  readonly sentence: string;
  /** The file offset at which the second attempt began. */
  readonly to: number;
  /** Its first and last event. */
  readonly begin: number;
  readonly end: number;
}

/** Writes that io_uring tried inline and a worker then began anew at another place: report 1, in the kernel's words. */
function repeatedAppends(events: readonly KernelEvent[]): RepeatedAppend[] {
  return events.flatMap((inline, index) => {
    if (inline.name !== "xfs_file_buffered_write" || isWorker(inline)) return [];
    const next = events.findIndex(({ name }, at) => at > index && name === "xfs_file_buffered_write");
    const again = events[next];
    if (again === undefined || !isWorker(again)) return [];
    const [from, to] = [number(inline, "pos"), number(again, "pos")];
    const [asked, repeated] = [number(inline, "bytecount"), number(again, "bytecount")];
    if (from === undefined || to === undefined || asked === undefined || asked !== repeated) return [];
    // An attempt that copied everything ended there; the next write is another one.
    if (to <= from || to - from >= asked) return [];
    const end = events.findIndex(({ name }, at) => at > next && name === "io_uring_complete");
    const begin = events.findLastIndex(({ name }, at) => at < index && name.startsWith("io_uring_submit"));
    const text = (value: number) => value.toLocaleString("en-US");
    const sentence = [
      `inline NOWAIT attempt of ${text(asked)} bytes began at ${text(from)}`,
      `copied ${text(to - from)} bytes and stopped`,
      "queued to io-wq",
      `io-wq appended all ${text(repeated)} bytes at ${text(to)}`,
      ...(end < 0 ? [] : [`completion returned ${text(number(events[end] as KernelEvent, "result") ?? 0)}`]),
    ].join("; ");
    return [{ sentence, to, begin: Math.max(0, begin), end: end < 0 ? events.length - 1 : end }];
  });
}
