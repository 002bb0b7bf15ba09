/**
 * A collection is declared once; every store, layout, move and test reads this declaration.
 * Any Standard Schema validator will do (Zod, Valibot, ArkType, …): none is a dependency.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { OutgrowError } from "../errors.ts";
import { displayKey, encodeKey, type Key } from "./key.ts";
import { LIMITS, type ObjectValue } from "./value.ts";

export interface CollectionDefinition<S extends StandardSchemaV1> {
  readonly schema: S;
  /** The record's key: the name of a property, or a function of the record. */
  readonly key:
    | (keyof StandardSchemaV1.InferOutput<S> & string)
    | ((record: StandardSchemaV1.InferOutput<S>) => Key);
  /** Names of properties that queries may use. */
  readonly indexes?: readonly (keyof StandardSchemaV1.InferOutput<S> & string)[];
}

/** A declared collection. `In` is what may be put, `Out` is what comes back. */
export interface CollectionType<In = unknown, Out = unknown> {
  readonly name: string;
  readonly schema: StandardSchemaV1<In, Out>;
  readonly indexes: readonly string[];
  /** The property that holds the key, when the key is one; a layout makes it the primary key. */
  readonly keyProperty: string | undefined;
  /** The ledger text of a record's key. @throws {OutgrowError} KEY_INVALID */
  keyOf(record: Out): string;
  /** Checks a record. @throws {OutgrowError} RECORD_INVALID, naming the properties but not their values. */
  parse(record: unknown): Promise<Out>;
}

/**
 * Declares a collection.
 *
 * @example
 * const notes = collection("notes", { schema: Note, key: "id" });
 * @throws {OutgrowError} COLLECTION_NAME when the name is empty, too long, or holds NUL.
 */
export function collection<S extends StandardSchemaV1>(
  name: string,
  definition: CollectionDefinition<S>,
): CollectionType<StandardSchemaV1.InferInput<S>, StandardSchemaV1.InferOutput<S>> {
  type Out = StandardSchemaV1.InferOutput<S>;
  checkCollectionName(name);
  const { key, schema } = definition;
  const keyOf = (record: Out): string =>
    encodeKey(typeof key === "function" ? key(record) : (record as ObjectValue)[key]);
  return {
    name,
    schema: schema as StandardSchemaV1<StandardSchemaV1.InferInput<S>, Out>,
    indexes: definition.indexes ?? [],
    keyProperty: typeof key === "string" ? key : undefined,
    keyOf,
    async parse(record) {
      const result = await schema["~standard"].validate(record);
      if (result.issues === undefined) return result.value as Out;
      const paths = result.issues.map((issue) => issuePath(issue.path));
      throw new OutgrowError("RECORD_INVALID", {
        collection: name,
        key: safeKey(() => keyOf(record as Out)),
        detail: [...new Set(paths)].slice(0, 5).join(", "),
      });
    },
  };
}

/** @throws {OutgrowError} COLLECTION_NAME */
export function checkCollectionName(name: string): void {
  const problem =
    name === ""
      ? "it is empty"
      : name.length > LIMITS.collectionName
        ? `it is longer than ${LIMITS.collectionName} characters`
        : name.includes("\u0000") || !name.isWellFormed()
          ? "it holds characters that no store can hold"
          : undefined;
  if (problem !== undefined) throw new OutgrowError("COLLECTION_NAME", { detail: problem });
}

function issuePath(path: StandardSchemaV1.Issue["path"]): string {
  if (path === undefined || path.length === 0) return "the record";
  return path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

function safeKey(key: () => string): string | undefined {
  try {
    return displayKey(key());
  } catch {
    return undefined;
  }
}
