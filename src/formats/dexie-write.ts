/** Writes collections as a Dexie export that dexie-export-import takes: with the header of the file they came from. */
import type { Value } from "../collection/value.ts";
import type { DexieEntry, DexieEnvelope, KeptMember } from "./dexie-envelope.ts";
import { TypedWriter } from "./dexie-typed.ts";
import type { ExportCollection, Sink, Survey, WriteReport } from "./format.ts";
import { TextOut } from "./text-out.ts";

interface Table {
  readonly name: string;
  readonly schema: string;
  readonly inbound: boolean;
  readonly collection: ExportCollection;
}

export async function writeDexie(
  survey: Survey | undefined,
  name: string,
  collections: readonly ExportCollection[],
  sink: Sink,
): Promise<WriteReport> {
  const writer = new FileWriter(sink);
  if (survey === undefined) await writer.plainest(name, collections.map(tableOf));
  else await writer.likeBefore(survey.envelope as DexieEnvelope, collections);
  return writer.finish();
}

/** A table for a collection that no Dexie ever knew: keyed by the property that is its key, else beside the row. */
function tableOf(collection: ExportCollection): Table {
  const { name, keyPath } = collection;
  const inbound = keyPath !== undefined;
  return { name, schema: keyPath?.join(".") ?? "", inbound, collection };
}

class FileWriter {
  readonly #out: TextOut;
  readonly #typed = new TypedWriter();
  #records = 0;

  constructor(sink: Sink) {
    this.#out = new TextOut(sink);
  }

  async finish(): Promise<WriteReport> {
    this.#out.add("\n");
    await this.#out.flush();
    return { records: this.#records, tagged: this.#typed.untyped };
  }

  async plainest(databaseName: string, tables: readonly Table[]): Promise<void> {
    const headers = tables.map(({ name, schema, collection }) => ({
      name,
      schema,
      rowCount: collection.count,
    }));
    this.#out.add(
      `{"formatName":"dexie","formatVersion":1,"data":{"databaseName":${JSON.stringify(databaseName)},"databaseVersion":1,"tables":${JSON.stringify(headers)},"data":[`,
    );
    for (const [index, { name, inbound, collection }] of tables.entries()) {
      if (index > 0) this.#out.add(",");
      this.#out.add(`{"tableName":${JSON.stringify(name)},"inbound":${inbound},"rows":`);
      await this.#rows(collection, inbound);
      this.#out.add("}");
    }
    this.#out.add("]}}");
  }

  async likeBefore(
    envelope: DexieEnvelope,
    collections: readonly ExportCollection[],
  ): Promise<void> {
    const byName = new Map(collections.map((collection) => [collection.name, collection]));
    if (envelope.bom) this.#out.add("\ufeff");
    await this.#object(envelope.top, () =>
      this.#object(
        envelope.data.map((member) => withCounts(member, envelope.entries, byName)),
        async () => {
          this.#out.add("[");
          for (const [index, entry] of envelope.entries.entries()) {
            if (index > 0) this.#out.add(",");
            await this.#entry(entry, byName.get(entry.collection));
          }
          this.#out.add("]");
        },
      ),
    );
  }

  async #entry(entry: DexieEntry, collection: ExportCollection | undefined): Promise<void> {
    await this.#object(entry.members, async () => {
      if (collection === undefined) this.#out.add("[]");
      else await this.#rows(collection, entry.inbound);
    });
  }

  /** Members as they were; the one without text is written by `ours`. */
  async #object(members: readonly KeptMember[], ours: () => Promise<void>): Promise<void> {
    this.#out.add("{");
    for (const [index, { name, text }] of members.entries()) {
      if (index > 0) this.#out.add(",");
      this.#out.add(`${JSON.stringify(name)}:`);
      if (text === undefined) await ours();
      else this.#out.add(text);
    }
    this.#out.add("}");
  }

  async #rows(collection: ExportCollection, inbound: boolean): Promise<void> {
    this.#out.add("[");
    let separator = "\n";
    for await (const batch of collection.records()) {
      for (const { key, value, names } of batch) {
        const row = inbound
          ? this.#typed.inbound(value, names)
          : this.#typed.outbound(key as Value, value, names);
        this.#out.add(separator + row);
        separator = ",\n";
        this.#records++;
        if (this.#out.full) await this.#out.flush();
      }
    }
    this.#out.add(separator === "\n" ? "]" : "\n]");
  }
}

/** The list of tables, with the number of rows that each has now. */
function withCounts(
  member: KeptMember,
  entries: readonly DexieEntry[],
  byName: ReadonlyMap<string, ExportCollection>,
): KeptMember {
  if (member.name !== "tables" || member.text === undefined) return member;
  const tables = JSON.parse(member.text) as { name?: unknown; rowCount?: unknown }[];
  for (const table of tables) {
    if (typeof table !== "object" || table === null || !Object.hasOwn(table, "rowCount")) continue;
    const rows = entries
      .filter(({ tableName }) => tableName === table.name)
      .reduce((sum, { collection }) => sum + (byName.get(collection)?.count ?? 0), 0);
    table.rowCount = rows;
  }
  return { name: member.name, text: JSON.stringify(tables) };
}
