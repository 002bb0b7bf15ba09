import type { Revision } from "./revision.ts";
import type { Value } from "./value.ts";

/** Whose data it is. `default` when a source names none; no address exists without one. */
export type TenantId = string;

/** Where a record lives. */
export interface Address {
  readonly tenant: TenantId;
  readonly collection: string;
}

/** What moves: the one type that leaves a source and enters a target. */
export interface Change {
  /** The ledger text of the key: see key.ts. */
  readonly key: string;
  /** `deleted` leaves a tombstone, which keeps its revision until the move is complete. */
  readonly state: "present" | "deleted";
  /** What the record says; `undefined` when deleted (or when the record itself is `undefined`). */
  readonly value: Value;
  readonly revision: Revision;
}
