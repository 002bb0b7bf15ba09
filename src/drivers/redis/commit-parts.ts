/**
 * A commit cut into what one script carries. Over TCP that is all of a batch; over HTTP it may be some of it. The same
 * commit is always cut in the same places.
 *
 * What an app writes is not cut: it holds as a whole, or not at all. Where that is too much for one request its values
 * are brought beforehand.
 */
import { OutgrowError } from "../../errors.ts";
import type { Commit, RecordWrite } from "../../store/driver.ts";
import { type Argument, argumentCost, type RedisConnection } from "./connection.ts";
import { knownText, valueText } from "./known.ts";
import type { CollectionNames } from "./names.ts";

/** A record as the script takes it. */
export interface Line {
  readonly record: RecordWrite;
  readonly key: string;
  readonly known: string;
  /** Bytes only where the connection takes them. */
  readonly value: Argument;
  /** Of a declared layout. */
  readonly cells: string;
}

/** Some records of one collection. */
export interface Section {
  readonly collection: string;
  readonly names: CollectionNames;
  readonly lines: readonly Line[];
}

/** What one script carries. */
export interface Part {
  readonly number: number;
  readonly of: number;
  readonly sections: readonly Section[];
  /** It is more than a request should carry, and not to be cut. */
  readonly large: boolean;
}

interface PartsContext {
  readonly connection: RedisConnection;
  readonly collections: ReadonlyMap<string, CollectionNames>;
}

const textOf = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a record takes of a request beside its own texts: lengths, separators. */
const OVERHEAD = 64;

export function partsOf(
  { connection, collections }: PartsContext,
  commit: Commit,
): readonly Part[] {
  const { limits } = connection;
  const isWhole = mustBeWhole(commit);
  const parts: Section[][] = [[]];
  let room = { records: limits.records, bytes: limits.bytes - ledgerCost(connection, commit) };
  for (const { collection, records } of commit.writes) {
    const names = collections.get(collection);
    if (names === undefined) throw new OutgrowError("MOVE_UNKNOWN", { collection });
    let lines: Line[] = [];
    const end = (): void => {
      if (lines.length > 0) parts.at(-1)?.push({ collection, names, lines });
      lines = [];
    };
    for (const record of records) {
      const line = lineOf(connection, record, names);
      const cost = costOf(connection, names, line);
      if (isWhole) room = { ...room, records: limits.records };
      else if (room.records === 0 || (cost > room.bytes && room.records < limits.records)) {
        end();
        parts.push([]);
        room = { records: limits.records, bytes: limits.bytes };
      }
      lines.push(line);
      room = { records: room.records - 1, bytes: room.bytes - cost };
    }
    end();
  }
  // What the ledger is told goes with the last part: it must fit even if the records left no room.
  if (room.bytes < 0 && !isWhole) parts.push([]);
  const large = room.bytes < 0 && isWhole;
  return parts.map((sections, index) => ({
    number: index + 1,
    of: parts.length,
    sections,
    large,
  }));
}

/** An app's write, whose condition, fence or outbox is promised together with all of its records. */
function mustBeWhole({ expects = [], epoch, capture }: Commit): boolean {
  return expects.length > 0 || epoch !== undefined || capture === true;
}

function lineOf(
  connection: RedisConnection,
  record: RecordWrite,
  { cells }: CollectionNames,
): Line {
  const isPresent = record.state === "present";
  const encoded = isPresent ? cells?.encode(record.value) : undefined;
  return {
    record,
    key: record.key,
    known: knownText(record),
    value: encoded?.body ?? (isPresent ? bodyOf(connection, record) : ""),
    cells: encoded?.cells ?? "",
  };
}

/** The record's own bytes in its source, where they are what we would write: no value is made of them then. */
function bodyOf({ takesBytes }: RedisConnection, record: RecordWrite): Argument {
  const bytes = record.written?.tagged;
  if (bytes === undefined) return valueText(record.value);
  return takesBytes === true ? bytes : textOf.decode(bytes);
}

function costOf(connection: RedisConnection, names: CollectionNames, line: Line): number {
  const { argument } = connection.limits;
  const value = argumentCost(connection, line.value);
  // Names are the prefix and the key, which control characters make longer: counted twice over.
  const name = names.prefix.length + 2 * connection.cost(line.key);
  return (
    OVERHEAD +
    name +
    connection.cost(line.known) +
    connection.cost(line.cells) +
    Math.min(value, argument) +
    // A record in conflict brings its bytes.
    (line.record.state === "conflict" ? Math.min(value, argument) : 0)
  );
}

/** What the ledger's part takes, most of it the bytes of quarantined records and the checkpoint. */
function ledgerCost(connection: RedisConnection, { ledger }: Commit): number {
  if (ledger === undefined) return 0;
  const { argument } = connection.limits;
  const bounded = (text: string): number => Math.min(connection.cost(text), argument);
  let cost = bounded(JSON.stringify(ledger.checkpoint ?? ""));
  cost += bounded(JSON.stringify(ledger.templates ?? ""));
  for (const { raw } of ledger.quarantine ?? []) {
    cost += Math.min(raw.length * 1.4 + 500, argument + 500);
  }
  return cost;
}
