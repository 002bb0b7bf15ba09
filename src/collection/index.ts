/** WHAT is stored: values, keys, revisions, digests, and the declaration of collections. */
export { canonicalText, digest } from "./canonical.ts";
export type { Address, Change, TenantId } from "./change.ts";
export {
  type CollectionDefinition,
  type CollectionType,
  collection,
} from "./define.ts";
export { digestHex } from "./digest-sum.ts";
export { decodeKey, encodeKey, type Key } from "./key.ts";
export { parseJson } from "./parse-json.ts";
export {
  dumpRevision,
  parseRevision,
  type Revision,
  revision,
} from "./revision.ts";
export { type Shape, shape } from "./shape.ts";
export { fromTaggedJson, toTaggedJson } from "./tagged-json.ts";
export {
  BlobValue,
  ExactNumber,
  LIMITS,
  type ObjectValue,
  Reference,
  type Value,
} from "./value.ts";
