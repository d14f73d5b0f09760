/**
 * The run's side of a role: a child process, and messages both ways.
 *
 * Owns starting, asking, waiting and ending the child. A child that dies or fails makes every wait fail with a
 * `RoleFailure` that names the role and the reason.
 */
import type { Subprocess } from "bun";
import { AddressError } from "../../../ops/address.ts";
import { Inconclusive, UsageError } from "../../../ops/errors.ts";
import { ownCommand, scriptPath } from "../../../ops/self.ts";
import { ROLE_VARIABLE, type RoleName, type RoleStart } from "./child.ts";
import type { FromRole, Of, ToRole } from "./protocol.ts";

/** A role that could not do its part. `systemRefused` when the kernel refused, false when we are wrong. */
export class RoleFailure extends Error {
  override readonly name = "RoleFailure";
  readonly systemRefused: boolean;

  constructor(role: RoleName, message: string, systemRefused: boolean) {
    super(`${role}: ${message}`);
    this.systemRefused = systemRefused;
  }
}

/** What the kernel refuses a role is not a finding, and a bad address is a bad argument. */
export async function refusalsNamed<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    if (error instanceof RoleFailure && error.systemRefused) throw new Inconclusive(error.message);
    throw error;
  }
}

interface WaitingMessage {
  readonly type: FromRole["type"];
  readonly resolve: (message: FromRole) => void;
  readonly reject: (error: Error) => void;
}

export class RoleProcess {
  readonly role: RoleName;
  /** Called for messages no one waits for: progress, narration. */
  onMessage: (message: FromRole) => void = () => {};
  readonly #child: Subprocess<"pipe", "pipe", "inherit">;
  readonly #waiting: WaitingMessage[] = [];
  readonly #unread: FromRole[] = [];
  #failure: Error | undefined;
  readonly #reading: Promise<void>;

  /** `extraFds` become descriptors 3 and up of the child. */
  constructor(role: RoleName, options: { ownNetwork: boolean; extraFds?: readonly number[] }) {
    this.role = role;
    const start: RoleStart = { role, parentPid: process.pid, ownNetwork: options.ownNetwork };
    this.#child = Bun.spawn(ownCommand(scriptPath()), {
      env: { ...process.env, [ROLE_VARIABLE]: JSON.stringify(start) },
      stdio: ["pipe", "pipe", "inherit", ...(options.extraFds ?? [])],
    }) as Subprocess<"pipe", "pipe", "inherit">;
    this.#reading = this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  send(message: ToRole): void {
    try {
      this.#child.stdin.write(`${JSON.stringify(message)}\n`);
      this.#child.stdin.flush();
    } catch {
      // A child that is gone is reported by the wait for its answer.
    }
  }

  /** The next message of `type`. */
  wait<Type extends FromRole["type"]>(type: Type): Promise<Of<FromRole, Type>> {
    const index = this.#unread.findIndex((message) => message.type === type);
    if (index >= 0) return Promise.resolve(this.#unread.splice(index, 1)[0] as Of<FromRole, Type>);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ type, resolve: resolve as WaitingMessage["resolve"], reject });
    });
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let buffered = "";
    for await (const chunk of this.#child.stdout) {
      buffered += decoder.decode(chunk, { stream: true });
      const lines = buffered.split("\n");
      buffered = lines.pop() ?? "";
      for (const line of lines) this.#receive(JSON.parse(line) as FromRole);
    }
    await this.#child.exited;
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
    // No bug of ours sends SIGKILL: that is the kernel out of memory, or a person.
    const killed = this.#child.signalCode === "SIGKILL";
    this.#fail(new RoleFailure(this.role, `ended early (${how})`, killed));
  }

  #receive(message: FromRole): void {
    if (message.type === "failed") {
      const known = ["SyscallError", "AddressError", "RoleRefusal"].includes(message.name);
      this.#fail(new RoleFailure(this.role, message.message, known));
      return;
    }
    const index = this.#waiting.findIndex((waiting) => waiting.type === message.type);
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(message);
    else if (message.type === "progress" || message.type === "narrate" || message.type === "damaged") {
      this.onMessage(message);
    } else this.#unread.push(message);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
  }

  /** CPU seconds the child used; only after it has ended. */
  get cpuSeconds(): number {
    const usage = this.#child.resourceUsage();
    return usage === undefined ? 0 : Number(usage.cpuTime.total) / 1e6;
  }

  /** Largest resident set, in bytes; only after it has ended. */
  get residentBytesMax(): number {
    const usage = this.#child.resourceUsage();
    return usage?.maxRSS ?? 0;
  }

  /** Asks the child to end, and ends it when it does not within `graceMs`. */
  async end(graceMs = 1000): Promise<void> {
    this.send({ type: "quit" });
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), graceMs);
    await this.#child.exited;
    clearTimeout(timer);
    await this.#reading.catch(() => {});
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
