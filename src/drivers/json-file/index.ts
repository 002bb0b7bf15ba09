/** A JSON file as the source of a live move: the store that an app leaves, shared by its processes. */
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Address } from "../../collection/change.ts";
import { compareText } from "../../collection/key.ts";
import { isPlainObject, setOwn, type Value } from "../../collection/value.ts";
import type { Driver, Rebuilt, ScanOptions, Stored } from "../../store/driver.ts";
import { runQuery } from "../../store/query.ts";
import type { OutboxEntry, SourceSide } from "../../store/side.ts";
import type { Contents, FileCollection, Row } from "./contents.ts";
import { JsonFile } from "./file.ts";
import { heldRevision } from "./judge.ts";

export { DOCUMENT, type FileCollection } from "./contents.ts";

export interface JsonFileOptions {
  /** Collections at the top of the file. All else there is the one record of the collection `document`. */
  readonly collections: readonly FileCollection[];
  /** Whose data the file holds. Default: `default`. */
  readonly tenant?: string;
}

const BATCH = 1000;

/**
 * Opens a JSON file as a side of a move. Until the fence is raised for the first time nothing lies beside the file
 * but its lock, while it is written.
 *
 * @throws {OutgrowError} with each call: BUNDLE_SYNTAX, ENCODING, SOURCE_EMPTY for a file that cannot be read;
 * ID_MISSING, ID_CONFLICT for records without a key of their own; FILE_LOCKED, STORE_WRITE, TARGET_FULL on writes.
 */
export function openJsonFile(path: string, options: JsonFileOptions): SourceSide {
  const file = new JsonFile(path, options.collections, options.tenant ?? "default");
  return {
    driver: driverOf(file),
    outbox: {
      async pending(limit) {
        const waiting = await file.state(({ journal }) => [...journal.waiting()]);
        const all = waiting.sort((a, b) => a.since - b.since).slice(0, limit);
        return all.map(({ collection, key, revision }): OutboxEntry => {
          return { tenant: file.tenant, collection, key, revision };
        });
      },
      settle: (delivered) => file.settle(delivered),
      async depth() {
        const all = await file.state(({ journal }) => [...journal.waiting()]);
        if (all.length === 0) return { count: 0, oldestMs: undefined };
        const oldest = all.reduce((least, { since }) => Math.min(least, since), Infinity);
        return { count: all.length, oldestMs: Math.max(0, Date.now() - oldest) };
      },
    },
    fence: { current: () => file.fence(), raise: (epoch) => file.raise(epoch) },
    foreignWrites: () => file.foreignWrites(),
    async snapshot() {
      const copy = await file.snapshot();
      return {
        spec: `json:${copy}`,
        [Symbol.asyncDispose]: () => rm(dirname(copy), { recursive: true, force: true }),
      };
    },
    leave: () => file.leave(),
  };
}

function driverOf(file: JsonFile): Driver {
  const rowsIn = (contents: Contents, { tenant, collection }: Address): ReadonlyMap<string, Row> =>
    tenant === file.tenant ? contents.rows(collection) : new Map<string, Row>();
  const scan = async function* (from: Address, options: ScanOptions = {}) {
    // Rows are immutable: what was there when the scan began is what it gives, with the revisions of then.
    const all = await file.state(({ contents, journal }) =>
      [...rowsIn(contents, from)].map(([key, row]) => {
        return [key, row, heldRevision(journal, from.collection, key, row)] as const;
      }),
    );
    if (options.order !== "position") all.sort(([a], [b]) => compareText(a, b));
    const size = options.size ?? BATCH;
    for (let at = 0; at < all.length; at += size) {
      options.signal?.throwIfAborted();
      yield all.slice(at, at + size).map(([key, row, revision]) => stored(key, row, revision));
    }
  };
  return {
    kind: "json-file",
    can: { transaction: true, durable: true, batch: { records: 10_000, bytes: 8 * 1024 * 1024 } },
    layouts: [],
    read: (from, keys) =>
      file.state(({ contents, journal }) => {
        const rows = rowsIn(contents, from);
        return keys.map((key) => {
          const row = rows.get(key);
          const revision =
            from.tenant === file.tenant
              ? heldRevision(journal, from.collection, key, row)
              : undefined;
          if (row !== undefined) return stored(key, row, revision);
          return revision && tombstone(key, revision);
        });
      }),
    scan,
    async *rebuild(from, options) {
      for await (const batch of scan(from, options)) {
        yield batch.map(({ key, value }): Rebuilt => ({ key, value, foreign: false }));
      }
    },
    commit: (commit) => file.commit(commit),
    count: (of) => file.state(({ contents }) => rowsIn(contents, of).size),
    query: (from, plan) => runQuery(scan(from), plan),
    issue: (count, epoch = 1) => file.issue(count, epoch),
  };
}

function stored(key: string, row: Row, revision: Stored["revision"] | undefined): Stored {
  return {
    key,
    state: "present",
    value: copyOf(row.value),
    revision: revision as Stored["revision"],
    digest: row.digest,
    position: undefined,
    exception: undefined,
  };
}

/** A caller's changes to what it was given are its own affair. */
function copyOf(value: Value): Value {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isPlainObject(value)) return value;
  const copy: Record<string, Value> = {};
  for (const [name, inner] of Object.entries(value)) setOwn(copy, name, copyOf(inner));
  return copy;
}

function tombstone(key: string, revision: Stored["revision"]): Stored {
  return {
    key,
    state: "deleted",
    value: undefined,
    revision,
    digest: new Uint8Array(),
    position: undefined,
    exception: undefined,
  };
}
