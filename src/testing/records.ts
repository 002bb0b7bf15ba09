/** Records as the copy loop writes them, and what the suites compare them by. */
import { canonicalText, digest } from "../collection/canonical.ts";
import { digestHex } from "../collection/digest-sum.ts";
import { encodeKey, type Key } from "../collection/key.ts";
import { dumpRevision, type Revision } from "../collection/revision.ts";
import { fromTaggedJson, toTaggedJson } from "../collection/tagged-json.ts";
import type { Value } from "../collection/value.ts";
import type { RecordWrite, Stored } from "../store/driver.ts";
import type { Quarantined, QuarantineEntry } from "../store/ledger.ts";

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export function record(
  key: Key,
  value: Value,
  options: Partial<Pick<RecordWrite, "revision" | "position" | "exception">> = {},
): RecordWrite {
  const { revision = dumpRevision(1), position, exception } = options;
  return {
    key: encodeKey(key),
    state: "present",
    value,
    revision,
    digest: digest(value),
    position,
    exception,
    origin: () => ({ file: "suite.json", offset: 7, raw: utf8.encode(toTaggedJson(value)) }),
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

/** A record whose key the source holds twice in the same batch. */
export function twice(key: Key, value: Value, revision?: Revision): RecordWrite {
  return { ...record(key, value, revision === undefined ? {} : { revision }), state: "conflict" };
}

/** An entry of quarantine as a reader makes it. */
export function unreadable(changes: Partial<QuarantineEntry> = {}): QuarantineEntry {
  return {
    collection: "things",
    key: undefined,
    code: "JSON_SYNTAX",
    detail: undefined,
    file: "suite.json",
    offset: 12,
    position: 3,
    raw: new Uint8Array([0, 123, 255]),
    ...changes,
  };
}

/** All that a store has to give back of a record. */
export function heldText(one: RecordWrite | Stored | undefined): unknown {
  if (one === undefined) return "nothing";
  const { key, state, value, revision, digest: sum, position, exception } = one;
  const said = state === "present" ? canonicalText(value) : "";
  return { key, state, said, revision, digest: digestHex(sum), position, exception };
}

/** What quarantined bytes say, as canonical text. */
export function rawTexts(entries: readonly Quarantined[]): string[] {
  return entries.map(({ raw }) => canonicalText(fromTaggedJson(fromUtf8.decode(raw))));
}
