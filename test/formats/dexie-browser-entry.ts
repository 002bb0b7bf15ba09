/** The page's side: a database with everything that IndexedDB keeps, exported and imported by Dexie's own add-on. */
import { Dexie } from "dexie";
import { exportDB, importInto } from "dexie-export-import";

/** The values that Dexie's export keeps; what it loses by itself is tested by name elsewhere. */
function rows(): object[] {
  const shared = { deep: [1, { two: 2 }] };
  const sparse: unknown[] = [];
  sparse[2] = "c";
  return [
    {
      id: "scalars",
      a: null,
      b: undefined,
      c: true,
      d: 1.5,
      e: "\u{1F600} \u0000 \ud83d",
      f: [],
      g: {},
    },
    { id: "numbers", nan: Number.NaN, inf: Infinity, minus: -Infinity, big: 12345678901234567890n },
    { id: "dates", at: new Date(1767225600123), never: new Date(Number.NaN), list: [new Date(0)] },
    {
      id: "bytes",
      u8: new Uint8Array([1, 2, 3]),
      f64: new Float64Array([0.1, -0.2]),
      part: new Uint16Array([9, 8, 7, 6]).subarray(1, 3),
      buffer: new Uint8Array([4, 5]).buffer,
      view: new DataView(new Uint8Array([6, 7]).buffer),
    },
    {
      id: "collections",
      map: new Map<unknown, unknown>([
        ["a", 1],
        [{ k: 1 }, new Date(5)],
      ]),
      set: new Set<unknown>(["x", 2, new Date(7)]),
    },
    { id: "objects", regexp: /a+b/gi, number: Object(5), text: Object("t"), flag: Object(true) },
    {
      id: "files",
      blob: new Blob([new Uint8Array([0, 255, 128])], { type: "image/png" }),
      file: new File(["h\u00e9"], "a.txt", { type: "text/plain", lastModified: 5 }),
    },
    { id: "shared", one: shared, two: shared },
    {
      id: "names",
      "a.b": 1,
      "a~1b": new Date(1),
      "": 1,
      $: 1,
      "#": "#x",
      incomplete_: true,
      $types: { a: "date" },
    },
    { id: "holes", sparse },
  ];
}

async function database(name: string): Promise<Dexie> {
  const db = new Dexie(name);
  db.version(3).stores({ things: "id", outside: "", empty: "++id,&email,*tags,[a+b]" });
  await db.open();
  return db;
}

export async function exported(): Promise<string> {
  const db = await database("Source");
  await db.table("things").bulkAdd(rows());
  await db.table("outside").bulkAdd([{ n: 1 }, "text", [1, new Date(3)]], ["k1", 2, new Date(9)]);
  const blob = await exportDB(db);
  return blob.text();
}

/** Describes a value with its types, Blobs read, so that two databases can be held against each other. */
async function describe(value: unknown, seen = new Map<object, number>()): Promise<unknown> {
  if (typeof value === "bigint") return `bigint ${value}`;
  if (typeof value === "string")
    return `text ${[...value].map((c) => c.codePointAt(0)?.toString(16)).join(" ")}`;
  if (typeof value !== "object" || value === null)
    return Object.is(value, -0) ? "-0" : String(value);
  const known = seen.get(value);
  if (known !== undefined) return `same as ${known}`;
  seen.set(value, seen.size);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (value instanceof Date) return `${kind} ${value.getTime()}`;
  if (value instanceof RegExp) return `${kind} ${value}`;
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return `${kind} object ${value}`;
  if (value instanceof ArrayBuffer) return `${kind} ${new Uint8Array(value)}`;
  if (ArrayBuffer.isView(value))
    return `${kind} ${new Uint8Array(value.buffer, value.byteOffset, value.byteLength)}`;
  if (value instanceof Blob) {
    const file = value instanceof File ? ` ${value.name} ${value.lastModified}` : "";
    return `${kind} ${value.type} ${new Uint8Array(await value.arrayBuffer())}${file}`;
  }
  const parts: unknown[] = [];
  if (value instanceof Map || value instanceof Set)
    for (const part of value) parts.push(await describe(part, seen));
  else
    for (const name of Object.keys(value).sort())
      parts.push([name, await describe((value as Record<string, unknown>)[name], seen)]);
  return [kind, Array.isArray(value) ? value.length : 0, parts];
}

async function contents(db: Dexie): Promise<string> {
  const tables: unknown[] = [];
  for (const table of db.tables) {
    const keys = await table.toCollection().primaryKeys();
    const values = await table.toArray();
    tables.push([
      table.name,
      await describe(keys),
      await Promise.all(values.map((value) => describe(value))),
    ]);
  }
  return JSON.stringify(tables, undefined, 1);
}

export async function sourceContents(): Promise<string> {
  return contents(await database("Source"));
}

export async function importedContents(text: string): Promise<string> {
  const db = await database("Imported");
  await importInto(db, new Blob([text], { type: "application/json" }), {
    acceptNameDiff: true,
    clearTablesBeforeImport: true,
  });
  return contents(db);
}
