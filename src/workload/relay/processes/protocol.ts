/**
 * What a run and its roles send each other: one JSON object per line, both ways.
 *
 * Owns the two unions. A message that is not here cannot be sent, and `type` alone decides what else a message holds.
 */

import type { JournalCall } from "../../journal.ts";
import type { SinkPlan, SinkResult } from "../ends/sink.ts";
import type { SourcePlan, SourceResult } from "../ends/source.ts";
import type { InjectionDone } from "../engine/inject.ts";
import type { RelayPlan, RelayResult } from "../engine/relay.ts";
import type { CallAnswer, CallQuestion } from "../evidence/attribution.ts";
import type { TapStream } from "../evidence/merge.ts";

export interface NetworkPlan {
  readonly interfaces: readonly { readonly name: string; readonly host: string }[];
  /** Every so many packets that leave this network are edited by the kernel. */
  readonly edit?: number;
}

/** From the run to a role. */
export type ToRole =
  /** In a network of its own: the interfaces are there, give them addresses. */
  | { readonly type: "interfaces"; readonly network: NetworkPlan }
  | { readonly type: "start-source"; readonly plan: SourcePlan }
  | { readonly type: "start-relay"; readonly plan: RelayPlan }
  | { readonly type: "start-sink"; readonly plan: SinkPlan }
  /** End your streams and report what you have. */
  | { readonly type: "stop" }
  /** To the relay: the sink saw damage, keep the calls around it. */
  | { readonly type: "damaged" }
  | { readonly type: "calls"; readonly questions: readonly CallQuestion[] }
  | { readonly type: "first-calls"; readonly count: number }
  /** Bring the newest calls of the journal. */
  | { readonly type: "journal" }
  | { readonly type: "quit" };

/** From a role to its run. */
export type FromRole =
  /** Alone in a new network, waiting for interfaces. */
  | { readonly type: "network" }
  | { readonly type: "joined" }
  | { readonly type: "listening"; readonly address: string }
  | { readonly type: "progress"; readonly bytes: number }
  | { readonly type: "narrate"; readonly line: string }
  | { readonly type: "damaged" }
  | { readonly type: "source-done"; readonly result: SourceResult; readonly edited: number }
  | {
      readonly type: "relay-done";
      readonly result: RelayResult;
      readonly injected: InjectionDone | undefined;
      readonly tapped: readonly TapStream[] | undefined;
    }
  | { readonly type: "sink-done"; readonly result: SinkResult }
  | { readonly type: "calls"; readonly answers: readonly CallAnswer[] }
  | { readonly type: "first-calls"; readonly calls: readonly JournalCall[] }
  | { readonly type: "journal"; readonly calls: readonly JournalCall[]; readonly dropped: number }
  | { readonly type: "failed"; readonly name: string; readonly message: string };

/** The message of one type. */
export type Of<Message extends { readonly type: string }, Type extends Message["type"]> = Extract<
  Message,
  { readonly type: Type }
>;
