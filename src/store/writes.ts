/** An app's writes as records: no place in a source, no order of names but the value's own. */
import { digest } from "../collection/canonical.ts";
import type { Value } from "../collection/value.ts";
import type { RecordWrite } from "./driver.ts";

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
