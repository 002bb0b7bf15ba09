/** One walk over a Dexie export: its header, its tables, and how many rows each really has. */
import { OutgrowError } from "../errors.ts";
import { checkParts, freeCollectionName } from "./collection-names.ts";
import {
  type DexieEntry,
  type DexieEnvelope,
  type KeptMember,
  parseSchema,
} from "./dexie-envelope.ts";
import type { Input, Part, Survey, SurveyOptions } from "./format.ts";
import { type Boundary, type Decide, type Frame, Scanner, type Slice } from "./scanner.ts";

/** The header is small; what is larger is no header. */
const KEPT_BYTES = 8 * 1024 * 1024;
const textOf = new TextDecoder("utf-8", { fatal: true });

/** Whether what lies inside these containers is rows. */
export function inRows(within: readonly Frame[]): boolean {
  return within.length === 5 && isEntry(within.slice(0, 4)) && within[4]?.name === "rows";
}

function isEntry(within: readonly Frame[]): boolean {
  return within.length === 4 && within[1]?.name === "data" && within[2]?.name === "data";
}

/** Goes down to the rows, and takes everything beside them. */
export function decideDexie(rows: "take" | "skip"): Decide {
  return (kind, name, within) => {
    if (within.length === 0) return kind === "object" ? "enter" : "take";
    if (within.length === 1 && name === "data" && kind === "object") return "enter";
    if (within.length === 2 && name === "data" && kind === "array") return "enter";
    if (within.length === 3 && kind === "object") return "enter";
    if (isEntry(within) && name === "rows" && kind === "array") return "enter";
    return inRows(within) ? rows : "take";
  };
}

/** @throws {OutgrowError} BUNDLE_SYNTAX, VERSION, ENCODING, COLLECTION_NAME, LIMIT */
export async function surveyDexie(input: Input, options: SurveyOptions = {}): Promise<Survey> {
  const walk = new SurveyWalk(input.name);
  const scanner = new Scanner({
    decide: decideDexie("skip"),
    repair: options.repair,
    maxSlice: KEPT_BYTES,
    file: input.name,
  });
  for await (const events of scanner.over(input.open(0, options.signal))) {
    for (const event of events) {
      if (event.type === "slice") walk.slice(event, scanner.within);
      else if (event.type === "leave") walk.leave(event);
      else walk.enter(event);
    }
    options.onProgress?.(scanner.offset);
  }
  const { parts, envelope } = walk.result(input.notes.includes("bom"));
  checkParts(parts, input.name);
  const { name, notes } = input;
  return { format: "dexie", name, parts, envelope, repairs: scanner.repairs, notes };
}

interface SeenEntry {
  readonly members: KeptMember[];
  tableName: string | undefined;
  inbound: boolean;
  rows: number;
}

interface TableHeader {
  readonly name?: unknown;
  readonly schema?: unknown;
  readonly rowCount?: unknown;
}

class SurveyWalk {
  readonly #file: string;
  readonly #top: KeptMember[] = [];
  readonly #data: KeptMember[] = [];
  readonly #entries: SeenEntry[] = [];
  #entry: SeenEntry | undefined;
  #tables: readonly TableHeader[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  enter({ name, depth }: Boundary): void {
    if (depth === 1) this.#top.push({ name: name as string, text: undefined });
    else if (depth === 2) this.#data.push({ name: name as string, text: undefined });
    else if (depth === 3) {
      this.#entry = { members: [], tableName: undefined, inbound: true, rows: 0 };
      this.#entries.push(this.#entry);
    } else if (depth === 4) this.#entry?.members.push({ name: "rows", text: undefined });
  }

  leave({ depth, count }: Boundary): void {
    if (depth === 4 && this.#entry !== undefined) this.#entry.rows += count;
  }

  slice(slice: Slice, within: readonly Frame[]): void {
    if (inRows(within)) return;
    if (within.length === 0 || slice.bytes === undefined)
      this.#fail(slice.offset, "this is no Dexie export");
    const text = this.#text(slice);
    const name = slice.name as string;
    if (within.length === 1) {
      this.#top.push({ name, text });
      if (name === "formatVersion" && Number(text) > 1) {
        throw new OutgrowError("VERSION", { file: this.#file, detail: `formatVersion ${text}` });
      }
    } else if (within.length === 2) {
      this.#data.push({ name, text });
      if (name === "tables") this.#tables = this.#header(slice, text);
    } else if (within.length === 4 && this.#entry !== undefined) {
      this.#entry.members.push({ name, text });
      if (name === "tableName") this.#entry.tableName = this.#string(slice, text);
      if (name === "inbound") this.#entry.inbound = text !== "false";
    } else {
      this.#fail(slice.offset, "a table's rows belong here");
    }
  }

  #text(slice: Slice): string {
    try {
      return textOf.decode(slice.bytes);
    } catch {
      throw new OutgrowError("ENCODING", { file: this.#file, offset: slice.offset });
    }
  }

  #header(slice: Slice, text: string): readonly TableHeader[] {
    const tables = this.#parse(slice, text);
    if (!Array.isArray(tables)) this.#fail(slice.offset, "data.tables is no list");
    return (tables as unknown[]).map((table) =>
      typeof table === "object" && table !== null ? (table as TableHeader) : {},
    );
  }

  #string(slice: Slice, text: string): string {
    const name = this.#parse(slice, text);
    return typeof name === "string" ? name : this.#fail(slice.offset, "a table's name is no text");
  }

  #parse(slice: Slice, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return this.#fail(slice.offset, "the header is not JSON");
    }
  }

  #fail(offset: number, detail: string): never {
    throw new OutgrowError("BUNDLE_SYNTAX", { file: this.#file, offset, detail });
  }

  result(bom: boolean): { readonly parts: readonly Part[]; readonly envelope: DexieEnvelope } {
    const taken = new Set<string>();
    const parts: Part[] = [];
    const entries: DexieEntry[] = [];
    for (const { tableName = "", inbound, rows, members } of this.#entries) {
      const header = this.#tables.find(({ name }) => name === tableName);
      const schema = parseSchema(typeof header?.schema === "string" ? header.schema : "");
      const collection = freeCollectionName(tableName, taken);
      taken.add(collection);
      const compound = inbound ? schema.compound : undefined;
      const claimed = typeof header?.rowCount === "number" ? header.rowCount : undefined;
      entries.push({ tableName, inbound, members, collection, compound });
      parts.push({
        collection,
        keyed: !inbound || compound !== undefined,
        keyPath: inbound ? schema.keyPath : undefined,
        indexes: schema.indexes,
        records: rows,
        claimed: claimed === rows ? undefined : claimed,
      });
    }
    return { parts, envelope: { bom, top: this.#top, data: this.#data, entries } };
  }
}
