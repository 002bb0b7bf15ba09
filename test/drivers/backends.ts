/** The databases that the Postgres driver's tests run on: a server, and the embedded one. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { digest } from "../../src/collection/canonical.ts";
import type { Address } from "../../src/collection/change.ts";
import { digestHex } from "../../src/collection/digest-sum.ts";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import { dumpRevision, type Revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { openPostgres } from "../../src/drivers/postgres/index.ts";
import type { Column, KeyColumn, Layout } from "../../src/layout/layout.ts";
import type {
  CommitReport,
  Driver,
  LedgerWrite,
  RecordWrite,
  Target,
} from "../../src/store/driver.ts";
import type { CollectionCounts, NewMove, Quarantined } from "../../src/store/ledger.ts";
import { endWithProcess } from "../support/end-with-process.ts";
import { freshDatabase } from "../support/postgres.ts";

export interface Opened extends AsyncDisposable {
  readonly database: SqlDatabase;
}

export interface Backend {
  readonly name: "postgres" | "pglite";
  /** A new, empty database. */
  open(): Promise<Opened>;
}

const folder = mkdtempSync(join(tmpdir(), "outgrow-driver-"));
endWithProcess({ endAtOnce: () => rmSync(folder, { recursive: true, force: true }) });
let template: Promise<string> | undefined;
let made = 0;

/** Making an embedded database takes a second, copying one does not. */
async function embeddedTemplate(): Promise<string> {
  const directory = join(folder, "template");
  await (await openPglite(directory))[Symbol.asyncDispose]();
  return directory;
}

export const backends: readonly Backend[] = [
  {
    name: "postgres",
    async open() {
      const fresh = await freshDatabase();
      const database = await openPostgres(fresh.url);
      return {
        database,
        async [Symbol.asyncDispose]() {
          await database[Symbol.asyncDispose]();
          await fresh.drop();
        },
      };
    },
  },
  {
    name: "pglite",
    async open() {
      template ??= embeddedTemplate();
      const directory = join(folder, `database-${made++}`);
      cpSync(await template, directory, { recursive: true });
      const database = await openPglite(directory);
      return {
        database,
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      };
    },
  },
];

export const columns: readonly Column[] = [
  { name: "title", codec: "text", path: ["title"], nullMeans: "absent" },
  { name: "count", codec: "integer", path: ["count"], nullMeans: "absent" },
  { name: "made_at", codec: "iso-timestamp", path: ["madeAt"], nullMeans: "null" },
];

/** A layout with a few columns; its key comes with each record. */
export function layoutOf(
  collection: string,
  options: {
    readonly key?: KeyColumn["codec"];
    readonly tenantColumn?: string;
    readonly table?: string;
    readonly columns?: readonly Column[];
  } = {},
): Layout {
  return {
    version: 2,
    collection,
    key: { from: "format" },
    tables: [
      {
        name: options.table ?? collection,
        tenantColumn: options.tenantColumn,
        key: { name: "id", codec: options.key ?? "text" },
        columns: options.columns ?? columns,
        restColumn: "rest",
      },
    ],
  };
}

export function newMove(layouts: readonly Layout[], options: Partial<NewMove> = {}): NewMove {
  return {
    name: "move",
    tenant: "default",
    schema: "public",
    files: [],
    collections: layouts.map((layout) => ({ name: layout.collection, layout })),
    ...options,
  };
}

/** A record of a dump as the copy loop would write it. */
export function record(
  key: Key,
  value: Value,
  options: { readonly revision?: Revision; readonly position?: number } = {},
): RecordWrite {
  const { revision = dumpRevision(1), position } = options;
  return {
    key: encodeKey(key),
    state: "present",
    value,
    revision,
    digest: digest(value),
    position,
    exception: undefined,
    origin: () => ({ file: "dump.json", offset: 7, raw: Buffer.from(JSON.stringify(value)) }),
  };
}

export function deletion(key: Key, revision: Revision = dumpRevision(1)): RecordWrite {
  return {
    key: encodeKey(key),
    state: "deleted",
    value: undefined,
    revision,
    digest: new Uint8Array(),
    position: undefined,
    exception: undefined,
  };
}

/** The code of what a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: { readonly code?: string; readonly message?: string }) =>
      error.code ?? error.message ?? "",
  );
}

/** A move with what tests do to its collection `things`. */
export interface MoveAtHand {
  readonly name: string;
  readonly schema: string;
  readonly driver: Driver;
  /** Commits as the copy loop does, with the counts that belong to it. */
  put(records: readonly RecordWrite[], ledger?: LedgerWrite): Promise<CommitReport>;
  /** What the app's table says, by key without its tag. */
  rows(from?: Address): Promise<Record<string, Value>>;
  /** @throws when they do not add up: law T1 */
  counts(): Promise<CollectionCounts>;
  quarantined(): Promise<readonly Quarantined[]>;
}

export type MakeMove = (
  layouts?: readonly Layout[],
  options?: Partial<NewMove>,
) => Promise<MoveAtHand>;

/** Makes moves for tests, each in a schema of its own. */
export function workbench(target: Target): MakeMove {
  let number = 0;
  return async (layouts = [layoutOf("things")], options = {}) => {
    const name = `move-${number++}`;
    const schema = options.schema ?? name;
    await target.ledger.create(newMove(layouts, { name, ...options, schema }));
    const driver = await target.open(name);
    return {
      name,
      schema,
      driver,
      put: (records, ledger = {}) =>
        driver.commit({
          tenant: "default",
          writes: [{ collection: "things", records }],
          ledger: { read: { things: records.length }, ...ledger },
        }),
      async rows(from = { tenant: "default", collection: "things" }) {
        const found: Record<string, Value> = {};
        for await (const batch of driver.rebuild(from)) {
          for (const { key, value } of batch) found[key.slice(1)] = value;
        }
        await expectDigests(driver, from, found);
        return found;
      },
      async counts() {
        const counts = (await target.ledger.find(name))?.counts["things"] as CollectionCounts;
        const { read, applied, duplicate, stale, quarantined } = counts;
        if (applied + duplicate + stale + quarantined !== read) throw new Error("T1 is broken");
        return counts;
      },
      quarantined: () => target.ledger.quarantined(name),
    };
  };
}

/** Stores that tell digests tell those of the records that they rebuild, each once. */
async function expectDigests(
  driver: Driver,
  from: Address,
  rebuilt: Readonly<Record<string, Value>>,
): Promise<void> {
  const told: string[][] = [];
  await driver.digests?.(from, (key, found) => told.push([key.slice(1), digestHex(found)]));
  if (driver.digests === undefined) return;
  const wanted = Object.entries(rebuilt).map(([key, value]) => [key, digestHex(digest(value))]);
  expect(told.sort()).toEqual(wanted.sort());
}

/** The raw bytes of quarantined records, as JSON. */
export function raws(entries: readonly Quarantined[]): unknown[] {
  return entries.map(({ raw }) => JSON.parse(Buffer.from(raw).toString()));
}
