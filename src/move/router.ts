/**
 * The driver that an app's store stands on while its data moves: each call goes to the side, or sides, that the stage
 * in force names, exactly once to each.
 *
 * S1, S4. A write is captured in the authority's outbox by the very commit that stores it.
 * S5.     A write carries the epoch it was routed by. A side that refuses it as FENCED says that the stage has
 *         changed: the stage is read again, and the same write goes where it belongs now.
 *
 * A connection that is lost costs no call: it is made again here, and in no other layer. A write is made again only
 * when it is known that it has not been stored, or under the same revision.
 */
import type { Address } from "../collection/change.ts";
import type { Revision } from "../collection/revision.ts";
import { OutgrowError } from "../errors.ts";
import type { Capabilities, Commit, CommitReport, Driver, RecordWrite } from "../store/driver.ts";
import type { Side } from "../store/side.ts";
import type { Comparer, Pair } from "./compare.ts";
import type { Counts } from "./counts.ts";
import { type SideName, type Stage, stageOf } from "./stages.ts";
import type { MoveState } from "./state.ts";
import type { Viewer } from "./view.ts";

export interface RouterParts {
  readonly viewer: Viewer;
  readonly side: (name: SideName) => Promise<Side>;
  readonly counts: () => Counts;
  readonly comparer: () => Comparer;
  /** There is something in an outbox. */
  readonly captured: () => void;
}

/** How long a write waits for a change of stage to end. */
const WAIT_MS = 15_000;
const RETRY_MS = 20;
const ATTEMPTS = 6;

interface Route {
  readonly state: MoveState;
  readonly stage: Stage;
}

interface Serving {
  readonly name: SideName;
  readonly driver: Driver;
  readonly stage: Stage;
}

const LIMITS: Capabilities = {
  transaction: true,
  durable: true,
  batch: { records: 1000, bytes: 8 * 1024 * 1024 },
};

export class Router implements Driver {
  readonly kind = "move";
  readonly can = LIMITS;
  readonly layouts = [];
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  async #route(): Promise<Route> {
    const { viewer } = this.#parts;
    let state: MoveState;
    try {
      state = await viewer.soon();
    } catch (error) {
      state = await this.#standing(error);
    }
    return { state, stage: stageOf(state.stage) };
  }

  /**
   * The stages lie in the target, and up to shadow the app needs none of it (S2). Where they cannot be read, the last
   * one that was stands as long as its authority's fence has not risen: no change of stage ends without that, so
   * this is what the document would say. (SEMANTICS row 10: never a default.)
   */
  async #standing(error: unknown): Promise<MoveState> {
    const { viewer, side } = this.#parts;
    const known = viewer.last?.state;
    if (!OutgrowError.is(error, "STAGE_UNREADABLE") || known === undefined) throw error;
    let fence: number;
    try {
      fence = await (await side(stageOf(known.stage).authority)).fence.current();
    } catch {
      throw error;
    }
    if (fence <= known.epoch) return known;
    return (await viewer.refresh()).state;
  }

  async #serving(): Promise<Serving> {
    const { stage } = await this.#route();
    return { name: stage.reads, driver: (await this.#parts.side(stage.reads)).driver, stage };
  }

  /** A call that changes nothing, to the side that serves. */
  #asked<T>(call: (driver: Driver, serving: Serving) => Promise<T>): Promise<T> {
    return patiently(async () => {
      const serving = await this.#serving();
      const { name, driver } = serving;
      return this.#parts.counts().timed(name, "reads", () => call(driver, serving));
    });
  }

  read(from: Address, keys: readonly string[]): ReturnType<Driver["read"]> {
    return this.#asked(async (driver, { stage }) => {
      const found = await driver.read(from, keys);
      const { sampled } = stage;
      if (sampled !== undefined) {
        this.#parts.comparer().offer(from, keys, () => this.#pair(stage, sampled));
      }
      return found;
    });
  }

  async #pair(stage: Stage, otherName: SideName): Promise<Pair> {
    const [served, other] = await Promise.all([
      this.#parts.side(stage.reads),
      this.#parts.side(otherName),
    ]);
    return { served: served.driver, other: other.driver, otherName, outbox: served.outbox };
  }

  async *scan(...args: Parameters<Driver["scan"]>): ReturnType<Driver["scan"]> {
    yield* (await patiently(() => this.#serving())).driver.scan(...args);
  }

  async *rebuild(...args: Parameters<Driver["rebuild"]>): ReturnType<Driver["rebuild"]> {
    yield* (await patiently(() => this.#serving())).driver.rebuild(...args);
  }

  count(of: Address): Promise<number> {
    return this.#asked((driver) => driver.count(of));
  }

  query(...args: Parameters<Driver["query"]>): ReturnType<Driver["query"]> {
    return this.#asked((driver) => driver.query(...args));
  }

  /** Of the authority and the epoch in force; a write that is routed later gets others. */
  issue(count: number): Promise<readonly Revision[]> {
    return patiently(async () => {
      const { state, stage } = await this.#route();
      return (await this.#parts.side(stage.authority)).driver.issue(count, state.epoch);
    });
  }

  async commit(commit: Commit): Promise<CommitReport> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const route = await patiently(() => this.#route());
      try {
        return await this.#commitTo(route, commit);
      } catch (error) {
        if (!OutgrowError.is(error, "FENCED")) throw error;
        if (performance.now() > deadline) {
          throw new OutgrowError("STAGE_CHANGING", { detail: route.state.stage }, { cause: error });
        }
        await patiently(() => this.#parts.viewer.refresh());
        // Between the fence and the new stage there is no authority: that takes as long as a few deliveries.
        await sleep(RETRY_MS);
      }
    }
  }

  async #commitTo({ state, stage }: Route, commit: Commit): Promise<CommitReport> {
    const { driver } = await this.#parts.side(stage.authority);
    const writes = await issuedIn(driver, state.epoch, commit.writes);
    const capture = stage.mirrored !== undefined;
    const routed: Commit = { ...commit, writes, epoch: state.epoch, capture };
    const report = await this.#parts
      .counts()
      .timed(stage.authority, "writes", () => commitOnce(driver, routed));
    if (capture) this.#parts.captured();
    return report;
  }
}

/** A revision of an earlier epoch says that the stage has changed since it was issued. */
async function issuedIn(
  driver: Driver,
  epoch: number,
  writes: Commit["writes"],
): Promise<Commit["writes"]> {
  const records = writes.flatMap((write) => write.records);
  if (records.every(({ revision }) => Number(revision.split(".")[0]) === epoch)) return writes;
  const revisions = [...(await patiently(() => driver.issue(records.length, epoch)))];
  const anew = (record: RecordWrite): RecordWrite => {
    return { ...record, revision: revisions.shift() as Revision };
  };
  return writes.map((write) => ({ ...write, records: write.records.map(anew) }));
}

/** Failures that may pass, of a call that changes nothing. */
const ASKED_AGAIN = ["OUTCOME_UNKNOWN", "TARGET_BUSY", "TARGET_UNREACHABLE", "STAGE_UNREADABLE"];

async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const passing = OutgrowError.is(error) && ASKED_AGAIN.includes(error.code);
      if (!passing || attempt > ATTEMPTS) throw error;
      await sleep(delayOf(attempt));
    }
  }
}

/** Failures that may pass: nothing was stored, or it is not known. */
const PASSING = ["OUTCOME_UNKNOWN", "TARGET_BUSY", "TARGET_UNREACHABLE", "TIMEOUT"];

/** Said of an attempt after a lost one, they may be the doing of the lost one. */
const TELLING = ["WRITE_CONFLICT", "FENCED"];

/**
 * A commit of which it is known whether it took place: where the answer was lost, the keys' revisions tell. Tried
 * again it is the same commit under the same revisions, so it cannot take place twice.
 * @throws {OutgrowError} OUTCOME_UNKNOWN when they cannot be read either, or somebody wrote over them meanwhile
 * what had been written on condition.
 */
async function commitOnce(driver: Driver, commit: Commit): Promise<CommitReport> {
  let lost: OutgrowError | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await driver.commit(commit);
    } catch (error) {
      if (!OutgrowError.is(error)) throw error;
      const passing = PASSING.includes(error.code);
      // The condition fails on what a lost attempt of this very commit has stored; and what was stored before the fence
      // rose is stored, whatever the fence says of trying again.
      const telling = lost !== undefined && TELLING.includes(error.code);
      if (!passing && !telling) throw error;
      if (error.code === "OUTCOME_UNKNOWN") lost = error;
      if (passing) {
        if (attempt > ATTEMPTS) throw lost ?? error;
        await sleep(delayOf(attempt));
      }
      if (lost === undefined) continue;
      const found = await outcomeOf(driver, commit).catch(() => "unreadable" as const);
      if (found === "unreadable" && passing) continue;
      if (found === "applied") {
        const applied = commit.writes.reduce((sum, { records }) => sum + records.length, 0);
        return { applied, duplicate: 0, stale: 0, conflicts: [], spills: [] };
      }
      if (found !== "refused") throw lost;
      if (!passing) throw error;
    }
  }
}

async function outcomeOf(
  driver: Driver,
  { tenant, writes, expects = [] }: Commit,
): Promise<"applied" | "refused" | "unknown"> {
  for (const { collection, records } of writes) {
    const found = await driver.read(
      { tenant, collection },
      records.map(({ key }) => key),
    );
    for (const [index, { revision }] of records.entries()) {
      const there = found[index]?.revision;
      // One commit is stored as a whole: one of its records tells of all.
      if (there === revision) return "applied";
      if (there === undefined || there < revision) return "refused";
    }
  }
  // All of them were written over since. An unconditional write came before that, whether it took place or not.
  return expects.length === 0 ? "applied" : "unknown";
}

const delayOf = (attempt: number): number => Math.random() * RETRY_MS * 2 ** attempt;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
