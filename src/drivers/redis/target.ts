/** A Redis as a target: its ledger, and a driver for each move in it. */
import type { Address } from "../../collection/change.ts";
import { type Revision, revision } from "../../collection/revision.ts";
import { OutgrowError } from "../../errors.ts";
import type { Layout } from "../../layout/layout.ts";
import type {
  Capabilities,
  Commit,
  CommitReport,
  Driver,
  LiveTarget,
  ScanOptions,
  Stored,
  Target,
} from "../../store/driver.ts";
import { type Page, type QueryPlan, runQuery } from "../../store/query.ts";
import { collectionsOf, placesOf } from "./collections.ts";
import { type CommitContext, commitTo } from "./commit.ts";
import { type RedisConnection, texts } from "./connection.ts";
import { redisControl } from "./control.ts";
import { leaveMove } from "./leave.ts";
import { RedisLedger } from "./ledger.ts";
import { type LivePlace, redisSide } from "./live.ts";
import { liveNames } from "./names.ts";
import type { Preflight } from "./preflight.ts";
import { issueNumbers, listed, namesOf } from "./registry.ts";
import { count, read, rebuild, type ScanContext, scan } from "./scan.ts";

/** Writes of an app outrank every copy, which has epoch 0. */
const APP_EPOCH = 1;
/** A whole batch goes into one script over TCP; over HTTP it is cut, and this is what needs no cutting. */
const BATCH = { records: 10_000, bytes: 8 * 1024 * 1024 };
/** How long the log may take to be on disk. */
const WAIT_MS = "10000";

/** Closing the target closes the connection. */
export function redisTarget(
  connection: RedisConnection,
  checked: Preflight,
): Target & {
  /** What a person should know of this server. */
  readonly notes: readonly string[];
  readonly live: LiveTarget;
} {
  const can: Capabilities = {
    transaction: true,
    durable: checked.durable,
    batch: {
      records: Math.min(BATCH.records, connection.limits.records),
      bytes: Math.min(BATCH.bytes, connection.limits.bytes),
    },
  };
  const settleDown = async (): Promise<void> => {
    if (checked.waits && !checked.durable) await waitForLog(connection);
  };
  const ledger = new RedisLedger(connection, settleDown);
  const open = async (
    name: string,
  ): Promise<{ readonly driver: Driver; readonly place: LivePlace }> => {
    const where = await listed(connection, name);
    const move = where === undefined ? undefined : await ledger.find(name);
    if (where === undefined || move === undefined) {
      throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    }
    const names = namesOf(where);
    const live = liveNames(names.tag, name);
    const context: CommitContext = {
      connection,
      move: { name, names, live },
      collections: collectionsOf(where, move),
    };
    const layouts = move.collections.map(({ layout }) => layout);
    const { tenant } = move;
    return {
      driver: new RedisDriver(context, tenant, layouts, { ...can, commits: commitsOf(context) }),
      place: { connection, tenant, names: live, settleDown },
    };
  };
  return {
    kind: "redis",
    label: connection.label,
    ledger,
    notes: checked.notes,
    catalog: async () => {
      throw new OutgrowError("UNSUPPORTED", { detail: "Redis has no tables to bind to" });
    },
    open: async (name) => (await open(name)).driver,
    places(move) {
      const collections = [...collectionsOf(move, move)];
      return new Map(collections.map(([name, names]) => [name, placesOf(names)]));
    },
    live: {
      control: redisControl(connection, settleDown),
      async side(name) {
        const { driver, place } = await open(name);
        return redisSide(place, driver);
      },
      leave: (name, keep) => leaveMove({ connection, ledger, settleDown }, name, keep),
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/**
 * A second commit is on its way while the server is at the first. Not under declared layouts: there the first of two
 * records gets a name, and elements of a list lie in the order in which they came, and of two commits whose answers
 * were lost the later one may be the first to be done.
 */
function commitsOf({ connection, collections }: CommitContext): number {
  const isFree = [...collections.values()].every(({ cells }) => cells === undefined);
  return isFree && connection.inOrder === true ? 2 : 1;
}

/** Waits until what this connection wrote is on disk, where a log is kept at all. */
async function waitForLog(connection: RedisConnection): Promise<void> {
  const [reply] = await connection.send([["WAITAOF", "1", "0", WAIT_MS]]);
  // A server without a log refuses: that was declared.
  if (!Array.isArray(reply)) return;
  if (Number(texts(reply)[0]) < 1) throw new OutgrowError("TIMEOUT", { detail: "WAITAOF" });
}

class RedisDriver implements Driver {
  readonly kind = "redis";
  readonly can: Capabilities;
  readonly layouts: readonly Layout[];
  readonly #context: CommitContext;
  readonly #tenant: string;

  constructor(
    context: CommitContext,
    tenant: string,
    layouts: readonly Layout[],
    can: Capabilities,
  ) {
    this.#context = context;
    this.#tenant = tenant;
    this.layouts = layouts.map(anyKey);
    this.can = can;
  }

  /** `undefined` for another tenant, of whom a move has nothing. */
  #at(of: Address): ScanContext | undefined {
    const names = this.#context.collections.get(of.collection);
    if (names === undefined) {
      throw new OutgrowError("MOVE_UNKNOWN", { collection: of.collection });
    }
    if (of.tenant !== this.#tenant) return undefined;
    return { connection: this.#context.connection, names };
  }

  async read(from: Address, keys: readonly string[]): ReturnType<Driver["read"]> {
    const context = this.#at(from);
    return context === undefined ? keys.map(() => undefined) : read(context, keys);
  }

  scan(from: Address, options?: ScanOptions): ReturnType<Driver["scan"]> {
    const context = this.#at(from);
    return context === undefined ? nothing() : scan(context, options);
  }

  rebuild(from: Address, options?: ScanOptions): ReturnType<Driver["rebuild"]> {
    const context = this.#at(from);
    return context === undefined ? nothing() : rebuild(context, options);
  }

  async count(of: Address): Promise<number> {
    const context = this.#at(of);
    return context === undefined ? 0 : count(context);
  }

  query(from: Address, plan: QueryPlan): Promise<Page<Stored>> {
    return runQuery(this.scan(from), plan);
  }

  async issue(many: number, epoch = APP_EPOCH): Promise<readonly Revision[]> {
    const last = await issueNumbers(this.#context.connection, many, epoch);
    return Array.from({ length: many }, (_, at) => revision(epoch, last - many + 1 + at));
  }

  /** @throws {OutgrowError} also UNSUPPORTED, for another tenant's records: each has a hash tag of its own. */
  async commit(commit: Commit): Promise<CommitReport> {
    for (const { collection } of commit.writes) {
      if (this.#at({ tenant: commit.tenant, collection }) === undefined) {
        throw new OutgrowError("UNSUPPORTED", {
          collection,
          detail: "a move in Redis has one tenant",
        });
      }
    }
    return commitTo(this.#context, commit);
  }
}

/** The layout as callers see it: its tables mean nothing here, and a name can hold any key. */
function anyKey(layout: Layout): Layout {
  const [root, ...children] = layout.tables;
  return {
    ...layout,
    tables: [{ ...root, key: { name: root.key.name, codec: "ledger-key" } }, ...children],
  };
}

async function* nothing(): AsyncGenerator<never> {}
