/** Bound tables, written and read by the driver: as somebody else made them. */
import { describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { readCatalog } from "../../src/drivers/postgres/catalog.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { bindLayout } from "../../src/layout/bind.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { backends, newMove, record } from "../drivers/backends.ts";
import { fatal, layoutIn, profileOf } from "./bind-catalog.ts";
import { CAMPAIGN_OPTIONS, CAMPAIGNS, DDL, PRODUCT_OPTIONS, PRODUCTS } from "./bind-seed.ts";

const KINDS = `
create type mood as enum ('very good', 'bad');
create domain amount as numeric(12, 3) not null default 0;
create table things (
  id bigint generated always as identity primary key,
  short varchar(3) not null default '',
  fixed char(4) not null default 'ab',
  mood mood not null default 'bad',
  amount amount,
  ratio double precision not null default 0.5,
  half real not null default -1.5,
  counter smallint not null default (-3),
  flag boolean not null default false,
  doc jsonb not null default '{"b": {"c": [1, 2.50]}, "aa": 1}',
  plain json not null default '{"b":1,  "a":2}',
  "madeAt" timestamptz(3) not null default now(),
  seconds timestamp(0),
  day date,
  words varchar[],
  doubled bigint generated always as (counter * 2) stored,
  unrelated text not null default 'kept'
);
`;
const THINGS: readonly Value[] = [
  { id: 1, madeAt: "2025-01-01T00:00:00.120Z" },
  {
    id: 2,
    short: "abc",
    fixed: "abcd",
    mood: "very good",
    amount: 1.25,
    ratio: 1e21,
    half: 0.5,
    counter: 7,
    flag: true,
    doc: { z: [1] },
    plain: [1, { b: 1, a: null }],
    madeAt: "2025-01-01T00:00:00.000Z",
    seconds: "2025-01-01T00:00:01Z",
    day: "2024-02-29",
    words: ["a", "b,c"],
  },
  {
    id: 3,
    short: "abcd",
    fixed: "ab",
    mood: "Bad",
    amount: 1.23456,
    ratio: "x",
    half: 0.1,
    counter: 70_000,
    flag: null,
    doc: null,
    plain: "\u0000",
    madeAt: "2025-01-01T00:00:00.001Z",
    seconds: "2025-01-01T00:00:01.500Z",
    day: "2024-02-30",
    words: ["a", null],
    doubled: 5,
    unrelated: undefined,
  },
  {
    id: 9,
    madeAt: "2025-01-01T00:00:00.000Z",
    short: "",
    fixed: "ab  ",
    mood: "bad",
    amount: 0,
    ratio: 0.5,
    half: -1.5,
    counter: -3,
    flag: false,
    doc: { b: { c: [1, 2.5] }, aa: 1 },
  },
];

const ids = (records: readonly Value[]) =>
  records.map((one) => (one as { id: string | number }).id);

describe.each(backends)("bound tables on $name", (backend) => {
  async function move(
    layouts: readonly Layout[],
    records: Readonly<Record<string, readonly Value[]>>,
    options: { database: Awaited<ReturnType<typeof backend.open>>["database"] },
  ) {
    const target = await postgresTarget(options.database);
    await target.ledger.create(newMove(layouts));
    const driver = await target.open("move");
    for (const [collection, values] of Object.entries(records)) {
      const keys = ids(values);
      await driver.commit({
        tenant: "default",
        writes: [
          {
            collection,
            records: values.map((value, at) => record(keys[at] as string, value, { position: at })),
          },
        ],
      });
    }
    const rebuilt = async (collection: string): Promise<{ mine: string[]; foreign: number }> => {
      const mine: string[] = [];
      let foreign = 0;
      for await (const batch of driver.rebuild({ tenant: "default", collection })) {
        for (const one of batch) {
          if (one.foreign) foreign++;
          else mine.push(canonicalText(one.value));
        }
      }
      return { mine: mine.sort(), foreign };
    };
    return { target, rebuilt };
  }
  const texts = (records: readonly Value[]): string[] =>
    records.map((one) => canonicalText(one)).sort();

  it("law L1: Campaign Builder's records come back exactly, before their references are there and after", async () => {
    await using opened = await backend.open();
    const { database } = opened;
    await database.query(DDL);
    const catalog = await readCatalog(database, "public");
    const products = bindLayout(profileOf("products", PRODUCTS), catalog, PRODUCT_OPTIONS);
    const campaigns = bindLayout(profileOf("campaigns", CAMPAIGNS), catalog, CAMPAIGN_OPTIONS);
    expect([...fatal(products), ...fatal(campaigns)]).toEqual([]);
    const { target, rebuilt } = await move(
      [layoutIn(products), layoutIn(campaigns)],
      { campaigns: CAMPAIGNS, products: PRODUCTS },
      { database },
    );
    expect(await rebuilt("campaigns")).toEqual({ mine: texts(CAMPAIGNS), foreign: 0 });
    await target.ledger.settle("move", await target.ledger.acquire("move"));
    expect(await rebuilt("campaigns")).toEqual({ mine: texts(CAMPAIGNS), foreign: 0 });
    expect(await rebuilt("products")).toEqual({ mine: texts(PRODUCTS), foreign: 1 });
    const { rows } = await database.query(
      `select c.name, p.name, p.price, c.status from campaigns c left join products p on p.id = c.product_id order by 1`,
    );
    expect(rows).toEqual([
      ["Gone", null, null, "draft"],
      ["Summer", "Soup", "4.99", "draft"],
      ["Winter", null, null, "draft"],
    ]);
    const { rows: counts } = await database.query(
      "select (select count(*) from product_images), (select count(*) from background_versions)",
    );
    expect(counts).toEqual([["5", "2"]]);
  });

  it("law L1: every type of column, filled, fitting and not, gives the record back", async () => {
    await using opened = await backend.open();
    const { database } = opened;
    await database.query(KINDS);
    const catalog = await readCatalog(database, "public");
    const bound = bindLayout(profileOf("things", THINGS), catalog, {
      fills: { madeAt: 0 },
      rules: { seconds: { codec: "iso-seconds" } },
    });
    expect(fatal(bound)).toEqual([]);
    const { target, rebuilt } = await move([layoutIn(bound)], { things: THINGS }, { database });
    expect((await rebuilt("things")).mine).toEqual(texts(THINGS));
    await target.ledger.settle("move", await target.ledger.acquire("move"));
    const { rows } = await database.query(
      "insert into things default values returning id, unrelated",
    );
    expect(rows).toEqual([["10", "kept"]]);
    const { rows: first } = await database.query(
      `select short, fixed, mood, amount, ratio, half, counter, flag, doc, plain, unrelated from things where id = 1`,
    );
    expect(first).toEqual([
      [
        "",
        "ab  ",
        "bad",
        "0.000",
        "0.5",
        "-1.5",
        "-3",
        "f",
        '{"b": {"c": [1, 2.50]}, "aa": 1}',
        '{"b":1,  "a":2}',
        "kept",
      ],
    ]);
  });
});
