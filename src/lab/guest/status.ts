/**
 * The guest's status port: what its init reports of a boot and of the script's end, put together with QEMU's own end.
 *
 * Owns the words of that port. Refuses to judge: `end` is how the guest ended, not what that means.
 */
import type { GuestResult } from "./qemu.ts";

/** Seconds of a boot: QEMU and its firmware until the kernel's clock starts, the kernel until init, init until the script. */
export interface BootParts {
  readonly firmware: number;
  readonly kernel: number;
  readonly init: number;
}

/** The status port: "start UPTIME INIT-UPTIME", "end UPTIME", "verdict CODE", "failed WHY", "exit CODE", one a line. */
export class StatusReader {
  readonly #startedAt: number;
  readonly #onStart: () => void;
  #text = "";
  #bootSeconds: number | undefined;
  #bootParts: BootParts | undefined;
  #guestStart: number | undefined;
  #guestEnd: number | undefined;
  #exitCode: number | undefined;
  #announced: number | undefined;
  #failed: string | undefined;

  constructor(startedAt: number, onStart: () => void) {
    this.#startedAt = startedAt;
    this.#onStart = onStart;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#text + new TextDecoder().decode(bytes)).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      const [word, ...rest] = line.split(" ");
      const value = rest.join(" ");
      if (word === "start") {
        const [uptime = 0, begun = 0] = rest.map(Number);
        this.#bootSeconds = (performance.now() - this.#startedAt) / 1000;
        this.#bootParts = { firmware: this.#bootSeconds - uptime, kernel: begun, init: uptime - begun };
        this.#guestStart = uptime;
        this.#onStart();
      } else if (word === "end") this.#guestEnd = Number(value);
      else if (word === "exit") this.#exitCode = Number(value);
      else if (word === "verdict") this.#announced = Number(value);
      else if (word === "failed") this.#failed = value;
    }
  }

  result(
    cut: "timeout" | "stopped" | undefined,
    output: string,
  ): Omit<GuestResult, "events" | "consoleTail" | "processorSeconds" | "bootProcessorSeconds"> {
    const scriptSeconds =
      this.#guestStart === undefined || this.#guestEnd === undefined ? undefined : this.#guestEnd - this.#guestStart;
    const common = {
      exitCode: this.#exitCode,
      announced: this.#announced,
      bootSeconds: this.#bootSeconds,
      bootParts: this.#bootParts,
      scriptSeconds,
    };
    if (this.#exitCode !== undefined) return { end: "exited", why: undefined, ...common };
    if (cut !== undefined) return { end: cut, why: undefined, ...common };
    if (this.#failed !== undefined) return { end: "failed", why: this.#failed, ...common };
    return { end: "died", why: output || undefined, ...common };
  }
}
