/** The databases that the Postgres driver's tests run on: a server, and the embedded one. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digest } from "../../src/collection/canonical.ts";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import { dumpRevision, type Revision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { openPostgres } from "../../src/drivers/postgres/index.ts";
import type { Column, KeyColumn, Layout } from "../../src/layout/layout.ts";
import type { RecordWrite } from "../../src/store/driver.ts";
import type { NewMove } from "../../src/store/ledger.ts";
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
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
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
  { name: "title", codec: "text", property: "title", nullMeans: "absent" },
  { name: "count", codec: "integer", property: "count", nullMeans: "absent" },
  { name: "made_at", codec: "iso-timestamp", property: "madeAt", nullMeans: "null" },
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
    version: 1,
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
