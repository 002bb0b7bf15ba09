/** An app's writes as records: no place in a source, no order of names but the value's own. */
import { digest } from "../collection/canonical.ts";
import type { Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import type { CommitReport, RecordWrite } from "./driver.ts";

type Unissued = Omit<RecordWrite, "revision">;

export function present(key: string, record: unknown): Unissued {
  return {
    key,
    state: "present",
    value: record as Value,
    digest: digest(record as Value),
    position: undefined,
    exception: undefined,
  };
}

export function deletion(key: string): Unissued {
  return {
    key,
    state: "deleted",
    value: undefined,
    digest: new Uint8Array(),
    position: undefined,
    exception: undefined,
  };
}

/** What a store has set aside is not written, and whoever wrote it must hear of that. @throws {OutgrowError} KEY_TAKEN */
export function refuseConflicts({ conflicts }: CommitReport): void {
  const [first] = conflicts;
  if (first === undefined) return;
  throw new OutgrowError("KEY_TAKEN", first);
}
