/**
 * Writes collections as a JSON file: in the shape that its survey found, or in the plainest one. Each record has a
 * line of its own. What the shape has no place for is refused: an export never leaves records out silently.
 */

import { JsonWriter } from "../collection/json-text.ts";
import type { Key } from "../collection/key.ts";
import type { NamesOf } from "../collection/tagged-json.ts";
import { isPlainObject, type ObjectValue, type Value } from "../collection/value.ts";
import { OutgrowError } from "../errors.ts";
import type { ExportCollection, ExportRecord, Sink, Survey, WriteReport } from "./format.ts";
import type { AdapterIds, JsonEnvelope, JsonMember } from "./json-shape.ts";
import { TextOut } from "./text-out.ts";

export async function writeJson(
  survey: Survey | undefined,
  collections: readonly ExportCollection[],
  sink: Sink,
): Promise<WriteReport> {
  const writer = new FileWriter(sink);
  if (survey === undefined) await writer.plainest(collections);
  else await writer.likeBefore(survey, collections);
  return writer.finish();
}

class FileWriter {
  readonly #out: TextOut;
  readonly #json = new JsonWriter();
  #records = 0;

  constructor(sink: Sink) {
    this.#out = new TextOut(sink);
  }

  async finish(): Promise<WriteReport> {
    this.#out.add("\n");
    await this.#out.flush();
    return { records: this.#records, tagged: this.#json.tagged };
  }

  async likeBefore(survey: Survey, collections: readonly ExportCollection[]): Promise<void> {
    const envelope = survey.envelope as JsonEnvelope;
    const { top, ids, document } = envelope;
    if (envelope.bom) this.#out.add("\ufeff");
    const byName = new Map(collections.map((collection) => [collection.name, collection]));
    if (top === "members") {
      await this.#members(envelope, byName);
      return;
    }
    const name = top === "value" ? document : survey.parts[0]?.collection;
    const collection = name === undefined ? undefined : byName.get(name);
    const extra = collections.find((one) => one !== collection);
    if (extra !== undefined) throw noPlace(extra.name, survey.name);
    if (top === "value") {
      const record = collection === undefined ? undefined : await onlyRecord(collection);
      // A file must hold some value: null where the only one is missing.
      this.#out.add(record === undefined ? "null" : this.#value(record));
      if (record !== undefined) this.#records++;
    } else if (top === "array") {
      await this.#array(collection);
    } else if (top === "keyed" || ids === undefined) {
      await this.#keyed(collection);
    } else {
      await this.#adapter(collection, ids);
    }
  }

  /** One collection stands for itself, several are members of an object. */
  async plainest(collections: readonly ExportCollection[]): Promise<void> {
    const [only] = collections;
    if (collections.length === 1 && only !== undefined) {
      await this.#plainCollection(only);
      return;
    }
    this.#out.add("{");
    let separator = "\n";
    for (const collection of collections) {
      this.#out.add(`${separator}${JSON.stringify(collection.name)}:`);
      await this.#plainCollection(collection);
      separator = ",\n";
    }
    this.#out.add("\n}");
  }

  /** Names of an object can only be strings: other keys stand beside their records. */
  async #plainCollection(collection: ExportCollection): Promise<void> {
    if (!collection.keyed) {
      await this.#array(collection);
    } else if (await hasStringKeys(collection)) {
      await this.#keyed(collection);
    } else {
      await this.#lines("[", "]", collection, (record) => {
        const key = this.#json.write(record.key as Value, undefined);
        return `{"key":${key},"value":${this.#value(record)}}`;
      });
    }
  }

  async #members(
    { members, document }: JsonEnvelope,
    byName: Map<string, ExportCollection>,
  ): Promise<void> {
    const kept = document === undefined ? undefined : byName.get(document);
    const record = kept === undefined ? undefined : await onlyRecord(kept);
    if (document !== undefined) byName.delete(document);
    const rest = new DocumentMembers(record, this.#json);
    let separator = "\n";
    const begin = (name: string): void => {
      this.#out.add(`${separator}${JSON.stringify(name)}:`);
      separator = ",\n";
    };
    this.#out.add("{");
    for (const member of members) {
      if (member.collection === undefined) {
        const text = rest.take(member.name);
        if (text === undefined) continue;
        begin(member.name);
        this.#out.add(text);
      } else {
        const collection = byName.get(member.collection);
        if (collection === undefined) continue;
        byName.delete(member.collection);
        begin(member.name);
        await this.#member(member, collection);
      }
    }
    for (const [name, text] of rest.others()) {
      begin(name);
      this.#out.add(text);
    }
    for (const collection of byName.values()) {
      begin(collection.name);
      await this.#plainCollection(collection);
    }
    if (record !== undefined) this.#records++;
    this.#out.add("\n}");
  }

  async #member({ shape, ids }: JsonMember, collection: ExportCollection): Promise<void> {
    if (shape === "array") await this.#array(collection);
    else if (shape === "adapter" && ids !== undefined) await this.#adapter(collection, ids);
    else await this.#keyed(collection);
  }

  async #array(collection: ExportCollection | undefined): Promise<void> {
    await this.#lines("[", "]", collection, (record) => this.#value(record));
  }

  async #keyed(collection: ExportCollection | undefined): Promise<void> {
    await this.#lines("{", "}", collection, (record) => {
      const name = JSON.stringify(stringKey(record.key, collection?.name));
      return `${name}:${this.#value(record)}`;
    });
  }

  /** The ids as they stood, less those that are gone; new ones behind them. */
  async #adapter(collection: ExportCollection | undefined, ids: AdapterIds): Promise<void> {
    const list = await this.#idList(collection, ids);
    if (ids.first === "ids") this.#out.add(`{"ids":${list},\n"entities":`);
    else this.#out.add(`{"entities":`);
    await this.#keyed(collection);
    this.#out.add(ids.first === "ids" ? "}" : `,\n"ids":${list}}`);
  }

  async #idList(collection: ExportCollection | undefined, { order }: AdapterIds): Promise<string> {
    const keys: string[] = [];
    for await (const batch of collection?.records() ?? []) {
      for (const { key } of batch) keys.push(stringKey(key, collection?.name));
    }
    if (typeof order === "string") {
      const ids = order === "sameNumbers" ? keys.map(asNumber) : keys;
      return JSON.stringify(ids);
    }
    const left = new Set(keys);
    const ids = order.filter((id) => left.delete(String(id)));
    return JSON.stringify([...ids, ...left]);
  }

  async #lines(
    open: string,
    close: string,
    collection: ExportCollection | undefined,
    line: (record: ExportRecord) => string,
  ): Promise<void> {
    this.#out.add(open);
    let separator = "\n";
    for await (const batch of collection?.records() ?? []) {
      for (const record of batch) {
        this.#out.add(separator + line(record));
        separator = ",\n";
        this.#records++;
        if (this.#out.full) await this.#out.flush();
      }
    }
    this.#out.add(separator === "\n" ? close : `\n${close}`);
  }

  #value({ value, names }: ExportRecord): string {
    return this.#json.write(value, names);
  }
}

/** The document's members, each of which is written where it stood among the collections. */
class DocumentMembers {
  readonly #value: ObjectValue;
  readonly #names: NamesOf | undefined;
  readonly #left: Set<string>;
  readonly #json: JsonWriter;

  constructor(record: ExportRecord | undefined, json: JsonWriter) {
    const value = record?.value ?? {};
    if (!isPlainObject(value)) {
      throw new OutgrowError("EXPORT_TARGET", { detail: "the document is no object any more" });
    }
    this.#value = value;
    this.#names = record?.names;
    this.#left = new Set(record?.names?.(value, undefined) ?? Object.keys(value));
    this.#json = json;
  }

  take(name: string): string | undefined {
    if (!this.#left.delete(name)) return undefined;
    return this.#json.write(this.#value[name], this.#names, { parent: undefined, name });
  }

  /** What the file did not have. */
  *others(): Generator<readonly [string, string]> {
    for (const name of [...this.#left]) yield [name, this.take(name) as string];
  }
}

async function onlyRecord(collection: ExportCollection): Promise<ExportRecord | undefined> {
  let found: ExportRecord | undefined;
  for await (const batch of collection.records()) {
    for (const record of batch) {
      if (found !== undefined) throw noPlace(collection.name, "more than one document");
      found = record;
    }
  }
  return found;
}

async function hasStringKeys(collection: ExportCollection): Promise<boolean> {
  for await (const batch of collection.records()) {
    if (batch.some(({ key }) => typeof key !== "string")) return false;
  }
  return true;
}

function stringKey(key: Key, collection: string | undefined): string {
  if (typeof key === "string") return key;
  const detail = "a key that is no string cannot be the name of a JSON member";
  throw new OutgrowError("EXPORT_TARGET", { collection, detail });
}

/** An id that was a number and still spells one. */
function asNumber(key: string): string | number {
  const number = Number(key);
  return String(number) === key && Number.isFinite(number) ? number : key;
}

function noPlace(collection: string, where: string): OutgrowError {
  return new OutgrowError("EXPORT_TARGET", { collection, detail: `${where} has no place for it` });
}
