/**
 * Outgrow as a library: everything the command line does, as calls that take an `AbortSignal` and tell progress.
 *
 * @module
 */
export {
  BlobValue,
  type CollectionDefinition,
  type CollectionType,
  collection,
  digest,
  digestHex,
  ExactNumber,
  type Key,
  shape,
  type Value,
} from "./collection/index.ts";
export { defineConfig, type OutgrowConfig } from "./config.ts";
export { openTarget } from "./drivers/open-target.ts";
export { ERRORS, type ErrorCode, OutgrowError } from "./errors.ts";
export type { FormatName } from "./formats/format.ts";
export type { Layout } from "./layout/layout.ts";
export type {
  Capabilities,
  Commit,
  CommitReport,
  Driver,
  LedgerWrite,
  Rebuilt,
  RecordWrite,
  ScanOptions,
  Stored,
  Target,
} from "./store/driver.ts";
export type {
  CheckpointEntry,
  CollectionCounts,
  Lease,
  Ledger,
  Move,
  MoveCollection,
  NewMove,
  Quarantined,
  QuarantineEntry,
  Settlement,
  SourceFile,
  SpillCount,
} from "./store/ledger.ts";
export {
  type Page,
  type Query,
  type QueryPlan,
  type QueryResult,
  runQuery,
} from "./store/query.ts";
export { type Collection, openStore, type Store, storeOver } from "./store/store.ts";
export { type CopyOptions, type CopyResult, copy } from "./transfer/copy.ts";
export { type ExportOptions, type ExportResult, exportMove } from "./transfer/export.ts";
export { type Finding, type Inspection, inspect } from "./transfer/inspect.ts";
export { type Plan, type PlanOptions, plan } from "./transfer/plan.ts";
export type { OnProgress, Progress } from "./transfer/progress.ts";
export { replay } from "./transfer/quarantine.ts";
export {
  type Difference,
  type VerifyOptions,
  type VerifyResult,
  verify,
} from "./transfer/verify.ts";
