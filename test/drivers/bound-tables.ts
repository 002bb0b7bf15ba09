/**
 * A little app's tables that were there before the move: lists with keys of their own and without, one within the
 * other, with unique indexes, with columns that only the app sets, and with rows of the app's own that refer to them.
 */
import type { Value } from "../../src/collection/value.ts";
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { quote } from "../../src/drivers/postgres/quote.ts";
import type { ChildTableLayout, Column, Layout } from "../../src/layout/layout.ts";

/** `note`, `storage_path`, `rating` and `done_at` are in no layout. */
export const DDL = `
create table things (
  id text primary key, title text, slug text unique, note text not null default 'fresh');
create table images (
  id uuid primary key, thing_id text not null references things on delete cascade,
  position integer not null check (position between 0 and 1000), ref text, url text not null, is_primary boolean not null,
  storage_path text, unique (thing_id, position), unique (thing_id, url));
create unique index one_primary on images (thing_id) where is_primary;
create unique index one_ref on images (thing_id, lower(ref));
create table versions (
  id uuid primary key, image_id uuid not null references images on delete cascade, prompt text, rating integer);
create table steps (
  thing_id text not null references things on delete cascade, position bigint not null, label text not null,
  data jsonb, done_at text, primary key (thing_id, position), unique (thing_id, label));
create table parts (
  thing_id text not null, step bigint not null, part bigint not null, name text, checked text,
  primary key (thing_id, step, part), foreign key (thing_id, step) references steps on delete cascade);
create table likes (image_id uuid not null references images on delete cascade, by_whom text not null);
create table reviews (version_id uuid not null references versions, stars integer not null);
create table logs (thing_id text, step bigint, said text, foreign key (thing_id, step) references steps);
create table visits (thing_id text references things on delete cascade, at text)`;

/** Makes tables in a schema; names in `ddl` are without it. */
export async function makeTables(database: SqlDatabase, schema: string, ddl = DDL): Promise<void> {
  const name = quote(schema);
  await database.query(
    `create schema if not exists ${name}; set local search_path to ${name}; ${ddl}`,
  );
}

export const column = (
  name: string,
  codec: Column["codec"],
  more: Partial<Column> = {},
): Column => ({
  name,
  codec,
  path: [name],
  nullMeans: "absent",
  ...more,
});

const children: readonly ChildTableLayout[] = [
  {
    name: "images",
    parent: 0,
    path: ["images"],
    holds: "list",
    emptyMeans: "absent",
    key: {
      by: "own",
      column: "id",
      parent: "thing_id",
      from: ["id"],
      place: "position",
    },
    columns: [
      column("ref", "text", { path: ["id"] }),
      column("url", "text", { fill: "" }),
      column("is_primary", "boolean", { path: ["primary"], fill: false }),
    ],
    indexes: [
      { columns: ["thing_id", "position"], unique: true },
      { columns: ["thing_id", "url"], unique: true },
    ],
  },
  {
    name: "versions",
    parent: 1,
    path: ["versions"],
    holds: "list",
    emptyMeans: "absent",
    key: { by: "own", column: "id", parent: "image_id", from: ["id"] },
    columns: [column("prompt", "text")],
  },
  {
    name: "steps",
    parent: 0,
    path: ["steps"],
    holds: "list",
    emptyMeans: "empty",
    key: { by: "place", parent: ["thing_id"], place: "position" },
    columns: [column("label", "text", { fill: "" }), column("data", "jsonb")],
    indexes: [{ columns: ["thing_id", "label"], unique: true }],
  },
  {
    name: "parts",
    parent: 3,
    path: ["parts"],
    holds: "list",
    emptyMeans: "absent",
    key: { by: "place", parent: ["thing_id", "step"], place: "part" },
    columns: [column("name", "text")],
  },
];

/** Tables that we make have bigint for places. */
const INTEGER = { placeType: "integer" } as const;

/** The layout for them; with `own` the same one for tables that the move makes. */
export function thingsLayout(own?: "own"): Layout {
  const bound = own === undefined;
  return {
    version: 2,
    collection: "things",
    key: { from: "property", path: ["id"] },
    tables: [
      {
        name: "things",
        bound,
        key: { name: "id", codec: "text" },
        restColumn: bound ? undefined : "rest",
        columns: [column("title", "text"), column("slug", "text")],
      },
      ...children.map(({ key, ...table }): ChildTableLayout => {
        const type = bound && key.by === "own" && key.place !== undefined ? INTEGER : {};
        return { ...table, bound, key: { ...key, ...type } };
      }),
    ],
  };
}

export type Element = Readonly<Record<string, Value>>;

export const image = (id: string, more: Element = {}): Element => ({
  id,
  url: `${id}.png`,
  primary: false,
  ...more,
});

export const step = (label: string, more: Element = {}): Element => ({ label, ...more });

/** What a person would ask: the rows of one table, in an order, as texts. */
export async function ask(
  database: SqlDatabase,
  schema: string,
  query: string,
): Promise<readonly string[]> {
  const { rows } = await database.transaction(async (sql) => {
    await sql.query(`set local search_path to ${quote(schema)}`);
    return sql.query(query);
  });
  return rows.map((row) => row.map((cell) => cell ?? "-").join(" "));
}
