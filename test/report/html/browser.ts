/**
 * A headless Chromium for the tests, driven through its DevTools protocol: opens one page and answers questions about it.
 *
 * Owns the browser's process and its profile directory; both are gone after `using`. Pages are local files: nothing is
 * fetched, and the browser's own background traffic is switched off.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--remote-debugging-port=0",
];

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Browser implements AsyncDisposable {
  /** Errors, warnings and failed loads that the page caused. */
  readonly problems: string[] = [];
  readonly #process: Bun.Subprocess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  #count = 0;

  private constructor(process: Bun.Subprocess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = (event) => this.#take(JSON.parse(String(event.data)) as Message);
  }

  static async start(): Promise<Browser> {
    const profile = mkdtempSync(join(os.tmpdir(), "bytewitness-browser-"));
    const words = [Bun.which("chromium") as string, ...FLAGS, `--user-data-dir=${profile}`, "about:blank"];
    // Its other temporary files go with the profile.
    const env = { ...process.env, TMPDIR: profile };
    const child = Bun.spawn(words, { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const portFile = join(profile, "DevToolsActivePort");
    while (!existsSync(portFile) || !readFileSync(portFile, "utf8").includes("\n")) {
      if (child.exitCode !== null) throw new Error(`chromium ended ${child.exitCode} before it answered`);
      await Bun.sleep(20);
    }
    const [port] = readFileSync(portFile, "utf8").split("\n");
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const url = targets.find(({ type }) => type === "page")?.webSocketDebuggerUrl as string;
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const browser = new Browser(child, profile, socket);
    for (const domain of ["Runtime", "Log", "Page", "Network"]) await browser.#send(`${domain}.enable`);
    return browser;
  }

  /** Loads a local page as a reader with this screen sees it; returns when it is loaded. */
  async open(path: string, view: View): Promise<void> {
    const { width, height, scheme } = view;
    await this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await this.#send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    const loaded = new Promise<void>((resolve) => this.#events.set("Page.loadEventFired", resolve));
    await this.#send("Page.navigate", { url: `file://${path}` });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = (await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value: Value }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value;
  }

  /** Presses a key in the page. */
  async press(key: "Tab" | "Enter"): Promise<void> {
    const code = key === "Tab" ? 9 : 13;
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" ? { text: "\r" } : {}) };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  #send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`)),
      );
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
      return;
    }
    const about = JSON.stringify(message.params);
    if (message.method === "Runtime.exceptionThrown" || message.method === "Network.loadingFailed")
      this.problems.push(about);
    if (message.method === "Log.entryAdded" || message.method === "Runtime.consoleAPICalled") this.problems.push(about);
    this.#events.get(message.method ?? "")?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    // Its helpers may write to the profile for a moment longer.
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  }
}
