/**
 * Whatever fails outside a report ends with the contract's code: never 0, and never 1, which means corruption.
 *
 * Owns the last handlers of a process: uncaught exceptions, unhandled rejections, errors of Workers that no one listens
 * to, an end in the middle of a run. bunfig.toml preloads it, so that even a script that does not load ends 255; the door
 * imports it for scripts elsewhere. Refuses to import anything: what is broken must not break it. Workers and test files keep Bun's handlers.
 */

/** Turns a failure into an exit code, after clean-up; it prints its own line. */
export type Ending = (error: unknown) => Promise<number> | number;

const OWN_FAILURE = 255;
/** Clean-up that takes longer is given up. */
const ENDING_MS_MAX = 2000;

let name = (Bun.main.split("/").at(-1) ?? "").replace(/\.[cm]?[jt]sx?$/, "") || "bytewitness";
let running = false;
let settled = false;
let failing = false;
let ending: Ending | undefined;

/** From now on this process owes an exit code: an end without `settle` is our failure. */
export function enter(tool: string, atFailure: Ending): void {
  name = tool;
  running = true;
  ending = atFailure;
}

/** Ends the process with the code that its work came to, unless a failure is already ending it. */
export async function settle(code: number): Promise<never> {
  await unlessFailing();
  return exit(code);
}

/** Continues only where nothing has failed: after a failure, no report may come out. */
export async function unlessFailing(): Promise<void> {
  if (failing) await new Promise(() => {});
}

function exit(code: number): never {
  settled = true;
  process.exit(code);
}

function print(text: string): void {
  try {
    require("node:fs").writeSync(2, `${name}: ${text}\n`);
  } catch {
    // stderr is closed; the exit code is the message.
  }
}

/** One line: what Bun prints about a module that does not load has more. */
function lineOf(error: unknown): string {
  if (!(error instanceof Error) && !(typeof error === "object" && error !== null && "message" in error)) {
    return String(error)
      .trim()
      .replaceAll(/\s*\n\s*/g, " ");
  }
  const { stack, message } = error as { stack?: string; message: string };
  const loading = ["ResolveMessage", "BuildMessage", "AggregateError", "SyntaxError"];
  const kind = (error as { name?: string }).name ?? (error as object).constructor.name;
  const text = loading.includes(kind) || stack === undefined ? `${kind}: ${message}` : stack;
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}

async function fail(error: unknown): Promise<void> {
  if (failing) return;
  failing = true;
  // A stuck clean-up must not keep the process.
  setTimeout(() => exit(OWN_FAILURE), ENDING_MS_MAX);
  if (ending !== undefined) exit(await Promise.resolve(ending(error)).catch(() => OWN_FAILURE));
  const ofMachine = error instanceof Error && error.name === "Surroundings";
  print(ofMachine ? error.message : `our own failure, not the kernel's: ${lineOf(error)}`);
  exit(OWN_FAILURE);
}

/** Bun forgets an error of a Worker that has no listener for it; here it is one of this process. */
function hearWorkers(): void {
  const Silent = globalThis.Worker;
  globalThis.Worker = class extends Silent {
    #heard = false;

    constructor(...how: ConstructorParameters<typeof Silent>) {
      super(...how);
      super.addEventListener("error", ({ message }) => {
        if (!this.#heard && typeof this.onerror !== "function") void fail(`in a Worker: ${message}`);
      });
    }

    override addEventListener(type: string, ...rest: unknown[]): void {
      if (type === "error") this.#heard = true;
      (super.addEventListener as (type: string, ...rest: unknown[]) => void)(type, ...rest);
    }
  };
}

const ofTests = /[._](?:test|spec)\.[cm]?[jt]sx?$/.test(Bun.main);
if (Bun.isMainThread && !ofTests) {
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  hearWorkers();
  process.on("exit", (code) => {
    // A run that never came to its report, or a script that ends the process in the middle of one.
    if (!running || settled || code > 1) return;
    print("our own failure, not the kernel's: the process ended before its report");
    process.exitCode = OWN_FAILURE;
  });
}
