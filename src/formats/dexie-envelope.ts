/** What of a Dexie export is no record: JSON-able, kept with the survey, so that the file can be put together again. */

/** A member of an object whose value is kept as it was written; `text` is undefined where the value is our own part. */
export interface KeptMember {
  readonly name: string;
  readonly text: string | undefined;
}

/** One element of `data.data`: a table's rows. */
export interface DexieEntry {
  readonly tableName: string;
  readonly inbound: boolean;
  /** Its members in their order; `rows` without text. */
  readonly members: readonly KeptMember[];
  readonly collection: string;
  /** Property paths that make the key of an inbound row, when it is compound: `[a+b]`. */
  readonly compound: readonly string[] | undefined;
}

export interface DexieEnvelope {
  readonly bom: boolean;
  /** Members at the top; `data` without text. */
  readonly top: readonly KeptMember[];
  /** Members of `data`; its `data` without text. `tables` is kept, its row counts are written anew. */
  readonly data: readonly KeptMember[];
  readonly entries: readonly DexieEntry[];
}

/** What a schema string of Dexie says of a table: `++id,&email,[a+b],*tags`. */
export interface DexieSchema {
  /** Path of the primary key; `undefined` when it stands beside the row. */
  readonly keyPath: string | undefined;
  readonly compound: readonly string[] | undefined;
  readonly indexes: readonly string[];
}

export function parseSchema(schema: string): DexieSchema {
  const [primary = "", ...indexes] = schema
    .split(",")
    .map((part) => part.trim().replace(/^(?:\+\+|[&*])+/, ""));
  const compound = /^\[(.+)\]$/.exec(primary)?.[1]?.split("+");
  return {
    keyPath: primary === "" || compound !== undefined ? undefined : primary,
    compound,
    indexes: indexes.filter((index) => index !== ""),
  };
}
