/** `outgrow.record`, the sidecar: what is known of each key beside the app's own row. */
import { OutgrowError } from "../../errors.ts";
import type { RecordWrite } from "../../store/driver.ts";
import type { CopyType, CopyValue } from "./copy-binary.ts";

// biome-ignore format: name and type of each column of outgrow.record, in the order of sidecarRows
export const SIDECAR: readonly (readonly [string, CopyType])[] = [
  ["collection", "integer"], ["tenant", "text"], ["key", "text"], ["revision", "text"],
  ["digest", "bytea"], ["state", "text"], ["position", "bigint"], ["form", "json"],
];

export function sidecarRows(
  collection: number,
  tenant: string,
  records: readonly RecordWrite[],
): CopyValue[][] {
  return records.map(({ key, revision, digest, state, position, exception }) => [
    collection,
    tenant,
    key,
    revision,
    state === "present" ? digest : null,
    state,
    position ?? null,
    exception === undefined ? null : JSON.stringify(exception),
  ]);
}

/**
 * Every write asserts its row count: Postgres may drop a row without an error (a rule, a trigger, row security,
 * an embedded engine's limits), and that must never look like success.
 *
 * @throws {OutgrowError} LOST_ROW
 */
export function expectCount(stored: number, given: number, table: string): void {
  if (stored !== given) {
    throw new OutgrowError("LOST_ROW", { detail: `${stored} of ${given} rows of ${table}` });
  }
}
