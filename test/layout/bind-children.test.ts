/** Child tables that are there already, and what may conflict in all tables. */
import { describe, expect, it } from "vitest";
import { type BindOptions, bindLayout } from "../../src/layout/bind.ts";
import {
  bindTo,
  catalogOf,
  childIn,
  codes,
  columnIn,
  columnNames,
  fatal,
  layoutIn,
  profileOf,
} from "./bind-catalog.ts";

const ID = "6f0e3f8e-0000-4000-8000-000000000001";

describe("child tables", () => {
  const parent = "create table albums (id uuid primary key, title text);";
  const albums = [
    {
      id: ID,
      title: "t",
      tracks: [{ id: "1", name: "n", position: 5 }, { name: null }],
      byName: { a: { n: 1 }, "b c": { n: 2 } },
    },
    { id: "other", tracks: [] },
  ];

  it("need a key that can be made: a uuid, or a place that is bigint", async () => {
    for (const [columns, why] of [
      ["id varchar(20) primary key, album_id uuid references albums", "only a uuid"],
      ["id integer primary key, album_id uuid references albums", "only a uuid"],
      ["album_id uuid references albums, name text", "no primary key"],
      [
        "album_id uuid references albums, position smallint, primary key (album_id, position)",
        "should be bigint",
      ],
      ["album_id uuid references albums primary key", "one row for each parent"],
    ] as const) {
      const bound = await bindTo(`${parent} create table tracks (${columns})`, "albums", albums);
      expect(bound.problems, columns).toMatchObject([
        { code: "CHILD_KEY", fatal: false, message: expect.stringContaining(why) },
      ]);
      expect(layoutIn(bound).tables).toHaveLength(1);
    }
  });

  it("have keys of text, and places that are integers, where their owner said so", async () => {
    const own =
      "create table tracks (id text primary key, album_id uuid references albums, idx integer)";
    expect(childIn(await bindTo(`${parent} ${own}`, "albums", albums), "tracks").key).toEqual({
      by: "own",
      column: "id",
      parent: "album_id",
      from: ["id"],
      type: "text",
      place: "idx",
      placeType: "integer",
    });
    const placed =
      "create table tracks (album_id uuid references albums, idx integer, primary key (album_id, idx))";
    expect(childIn(await bindTo(`${parent} ${placed}`, "albums", albums), "tracks").key).toEqual({
      by: "place",
      parent: ["album_id"],
      place: "idx",
      placeType: "integer",
    });
  });

  it("keep the place of elements in a column for it, unless it is the elements' own", async () => {
    const ddl = `${parent} create table album_tracks (id uuid primary key, album_id uuid not null references albums, sort_order bigint not null, position bigint, name text)`;
    const bound = await bindTo(ddl, "albums", albums);
    expect(fatal(bound)).toEqual([]);
    expect(childIn(bound, "album_tracks").key).toEqual({
      by: "own",
      column: "id",
      parent: "album_id",
      from: ["id"],
      place: "sort_order",
    });
    expect(columnNames(bound, 1)).toEqual(["position", "name"]);
  });

  it("hold maps where the options say so, with columns by their names alone", async () => {
    const ddl = `${parent} create table named (album_id uuid references albums, name text, n integer, is_it boolean default false, made timestamptz default now(), primary key (album_id, name))`;
    const options: BindOptions = { children: { named: { path: ["byName"], holds: "map" } } };
    const bound = await bindTo(ddl, "albums", albums, options);
    expect(childIn(bound, "named")).toMatchObject({
      holds: "map",
      key: { by: "place", parent: ["album_id"], place: "name" },
    });
    expect(columnNames(bound, 1)).toEqual(["n", "is_it"]);
    expect(columnIn(bound, "is_it", 1).path).toEqual(["isIt"]);
    const seen = await bindTo(ddl, "albums", albums, {
      ...options,
      elements: { byName: profileOf("x", [{ n: 1 }, { n: 2 }]) },
    });
    expect(columnNames(seen, 1)).toEqual(["n"]);
  });

  it("are left alone where a column has the property, where two would do, and where nothing refers", async () => {
    const own = await bindTo(
      `create table albums (id uuid primary key, tracks jsonb); create table album_tracks (id uuid primary key, album_id uuid references albums)`,
      "albums",
      albums,
    );
    expect(layoutIn(own).tables).toHaveLength(1);
    expect(own.choices).toContainEqual(
      expect.objectContaining({ subject: "album_tracks", choice: "left alone" }),
    );
    const two = await bindTo(
      `${parent} create table tracks (id uuid primary key, album_id uuid references albums); create table album_tracks (id uuid primary key, album_id uuid references albums)`,
      "albums",
      albums,
    );
    expect(codes(two.problems)).toEqual(["AMBIGUOUS"]);
    const none = await bindTo(
      `${parent} create table tracks (id uuid primary key, album_id uuid)`,
      "albums",
      albums,
      { children: { tracks: { path: ["tracks"] } } },
    );
    expect(codes(fatal(none))).toEqual(["NO_TABLE"]);
  });

  it("of tenants carry the tenant too", async () => {
    const ddl = `create table albums (tenant_id text, id text, title text, primary key (tenant_id, id));
      create table tracks (tenant_id text, album_id text, position bigint, name text, primary key (tenant_id, album_id, position), foreign key (tenant_id, album_id) references albums)`;
    const bound = await bindTo(ddl, "albums", albums);
    expect(childIn(bound, "tracks")).toMatchObject({
      tenantColumn: "tenant_id",
      key: { by: "place", parent: ["album_id"], place: "position" },
    });
  });
});

describe("what may conflict", () => {
  it("is named beforehand", async () => {
    const ddl = `
      create function nothing() returns trigger language plpgsql as 'begin return new; end';
      create domain positive as integer check (value > 0);
      create table notes (id text primary key, a text, b text, n positive, other text unique, serial serial unique, check (a <> b), unique (a, b));
      create unique index lower_a on notes (lower(a));
      create trigger touch before insert on notes for each row execute function nothing();
      alter table notes enable row level security;
      insert into notes (id) values ('x'), ('y');`;
    const bound = await bindTo(ddl, "notes", [{ id: "a", a: "a", b: "b", n: 1 }]);
    expect(fatal(bound)).toEqual([]);
    expect(codes(bound.problems)).toEqual([
      "CHECK",
      "CHECK",
      "ROWS",
      "ROW_SECURITY",
      "TRIGGER",
      "UNIQUE",
      "UNIQUE",
    ]);
    const missing = bindLayout(profileOf("notes", [{ id: "a" }]), {
      schema: "public",
      tables: (await catalogOf(ddl)).tables.map((table) => ({
        ...table,
        canInsert: false,
        missingPrivileges: ["insert"],
      })),
    });
    expect(fatal(missing)).toMatchObject([
      { code: "PRIVILEGE", next: expect.stringContaining("grant insert") },
    ]);
  });
});
