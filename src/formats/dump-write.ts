/**
 * Writes a localStorage dump: each key where it stood, each value as the app had spelt it, as long as it still says
 * the same. A dump is as large as a browser lets one app have, so what is not a whole collection is held in memory.
 */

import { JsonWriter } from "../collection/json-text.ts";
import type { Key } from "../collection/key.ts";
import type { Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import { familyName } from "./dump-keys.ts";
import type { DumpEnvelope, DumpKey } from "./dump-survey.ts";
import { holdingOf, type Spelling, saysStill, withSlashes } from "./dump-values.ts";
import type { ExportCollection, ExportRecord, Sink, Survey, WriteReport } from "./format.ts";
import { TextOut } from "./text-out.ts";

export async function writeDump(
  survey: Survey | undefined,
  collections: readonly ExportCollection[],
  sink: Sink,
): Promise<WriteReport> {
  const writer = new DumpWriter(survey?.envelope as DumpEnvelope | undefined, collections, sink);
  return writer.write();
}

class DumpWriter {
  readonly #envelope: DumpEnvelope;
  readonly #collections: ReadonlyMap<string, ExportCollection>;
  /** Collection -> its prefix; single values have none. */
  readonly #prefixes: Map<string, string>;
  readonly #out: TextOut;
  readonly #json = new JsonWriter();
  #records = 0;
  #separator = "\n";

  constructor(
    envelope: DumpEnvelope | undefined,
    collections: readonly ExportCollection[],
    sink: Sink,
  ) {
    this.#envelope = envelope ?? { keys: [], families: [], bom: false };
    this.#collections = new Map(collections.map((collection) => [collection.name, collection]));
    this.#out = new TextOut(sink);
    this.#prefixes = new Map(this.#envelope.families.map(([prefix, name]) => [name, prefix]));
    if (this.#envelope.singles !== undefined) this.#prefixes.set(this.#envelope.singles, "");
  }

  async write(): Promise<WriteReport> {
    const { keys, bom } = this.#envelope;
    const waiting = await this.#loadKeyed();
    const whole = new Set([...this.#collections.keys()].filter((name) => !waiting.has(name)));
    this.#out.add(bom ? "\ufeff{" : "{");
    for (const entry of keys) {
      if (entry.whole) {
        if (whole.delete(entry.collection)) await this.#whole(entry.collection, entry.spelling);
        continue;
      }
      const records = waiting.get(entry.collection);
      const record = records?.get(entry.key);
      if (record === undefined) continue;
      records?.delete(entry.key);
      this.#begin(entry.key, JSON.stringify(this.#single(record, entry)));
      if (this.#out.full) await this.#out.flush();
    }
    for (const name of whole) await this.#whole(name, undefined);
    for (const records of waiting.values()) {
      for (const [key, record] of records) {
        this.#begin(key, JSON.stringify(this.#single(record, undefined)));
        if (this.#out.full) await this.#out.flush();
      }
    }
    this.#out.add("\n}\n");
    await this.#out.flush();
    return { records: this.#records, tagged: this.#json.tagged };
  }

  /** Records of collections whose members are keys of the dump: collection -> key of the dump -> record. */
  async #loadKeyed(): Promise<Map<string, Map<string, ExportRecord>>> {
    const loaded = new Map<string, Map<string, ExportRecord>>();
    for (const collection of this.#collections.values()) {
      const known = this.#prefixes.get(collection.name);
      if (known === undefined && !collection.keyed) continue;
      const prefix = known ?? this.#newPrefix(collection.name);
      const records = new Map<string, ExportRecord>();
      for await (const batch of collection.records()) {
        for (const record of batch) {
          records.set(prefix + stringKey(record.key, collection.name), record);
        }
      }
      loaded.set(collection.name, records);
    }
    return loaded;
  }

  /** Single values keep their keys; other collections of a dump that is made anew become families. */
  #newPrefix(name: string): string {
    return name === "local_storage" ? "" : `${familyName(name)}_`;
  }

  #begin(key: string, text: string): void {
    this.#out.add(`${this.#separator}${JSON.stringify(key)}:${text}`);
    this.#separator = ",\n";
  }

  #single({ value, names }: ExportRecord, entry: DumpKey | undefined): string {
    this.#records++;
    const text = this.#json.write(value, names);
    if (typeof value !== "string") return spell(text, value, entry?.spelling);
    // Whether a new string stands bare is told by what would be read back.
    const bare =
      entry === undefined ? holdingOf(value).holding === "text" : entry.holding === "text";
    return bare ? value : spell(text, value, entry?.spelling);
  }

  /** A collection that is one value. */
  async #whole(name: string, spelling: Spelling): Promise<void> {
    const collection = this.#collections.get(name) as ExportCollection;
    const raw = spelling !== undefined && "raw" in spelling ? spelling.raw : undefined;
    if (raw !== undefined && saysStill(raw, await allValues(collection))) {
      this.#begin(name, JSON.stringify(raw));
      this.#records += collection.count;
      return;
    }
    this.#begin(name, '"[');
    let separator = "";
    for await (const batch of collection.records()) {
      for (const { value, names } of batch) {
        const text = this.#json.write(value, names);
        const spelt = spelling !== undefined && "slashes" in spelling ? withSlashes(text) : text;
        this.#out.add(separator + JSON.stringify(spelt).slice(1, -1));
        separator = ",";
        this.#records++;
        if (this.#out.full) await this.#out.flush();
      }
    }
    this.#out.add(']"');
  }
}

function spell(text: string, value: Value, spelling: Spelling): string {
  if (spelling === undefined) return text;
  if ("slashes" in spelling) return withSlashes(text);
  return saysStill(spelling.raw, value) ? spelling.raw : text;
}

async function allValues(collection: ExportCollection): Promise<Value[]> {
  const values: Value[] = [];
  for await (const batch of collection.records()) for (const { value } of batch) values.push(value);
  return values;
}

function stringKey(key: Key, collection: string): string {
  if (typeof key === "string") return key;
  const detail = "a key that is no string cannot be a key of localStorage";
  throw new OutgrowError("EXPORT_TARGET", { collection, detail });
}
