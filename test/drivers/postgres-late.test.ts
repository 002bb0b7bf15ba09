/**
 * References that the database insists on (decision 0006), over several copies: what they refer to goes, comes again
 * and changes, while the records that refer stay as they are.
 */
import { expect, it } from "vitest";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

type Row = Readonly<Record<string, unknown>>;

const NOTES: readonly Row[] = [
  { id: "n1", productId: "p1" },
  { id: "n2", productId: "p2" },
  { id: "n3", productId: "nowhere" },
  { id: "n4", productId: null },
];

async function tables({ url }: Workplace, onDelete: string): Promise<void> {
  await sql(
    url,
    `create table products (id text primary key, name text);
     create table notes (id text primary key, product_id text references products on delete ${onDelete})`,
  );
}

/** Copies a dump of these products and all notes, and tells what the column says and what dangles. */
async function dump(place: Workplace, products: readonly Row[], notes = NOTES, prune = true) {
  const source = await place.file("app.json", JSON.stringify({ notes, products }));
  const options = { move: "m", bind: { notes: {}, products: {} }, prune };
  const copied = await copy(source, place.target, options);
  const verified = await verify(source, place.target, { move: "m" });
  const { settlement, pruned } = copied;
  const cells = await sql<{ id: string; product_id: string | null }>(
    place.url,
    "select id, product_id from notes order by 1",
  );
  return {
    pruned,
    clean: verified.clean,
    cells: Object.fromEntries(cells.map((row) => [row.id, row.product_id])),
    dangling: settlement.dangling.map(({ column, count }) => [column, count]),
  };
}

const one = { id: "p1", name: "one" };
const two = { id: "p2", name: "two" };
const whole = { n1: "p1", n2: "p2", n3: null, n4: null };

it.each(["set null", "restrict", "no action", "cascade"])(
  "law L1: a reference whose record goes, on delete %s, is written again when that comes again",
  async (onDelete) => {
    await using place = await workplace();
    await tables(place, onDelete);
    const fine = { clean: true, dangling: [["product_id", 1]] };
    expect(await dump(place, [one, two])).toEqual({ ...fine, pruned: 0, cells: whole });
    // What dangles is told, of a reference that was written before too.
    expect(await dump(place, [one])).toEqual({
      clean: true,
      pruned: 1,
      cells: { ...whole, n2: null },
      dangling: [["product_id", 2]],
    });
    expect(await dump(place, [one, two])).toEqual({ ...fine, pruned: 0, cells: whole });
    expect(await dump(place, [one, two])).toEqual({ ...fine, pruned: 0, cells: whole });
    expect(await place.target.ledger.drop("m")).toEqual({ tables: [] });
    expect(await sql(place.url, "select from notes union all select from products")).toEqual([]);
  },
);

it("law L1: what SQL has made of a reference since stays", async () => {
  await using place = await workplace();
  await tables(place, "set null");
  await dump(place, [one, two]);
  await sql(place.url, "update notes set product_id = 'p2' where id in ('n1', 'n3')");
  const { cells, dangling } = await dump(place, [one, two]);
  expect(cells).toEqual({ n1: "p2", n2: "p2", n3: "p2", n4: null });
  expect(dangling).toEqual([]);
});

it("law S6: a reference that its record no longer has is not written again", async () => {
  await using place = await workplace();
  await tables(place, "set null");
  await dump(place, [one, two]);
  await dump(place, [one]);
  const changed = NOTES.map((row) => (row["id"] === "n2" ? { id: "n2", productId: null } : row));
  await dump(place, [one], changed);
  expect(await dump(place, [one, two], changed)).toMatchObject({
    clean: true,
    cells: { ...whole, n2: null },
    dangling: [["product_id", 1]],
  });
  const fewer = changed.filter(({ id }) => id !== "n3");
  expect(await dump(place, [one, two], fewer)).toMatchObject({ clean: true, dangling: [] });
});

it.each(["restrict", "cascade", "set null"])(
  "law S6: prune takes nothing of others along, on delete %s: DROP_REFUSED, and nothing is deleted",
  async (onDelete) => {
    await using place = await workplace();
    await tables(place, "set null");
    await dump(place, [one, two]);
    await sql(
      place.url,
      `create table theirs (id int primary key, product_id text references products on delete ${onDelete});
       insert into theirs values (1, 'p2')`,
    );
    const before = await sql(place.url, "select * from notes, products order by 1, 3");
    await expect(dump(place, [one])).rejects.toMatchObject({ code: "DROP_REFUSED" });
    expect(await sql(place.url, "select * from notes, products order by 1, 3")).toEqual(before);
    expect(await sql(place.url, "select * from theirs")).toEqual([{ id: 1, product_id: "p2" }]);
    await sql(place.url, "update theirs set product_id = 'p1'");
    expect(await dump(place, [one])).toMatchObject({ clean: true, pruned: 1 });
  },
);

it("law S6: what refers and what is referred to are pruned in one go, whatever the order of the file", async () => {
  await using place = await workplace();
  await sql(
    place.url,
    `create table products (id text primary key, name text);
     create table notes (id text primary key, product_id text not null references products)`,
  );
  const source = await place.file("app.json", "");
  const options = { move: "m", bind: { notes: {}, products: {} }, prune: true };
  const write = (products: readonly Row[], notes: readonly Row[]) =>
    place.file("app.json", JSON.stringify({ products, notes }));
  await write([one, two], NOTES.slice(0, 2));
  await copy(source, place.target, options);
  await write([one], NOTES.slice(0, 1));
  expect((await copy(source, place.target, options)).pruned).toBe(2);
  // Records that stay, and cannot be without what is to go: nothing is deleted behind their back.
  await write([two], NOTES.slice(0, 1));
  await expect(copy(source, place.target, options)).rejects.toMatchObject({
    code: "DROP_REFUSED",
    site: { detail: '1 of public.notes (notes_product_id_fkey) to "public"."products"' },
  });
  expect(await sql(place.url, "select * from notes")).toEqual([{ id: "n1", product_id: "p1" }]);
});
