/** One walk over a Dexie export: its header, its tables, and how many rows each really has. */
import { LIMITS } from "../collection/value.ts";
import { type ErrorCode, OutgrowError } from "../errors.ts";
import { checkParts, freeCollectionName } from "./collection-names.ts";
import {
  type DexieEntry,
  type DexieEnvelope,
  type DexieSchema,
  type KeptMember,
  parseSchema,
} from "./dexie-envelope.ts";
import type { Input, Part, Survey, SurveyOptions } from "./format.ts";
import { type Boundary, type Decide, type Frame, Scanner, type Slice } from "./scanner.ts";

/** Everything beside the rows is small: it is kept in memory and with the move. */
const KEPT_BYTES = 8 * 1024 * 1024;
const KEPT_MEMBERS = 1000;
const FORMAT_VERSION = 1;
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
  #formatName: unknown;
  #hasRows = false;
  #kept = 0;

  constructor(file: string) {
    this.#file = file;
  }

  enter({ name, depth, offset }: Boundary): void {
    if (depth === 1) this.#keep(this.#top, name, undefined, offset);
    else if (depth === 2) {
      this.#keep(this.#data, name, undefined, offset);
      this.#hasRows = true;
    } else if (depth === 3) {
      this.#entry = { members: [], tableName: undefined, inbound: true, rows: 0 };
      if (this.#entries.push(this.#entry) > LIMITS.collections) {
        this.#fail(offset, `more than ${LIMITS.collections} collections`, "LIMIT");
      }
    } else if (depth === 4 && this.#entry !== undefined) {
      this.#keep(this.#entry.members, "rows", undefined, offset);
    }
  }

  leave({ depth, count }: Boundary): void {
    if (depth === 4 && this.#entry !== undefined) this.#entry.rows += count;
  }

  slice(slice: Slice, within: readonly Frame[]): void {
    if (inRows(within)) return;
    const { offset } = slice;
    if (within.length === 0) this.#fail(offset, "this is no Dexie export");
    if (slice.bytes === undefined) {
      this.#fail(offset, "too much beside the rows", "LIMIT");
    }
    const text = this.#text(slice);
    const name = slice.name as string;
    if (within.length === 1) {
      this.#keep(this.#top, name, text, offset);
      if (name === "formatName") this.#formatName = this.#parse(offset, text);
      if (name === "formatVersion" && Number(this.#parse(offset, text)) > FORMAT_VERSION) {
        this.#fail(offset, `formatVersion ${text}`, "VERSION");
      }
    } else if (within.length === 2) {
      this.#keep(this.#data, name, text, offset);
      if (name === "tables") this.#tables = this.#header(offset, text);
    } else if (within.length === 4 && this.#entry !== undefined) {
      this.#keep(this.#entry.members, name, text, offset);
      if (name === "tableName") this.#entry.tableName = this.#string(offset, text);
      if (name === "inbound") this.#entry.inbound = Boolean(this.#parse(offset, text));
    } else {
      this.#fail(offset, "a table's rows belong here");
    }
  }

  /** A name that stands twice would be two tables' rows in one place, or a header that nobody wrote. */
  #keep(members: KeptMember[], name: string | undefined, text: string | undefined, offset: number) {
    if (members.some((member) => member.name === name)) {
      this.#fail(offset, "a name of the header stands twice");
    }
    this.#kept += text?.length ?? 0;
    if (this.#kept > KEPT_BYTES || members.length >= KEPT_MEMBERS) {
      this.#fail(offset, "too much beside the rows", "LIMIT");
    }
    members.push({ name: name as string, text });
  }

  #text(slice: Slice): string {
    try {
      return textOf.decode(slice.bytes);
    } catch {
      return this.#fail(slice.offset, undefined, "ENCODING");
    }
  }

  #header(offset: number, text: string): readonly TableHeader[] {
    const tables = this.#parse(offset, text);
    if (!Array.isArray(tables)) this.#fail(offset, "data.tables is no list");
    return (tables as unknown[]).map((table) =>
      typeof table === "object" && table !== null ? (table as TableHeader) : {},
    );
  }

  #string(offset: number, text: string): string {
    const name = this.#parse(offset, text);
    return typeof name === "string" ? name : this.#fail(offset, "a table's name is no text");
  }

  #parse(offset: number, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return this.#fail(offset, "the header is not JSON");
    }
  }

  #fail(offset: number, detail?: string, code: ErrorCode = "BUNDLE_SYNTAX"): never {
    throw new OutgrowError(code, { file: this.#file, offset, detail });
  }

  result(bom: boolean): { readonly parts: readonly Part[]; readonly envelope: DexieEnvelope } {
    if (this.#formatName !== "dexie" || !this.#hasRows) this.#fail(0, "this is no Dexie export");
    const taken = new Set<string>();
    const headers = new Map(this.#tables.map((header) => [header.name, header]));
    const parts: Part[] = [];
    const entries: DexieEntry[] = [];
    for (const { tableName = "", inbound, rows, members } of this.#entries) {
      const header = headers.get(tableName);
      const collection = freeCollectionName(tableName, taken);
      taken.add(collection);
      const { compound } = schemaOf(header);
      const own = inbound ? compound : undefined;
      entries.push({ tableName, inbound, members, collection, compound: own });
      parts.push(partOf(collection, header, inbound, rows));
    }
    // What the header lists and the file does not hold is a table without rows, whatever it claims.
    for (const [name, header] of headers) {
      if (typeof name !== "string" || taken.has(name)) continue;
      const { keyPath, compound } = schemaOf(header);
      const inbound = keyPath !== undefined || compound !== undefined;
      parts.push(partOf(name, header, inbound, 0));
    }
    return { parts, envelope: { bom, top: this.#top, data: this.#data, entries } };
  }
}

function schemaOf(header: TableHeader | undefined): DexieSchema {
  return parseSchema(typeof header?.schema === "string" ? header.schema : "");
}

function partOf(
  collection: string,
  header: TableHeader | undefined,
  inbound: boolean,
  records: number,
): Part {
  const { keyPath, compound, indexes } = schemaOf(header);
  const claimed = typeof header?.rowCount === "number" ? header.rowCount : undefined;
  return {
    collection,
    keyed: !inbound || compound !== undefined,
    keyPath: inbound ? keyPath : undefined,
    indexes,
    records,
    claimed: claimed === records ? undefined : claimed,
  };
}
