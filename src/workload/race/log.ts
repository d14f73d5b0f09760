/**
 * Races appenders for the end of a log, round after round, and judges every record of every round.
 *
 * Owns the rounds: a new file each, read back whole by a descriptor of its own, removed when it is whole; the first bad
 * one becomes evidence. What the writers do is the caller's (`WriterSpec`), what the bytes mean is the judge's.
 */

import type { Finding } from "../../judge/finding.ts";
import { recordLogInTurns } from "../../judge/record-log.ts";
import { selfTestRecordLog } from "../../judge/record-log-self-test.ts";
import { Inconclusive } from "../../ops/errors.ts";
import { openFile } from "../../ops/file.ts";
import { type Mapping, mapAnonymous } from "../../ops/mapping.ts";
import { MiB, PAGE_BYTES } from "../../ops/memory.ts";
import { statPath } from "../../ops/stat.ts";
import type { Stage } from "../../place/stage.ts";
import { O_APPEND, O_RDWR } from "../../sys/uapi/fcntl.ts";
import { breathing } from "../breathing.ts";
import type { Outcome, RunContext } from "../context.ts";
import { type Reading, readBack } from "../readback.ts";
import { withLongSecondReading } from "../second-reading.ts";
import { RecordRace, type WriterSpec } from "./race.ts";

/** Who appends what to one log. */
export interface LogRace {
  readonly writers: readonly WriterSpec[];
  /** Runs sync_file_range(SYNC_FILE_RANGE_WRITE) over the whole file this often; undefined: never. */
  readonly writebackEveryUs: number | undefined;
  readonly seconds: number;
  /** Enough: no further round when this many records are torn. */
  readonly tornMax: number;
  /** Number of the first file; the rounds count on from it. */
  readonly firstFile: number;
}

/** What a race of appenders left. */
export interface LogRaceResult {
  /** Records of writer 0 that were reported written whole, and how many of them lie in pieces. */
  readonly records: number;
  readonly torn: number;
  /** When the first torn record's round was over, from the start of this race. */
  readonly firstTornSeconds: number | undefined;
  readonly findings: readonly Finding[];
  /** Inline writes that stopped half-way, null when that cannot be seen here; and how it was seen. */
  readonly shortWrites: number | null;
  readonly how: string;
  readonly totals: { bytesWritten: number; bytesVerified: number; files: number; calls: number; writebacks: number };
}

export type MergedRaces = Required<Pick<Outcome, "findings" | "findingsLeftOut" | "trigger" | "totals">>;

/** A round is so many of writer 0's records, and is held in memory: at most 128 MiB. */
const ROUND_RECORDS = 16;
const ROUND_BYTES_MIN = 16 * MiB;
const ROUND_BYTES_MAX = 128 * MiB;
const ROUND_SECONDS = 1;
const ROUND_SECONDS_MIN = 0.05;
/** A race from which on rounds are as long as they may be. */
const ROUNDS_SECONDS = 4;
/** Of the time left, what a round may use by the measure of the last one: the next one may cost more. */
const SHARE = 0.8;

/** Runs rounds until the time is over, enough is torn, or a signal came. */
export async function raceLog(run: RunContext, stage: Stage, race: LogRace): Promise<LogRaceResult> {
  const broken = selfTestRecordLog();
  if (broken !== undefined) throw new Inconclusive(`the judge of records failed its self-test: ${broken}`);
  const startedSeconds = run.elapsedSeconds;
  await using threads = new RecordRace(race);
  const elapsed = () => run.elapsedSeconds - startedSeconds;
  const totals = { bytesWritten: 0, bytesVerified: 0, files: 0, calls: 0, writebacks: 0 };
  const findings: Finding[] = [];
  let kept = false;
  const wantedBytes = ROUND_RECORDS * (race.writers[0]?.recordBytes ?? 0);
  // A short race has short rounds: one that is too long to judge in time would overrun it.
  const share = Math.min(1, race.seconds / ROUNDS_SECONDS);
  const bytesMax = Math.max(ROUND_BYTES_MIN, share * Math.min(ROUND_BYTES_MAX, wantedBytes));
  let [records, torn, how] = [0, 0, ""];
  let shortWrites: number | null = 0;
  let firstTornSeconds: number | undefined;
  // What a round takes for each of its own seconds: making the file, judging the records. Measured by the last one.
  let costPerSecond = 4;
  const roundSeconds = () => Math.min(ROUND_SECONDS, (SHARE * (race.seconds - elapsed())) / costPerSecond);
  using held = new HeldFile();
  do {
    using log = stage.create(race.firstFile + totals.files);
    const path = log.label;
    const generation = (race.firstFile + totals.files) % 4096;
    const open = () => openFile(path, { flags: O_RDWR | O_APPEND });
    const begunSeconds = elapsed();
    const seconds = Math.max(ROUND_SECONDS_MIN, roundSeconds());
    const round = await threads.round({ open, generation, seconds, bytesMax });
    const expected = { generation, tallies: round.tallies, file: path };
    const judged = (reading: Reading) => breathing(run, recordLogInTurns(held.read(path, reading), expected));
    const judgement = await judged(readBack);
    const found = await withLongSecondReading(path, judgement.findings, judged);
    const [large] = judgement.whole;
    records += large?.records ?? 0;
    torn += large?.torn ?? 0;
    if (found.length > 0) firstTornSeconds ??= elapsed();
    if (found.length > 0 && !kept) {
      kept = true;
      const place = stage.keep(path);
      findings.push(...found.map((finding) => ({ ...finding, file: place })));
    } else {
      stage.remove(path);
      findings.push(...found);
    }
    shortWrites = round.shortWrites === null || shortWrites === null ? null : shortWrites + round.shortWrites;
    how = round.how;
    const pressed = round.pressure === undefined ? undefined : `pressure: ${round.pressure}`;
    if (pressed !== undefined && !stage.conditions.includes(pressed)) stage.conditions.push(pressed);
    totals.files += 1;
    totals.calls += round.tallies.reduce((sum, tally) => sum + tally.records, 0);
    totals.bytesWritten += round.tallies.reduce((sum, tally) => sum + tally.records * tally.recordBytes, 0);
    totals.bytesVerified += judgement.verifiedBytes;
    totals.writebacks += round.writebacks;
    run.progress({ done: elapsed(), total: race.seconds, bytes: totals.bytesWritten, label: `${torn} torn` });
    await run.breathe();
    costPerSecond = Math.max(1, (elapsed() - begunSeconds) / seconds);
  } while (torn < race.tornMax && roundSeconds() >= ROUND_SECONDS_MIN && !run.stopped);
  return { records, torn, firstTornSeconds, findings, shortWrites, how, totals };
}

/** Several races as one outcome; of the findings, the first `listedMax` are listed and the others counted. */
export function mergeRaces(results: readonly LogRaceResult[], options: { listedMax: number }): MergedRaces {
  const sum = (of: (result: LogRaceResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const findings = results.flatMap((result) => result.findings);
  const records = sum((result) => result.records);
  const torn = sum((result) => result.torn);
  const first = results.find((result) => result.firstTornSeconds !== undefined)?.firstTornSeconds;
  const seen = results.some((result) => result.shortWrites === null)
    ? null
    : sum(({ shortWrites }) => shortWrites ?? 0);
  return {
    findings: findings.slice(0, options.listedMax),
    findingsLeftOut: Math.max(0, findings.length - options.listedMax),
    // A record in pieces proves the path where nothing else shows it.
    trigger: {
      reached: torn > 0 ? Math.max(torn, seen ?? 0) : seen,
      attempts: records,
      how:
        seen === null && torn > 0 ? "records in pieces prove it" : (results.find(({ how }) => how !== "")?.how ?? ""),
    },
    totals: {
      bytesWritten: sum(({ totals }) => totals.bytesWritten),
      bytesVerified: sum(({ totals }) => totals.bytesVerified),
      files: sum(({ totals }) => totals.files),
      calls: sum(({ totals }) => totals.calls),
      writebacks: sum(({ totals }) => totals.writebacks),
      records,
      torn,
      ...(first === undefined ? {} : { firstFindingSeconds: Math.round(first * 1000) / 1000 }),
    },
  };
}

/** A whole file in memory: a round is small enough for that, and the judge looks at every record from all sides. */
class HeldFile implements Disposable {
  #mapping: Mapping | undefined;

  /** The file's bytes until the next reading. The memory is used again, for making it costs more than the reading. */
  read(path: string, reading: Reading): Uint8Array {
    const { sizeBytes } = statPath(path);
    if (this.#mapping === undefined || this.#mapping.lengthBytes < sizeBytes) {
      this.#mapping?.[Symbol.dispose]();
      this.#mapping = mapAnonymous({ lengthBytes: Math.max(PAGE_BYTES, sizeBytes) });
    }
    const { bytes } = this.#mapping;
    let at = 0;
    reading(path, (block) => {
      bytes.set(block, at);
      at += block.length;
    });
    return bytes.subarray(0, at);
  }

  [Symbol.dispose](): void {
    this.#mapping?.[Symbol.dispose]();
  }
}
