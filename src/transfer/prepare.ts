/**
 * From a batch of the source to what the target commits: keys, digests, forms; and what goes to quarantine
 * instead. A record may be moved from one list to another here. It may not be lost: T1.
 */
import { setImmediate as breathe } from "node:timers/promises";
import { digest as digestOf } from "../collection/canonical.ts";
import { encodeKey, type Key } from "../collection/key.ts";
import type { Exception, NameTemplates } from "../collection/name-order.ts";
import type { Revision } from "../collection/revision.ts";
import { LIMITS, type Value } from "../collection/value.ts";
import type { ErrorCode } from "../errors.ts";
import type { SourceBatch, SourceRecord } from "../formats/format.ts";
import type { CompiledLayout } from "../layout/compile.ts";
import type { Written } from "../layout/encode-row.ts";
import { asKey, keyAt, keyBytes } from "../layout/profile.ts";
import type { RecordWrite } from "../store/driver.ts";
import type { QuarantineEntry } from "../store/ledger.ts";

export interface Prepared {
  readonly writes: RecordWrite[];
  readonly quarantine: QuarantineEntry[];
  /** Identical repetitions within the batch. */
  readonly duplicates: number;
  readonly read: number;
}

export interface Preparation {
  readonly layout: CompiledLayout;
  readonly templates: NameTemplates;
  readonly revision: Revision;
  /** Name of the file, for the place of what is quarantined. */
  readonly file: string;
  /** Reads a record's bytes once more. Left out, every value is held until its batch is committed. */
  readonly again?: ((record: RawRecord) => Value) | undefined;
}

/** What is kept of a record to read it again. */
export interface RawRecord {
  readonly raw: Uint8Array;
  readonly position: number;
  /** The key that the format gave beside the value. */
  readonly formatKey: Key | undefined;
}

/**
 * A record on its way. A batch waits for others, and is sent, with its rows encoded: if all values were held until
 * then, they would be most of what is in memory, and moved about there by each collection of garbage.
 */
class SourceWrite implements RecordWrite {
  readonly state = "present";
  readonly key: string;
  readonly revision: Revision;
  readonly digest: Uint8Array;
  readonly position: number;
  readonly exception: RecordWrite["exception"];
  written: Written | undefined;
  readonly #formatKey: Key | undefined;
  readonly #by: Preparation;
  readonly #offset: number;
  readonly #raw: Uint8Array;
  #held: SourceRecord | undefined;

  constructor(key: string, record: SourceRecord, digest: Uint8Array, by: Preparation) {
    this.key = key;
    this.revision = by.revision;
    this.digest = digest;
    this.position = record.position;
    this.exception = exceptionOf(record, by.templates);
    this.#by = by;
    this.#offset = record.offset;
    this.#raw = record.raw();
    this.#formatKey = record.key;
    this.#held = record;
    this.written = record.read;
  }

  origin(): ReturnType<NonNullable<RecordWrite["origin"]>> {
    return { file: this.#by.file, offset: this.#offset, raw: this.#raw };
  }

  get value(): Value {
    if (this.#held !== undefined) return this.#held.value;
    const raw = this.#raw;
    const value = (this.#by.again as NonNullable<Preparation["again"]>)({
      raw,
      position: this.position,
      formatKey: this.#formatKey,
    });
    if (!equalBytes(digestOf(value), this.digest)) {
      throw new Error("A record that was read again says something else.");
    }
    return value;
  }

  letGo(): void {
    if (this.#by.again === undefined) return;
    this.#held = undefined;
    this.written = undefined;
  }
}

/** What of a record's order of names the templates cannot say, who learn from it. */
export function exceptionOf(record: SourceRecord, templates: NameTemplates): Exception | undefined {
  const form = record.read?.form;
  if (form !== undefined && templates.says(form)) return undefined;
  const exception = templates.observe(record.value, record.orders);
  if (form !== undefined && exception === undefined) templates.noteSaid(form);
  return exception;
}

/** The key of a source record under a layout, or the code of why it has none. */
export function recordKey(
  layout: CompiledLayout,
  record: Pick<SourceRecord, "key" | "value" | "position" | "read">,
): { readonly key: string } | { readonly code: ErrorCode } {
  const rule = layout.layout.key;
  const key: Key | undefined =
    rule.from === "position"
      ? record.position
      : rule.from === "format"
        ? record.key
        : keyOf(record, rule.path);
  if (key === undefined) return { code: "ID_MISSING" };
  const text = encodeKey(key);
  if (text.length * 3 > LIMITS.keyBytes && keyBytes(text) > LIMITS.keyBytes) {
    return { code: "KEY_TOO_LONG" };
  }
  return layout.keyFits(text) ? { key: text } : { code: "KEY_TYPE" };
}

function keyOf(
  record: Pick<SourceRecord, "read" | "value">,
  path: readonly string[],
): Key | undefined {
  const { read } = record;
  const [name = ""] = path;
  if (read === undefined || path.length !== 1) return keyAt(record.value, path);
  const index = read.names.indexOf(name);
  return index < 0 ? undefined : asKey(read.member(index));
}

/** Records between two looks at what else there is to do: whoever stores the batch before waits for answers. */
const BREATH = 32;

export async function prepare(batch: SourceBatch, by: Preparation): Promise<Prepared> {
  const quarantine: QuarantineEntry[] = [];
  const writes = new Map<string, RecordWrite>();
  let duplicates = 0;
  for (const bad of batch.bad) {
    quarantine.push({
      collection: batch.collection,
      key: bad.key === undefined ? undefined : encodeKey(bad.key),
      code: bad.code,
      detail: bad.detail,
      file: by.file,
      offset: bad.offset,
      position: bad.position,
      raw: bad.raw,
    });
  }
  for (const [index, record] of batch.records.entries()) {
    if (index % BREATH === BREATH - 1) await breathe();
    const found = recordKey(by.layout, record);
    if ("code" in found) {
      quarantine.push(entry(batch.collection, by.file, record, undefined, found.code));
      continue;
    }
    const { key } = found;
    const digest = record.read?.digest ?? digestOf(record.value);
    const earlier = writes.get(key);
    if (earlier === undefined) {
      writes.set(key, new SourceWrite(key, record, digest, by));
    } else if (earlier.state === "present" && equalBytes(earlier.digest, digest)) {
      duplicates++;
    } else {
      // The first of them is quarantined by the commit, which must also mark the key for later batches.
      const { revision, position, exception, value } = earlier;
      const first = { key, revision, position, exception, value, digest: earlier.digest };
      writes.set(key, {
        ...first,
        state: "conflict",
        origin: () =>
          earlier.origin?.() as NonNullable<ReturnType<NonNullable<RecordWrite["origin"]>>>,
      });
      quarantine.push(entry(batch.collection, by.file, record, key, "ID_CONFLICT"));
    }
  }
  return {
    writes: [...writes.values()],
    quarantine,
    duplicates,
    read: batch.records.length + batch.bad.length,
  };
}

export function entry(
  collection: string,
  file: string,
  record: SourceRecord,
  key: string | undefined,
  code: ErrorCode,
  detail?: string,
): QuarantineEntry {
  const { offset, position } = record;
  return { collection, key, code, detail, file, offset, position, raw: record.raw() };
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
