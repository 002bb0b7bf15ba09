/**
 * From a batch of the source to what the target commits: keys, digests, forms; and what goes to quarantine
 * instead. A record may be moved from one list to another here. It may not be lost: T1.
 */
import { digest as digestOf } from "../collection/canonical.ts";
import { encodeKey, type Key } from "../collection/key.ts";
import type { NameTemplates } from "../collection/name-order.ts";
import type { Revision } from "../collection/revision.ts";
import { LIMITS } from "../collection/value.ts";
import type { ErrorCode } from "../errors.ts";
import type { SourceBatch, SourceRecord } from "../formats/format.ts";
import type { CompiledLayout } from "../layout/compile.ts";
import { keyAt, keyBytes } from "../layout/profile.ts";
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
}

/** The key of a source record under a layout, or the code of why it has none. */
export function recordKey(
  layout: CompiledLayout,
  record: Pick<SourceRecord, "key" | "value" | "position">,
): { readonly key: string } | { readonly code: ErrorCode } {
  const rule = layout.layout.key;
  const key: Key | undefined =
    rule.from === "position"
      ? record.position
      : rule.from === "format"
        ? record.key
        : keyAt(record.value, rule.path);
  if (key === undefined) return { code: "ID_MISSING" };
  const text = encodeKey(key);
  if (text.length * 3 > LIMITS.keyBytes && keyBytes(text) > LIMITS.keyBytes) {
    return { code: "KEY_TOO_LONG" };
  }
  return layout.keyFits(text) ? { key: text } : { code: "KEY_TYPE" };
}

export function prepare(batch: SourceBatch, by: Preparation): Prepared {
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
  for (const record of batch.records) {
    const found = recordKey(by.layout, record);
    if ("code" in found) {
      quarantine.push(entry(batch.collection, by.file, record, undefined, found.code));
      continue;
    }
    const { key } = found;
    const digest = digestOf(record.value);
    const earlier = writes.get(key);
    if (earlier === undefined) {
      writes.set(key, {
        key,
        state: "present",
        value: record.value,
        revision: by.revision,
        digest,
        position: record.position,
        exception: by.templates.observe(record.value, record.orders),
        origin: () => ({ file: by.file, offset: record.offset, raw: record.raw() }),
      });
    } else if (earlier.state === "present" && equalBytes(earlier.digest, digest)) {
      duplicates++;
    } else {
      // The first of them is quarantined by the commit, which must also mark the key for later batches.
      writes.set(key, { ...earlier, state: "conflict" });
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
