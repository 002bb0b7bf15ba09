/**
 * Campaign Builder leaves its localStorage for the tables of its seed, which are there already and stay as they are:
 * keys become UUIDs, lists child tables, prices numbers, and two lists of campaigns one table.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import { type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";
import { campaignBuilder } from "./campaign-builder.ts";
import {
  ACTIVE_BACKGROUNDS,
  campaignsOf,
  canonical,
  cents,
  Dump,
  hasHalf,
  IMAGES,
  INSIDE,
  listOf,
  productName,
  SHOWN,
  TABLES,
} from "./campaign-builder-seen.ts";
import { CAMPAIGN_BUILDER, UNNAMED } from "./layouts-campaign-builder.ts";
import type { Row } from "./random.ts";
import { contentsOf, countBy, SCHEMA } from "./seen-by-sql.ts";

const RECORDS = 10_000;
const FILLED = ["products", "product_images", "background_versions", "campaigns"];

describe("Campaign Builder's localStorage in the tables of its seed", () => {
  const text = campaignBuilder({ records: RECORDS });
  const dump = new Dump(text);
  const { keys, products, campaigns, saved, stored } = dump;
  const byId = new Map(stored.map((row) => [row["id"], row]));

  let place: Workplace;
  let path: string;
  let copied: CopyResult;
  let tables: string[];
  let schema: readonly object[];
  let everything: readonly object[];
  const ask = <T extends object>(query: string, values?: unknown[]): Promise<T[]> =>
    sql<T>(place.url, query, values);
  /** Name -> count, of a query for such pairs. */
  const counts = async (query: string): Promise<Record<string, number>> => {
    const rows = await ask<{ name: string | null; count: number }>(query);
    return Object.fromEntries(rows.map(({ name, count }) => [String(name), count]));
  };

  beforeAll(async () => {
    place = await workplace();
    await ask(readFileSync(new URL("./campaign-builder.sql", import.meta.url), "utf8"));
    tables = (
      await ask<{ tablename: string }>(
        "select tablename from pg_tables where schemaname = 'public'",
      )
    ).map(({ tablename }) => tablename);
    schema = await ask(TABLES, [tables]);
    everything = await ask(SCHEMA);
    path = await place.file("storage.json", text);
    copied = await copy(path, place.target, { bind: CAMPAIGN_BUILDER });
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it("has every record, but for samples with one id and two contents", async () => {
    const expected = {
      backgrounds: dump.list("backgrounds").length,
      campaigns: campaigns.length,
      products: products.length,
      saved_campaigns: saved.length,
      campaign: dump.family(/^campaign_campaign_/).length,
      campaign_draft: dump.family(/^campaign_draft_/).length,
      campaign_minimal: dump.family(/^campaign_minimal_/).length,
      campaign_recovery: dump.family(/^campaign_recovery_/).length,
      local_storage: 2,
    };
    expect(Object.values(expected).reduce((sum, count) => sum + count)).toBe(RECORDS);
    for (const [name, read] of Object.entries(expected)) {
      const quarantined = name === "products" ? 4 : 0;
      expect(copied.counts[name], name).toEqual({
        read,
        applied: read - quarantined,
        duplicate: 0,
        stale: 0,
        quarantined,
      });
    }
    const quarantine = await place.target.ledger.quarantined(copied.move);
    expect(
      quarantine.map(({ collection, code, key }) => [collection, code, key].join(" ")).sort(),
    ).toEqual(
      ["sample-1", "sample-1", "sample-2", "sample-2"].map(
        (id) => `products ID_CONFLICT ${encodeKey(id)}`,
      ),
    );
  });

  it("keeps in the rest what the columns cannot hold, and counts it", () => {
    const spelt = (price: unknown): boolean => !/^\$\d+\.\d\d$/.test(String(price));
    const cut = (prefix: RegExp): number =>
      dump
        .family(prefix)
        .filter((key) => hasHalf((JSON.parse(keys[key] as string) as Row)["product"])).length;
    expect(
      copied.spills.map(({ collection, column, code, count }) => [collection, column, code, count]),
    ).toEqual([
      ["campaign", "product", "NOT_JSON", cut(/^campaign_campaign_/)],
      ["campaign_draft", "product", "NOT_JSON", cut(/^campaign_draft_/)],
      // 18.6.2025 and 18/06/2025.
      ["campaigns", "created_at", "DATE_FORM", campaigns.filter((_, at) => at % 3 > 0).length],
      [
        "campaigns",
        "legacy_data",
        "RULE_JSONB",
        campaigns.filter(({ adData }) => hasHalf(adData)).length,
      ],
      [
        "products",
        "description",
        "STR_SURROGATE",
        stored.filter(({ description }) => hasHalf(description)).length,
      ],
      [
        "products",
        "price",
        "RULE_MONEY",
        stored.filter(
          ({ price }) => price !== undefined && (typeof price === "number" || spelt(price)),
        ).length,
      ],
    ]);
  });

  it("verifies clean", async () => {
    const verified = await verify(path, place.target);
    expect(verified.clean).toBe(true);
    expect(verified.differences).toEqual([]);
    const equal = verified.collections.reduce((sum, one) => sum + one.equal, 0);
    expect(equal).toBe(RECORDS - 4);
  });

  it("gives the dump back, key by key and record by record", async () => {
    const out = join(place.folder, "exported.json");
    const report = await exportMove(place.target, out, { move: copied.move });
    expect(report).toMatchObject({ format: "localstorage", records: RECORDS - 4, quarantined: 4 });
    const exported = JSON.parse(await readFile(out, "utf8")) as Record<string, string>;
    expect(Object.keys(exported).sort()).toEqual(Object.keys(keys).sort());
    for (const [key, text] of Object.entries(keys)) {
      if (!text.startsWith("[")) {
        const read = (one = ""): string => (text[0] === "{" ? canonical(JSON.parse(one)) : one);
        expect(read(exported[key]), key).toBe(read(text));
        continue;
      }
      const rows = key === "products" ? stored : (JSON.parse(text) as Row[]);
      const back = JSON.parse(exported[key] as string) as Row[];
      expect(back.map(canonical), key).toEqual(rows.map(canonical));
    }
  });

  it("answers by SQL what products cost, in every spelling of a price", async () => {
    const priced = stored.filter(({ price }) => price !== undefined);
    expect(await ask("select sum(price)::text, count(price)::int from products")).toEqual([
      {
        sum: (priced.reduce((sum, { price }) => sum + cents(price), 0) / 100).toFixed(2),
        count: priced.length,
      },
    ]);
    const status = (row: Row): string => ((row["status"] ?? "active") as string).toLowerCase();
    expect(await counts("select status as name, count(*)::int from products group by 1")).toEqual(
      countBy(stored, status),
    );
    expect(
      await counts(
        "select coalesce(sku, metadata->>'sku') as name, count(*)::int from products group by 1",
      ),
    ).toEqual(
      countBy(stored, (row) => String(row["sku"] ?? (row["metadata"] as Row)["sku"] ?? null)),
    );
  });

  it("answers by SQL how many images and backgrounds each product has", async () => {
    const images = Object.fromEntries(
      stored.map((row) => [productName(row), listOf(row, "images").length]),
    );
    expect(Object.keys(images)).toHaveLength(stored.length);
    expect(await counts(IMAGES)).toEqual(images);
    const all = stored.flatMap((row) => listOf(row, "images").map((image) => ({ row, image })));
    expect(
      await ask(
        `select count(*) filter (where is_primary)::int as primaries, count(size)::int as sizes,
           count(distinct file_name)::int as files, min(created_at) as first from product_images`,
      ),
    ).toEqual([
      {
        primaries: all.filter(({ image }) => image["isPrimary"]).length,
        sizes: all.filter(({ image }) => image["size"] !== undefined).length,
        files: new Set(all.map(({ image }) => image["fileName"])).size,
        first: new Date(
          all
            .flatMap(({ image }) => (image["uploadDate"] as string | undefined) ?? [])
            .sort()[0] as string,
        ),
      },
    ]);
    const versions = all.flatMap(({ row, image }) =>
      listOf(image, "backgroundVersions").map((version) => ({ row, image, version })),
    );
    const active = versions.filter(({ version }) => version["isActive"]);
    expect(await counts(ACTIVE_BACKGROUNDS)).toEqual(
      countBy(active, ({ row }) => productName(row)),
    );
    const urls = await ask<{ url: string }>(SHOWN);
    const shown = all.map(
      ({ image }) =>
        listOf(image, "backgroundVersions").find(({ isActive }) => isActive)?.["url"] ??
        image["url"],
    );
    expect(urls.map(({ url }) => url).sort()).toEqual(shown.sort());
  });

  it("answers by SQL which campaigns are for which product, and which for none that is there", async () => {
    const productOf = (id: unknown): string => {
      const product = byId.get(id);
      return product === undefined ? "null" : productName(product);
    };
    const legacy = countBy(campaigns, (row) => productOf(row["productId"]));
    expect(await counts(campaignsOf("legacy"))).toEqual(legacy);
    const flow = countBy(saved, (row) =>
      productOf(((row["data"] as Row)["product"] as Row | null)?.["id"]),
    );
    expect(await counts(campaignsOf("v2"))).toEqual(flow);
    const dangling = (ids: readonly unknown[]): number =>
      ids.filter((id) => typeof id === "string" && !byId.has(id)).length;
    const [first, second] = [
      dangling(campaigns.map((row) => row["productId"])),
      dangling(saved.map((row) => ((row["data"] as Row)["product"] as Row | null)?.["id"])),
    ];
    expect(first).toBeGreaterThan(200);
    expect(copied.settlement.dangling).toEqual([
      { collection: "campaigns", table: "campaigns", column: "product_id", count: first },
      { collection: "saved_campaigns", table: "campaigns", column: "product_id", count: second },
    ]);
  });

  it("answers by SQL how many campaigns there are, of both flows, and since when", async () => {
    const expected = {
      legacy: campaigns.map(({ status }) => `legacy ${String(status).toLowerCase()}`),
      v2: saved.map(({ status }) => `v2 ${String(status)}`),
    };
    expect(
      await counts(
        "select source || ' ' || status as name, count(*)::int from campaigns group by 1",
      ),
    ).toEqual(countBy([...expected.legacy, ...expected.v2], (name) => name));
    // Every third browser was American: only those dates are times.
    const days = campaigns.flatMap(({ created }, at) => {
      const [month, day, year] = String(created).split("/").map(Number) as [number, number, number];
      return at % 3 === 0 ? [Date.UTC(year, month - 1, day)] : [];
    });
    const times = saved.map(({ createdAt }) => Date.parse(createdAt as string));
    expect(
      await ask(
        "select source, min(created_at) as first, max(created_at) as last, count(created_at)::int from campaigns group by 1 order by 1",
      ),
    ).toEqual(
      [days, times].map((all, at) => ({
        source: at === 0 ? "legacy" : "v2",
        first: new Date(Math.min(...all)),
        last: new Date(Math.max(...all)),
        count: all.length,
      })),
    );
    expect(
      await ask(
        "select sum(budget)::text, count(budget)::int as budgets, count(launched_at)::int as launched, count(*) filter (where name = $1)::int as unnamed from campaigns",
        [UNNAMED],
      ),
    ).toEqual([
      {
        sum: "0.00",
        budgets: campaigns.length,
        launched: saved.filter(({ launchedAt }) => launchedAt !== undefined).length,
        unnamed: campaigns.filter((row) => !Object.hasOwn(row, "name")).length,
      },
    ]);
  });

  it("answers by SQL what lies inside of campaigns", async () => {
    // Half an emoji in some text takes nothing else away.
    expect(
      await counts(
        "select legacy_data->>'adSize' as name, count(*)::int from campaigns where source = 'legacy' and legacy_data is not null group by 1",
      ),
    ).toEqual(countBy(campaigns, ({ adData }) => String((adData as Row)["adSize"] ?? null)));
    const data = saved.map((row) => row["data"] as Row);
    const total = (ask: (platforms: Row) => unknown): number =>
      data.reduce((sum, { platforms }) => sum + Number(ask(platforms as Row) ?? 0), 0);
    expect(await ask(INSIDE)).toEqual([
      {
        healthy: data.filter(({ audience }) => audience !== null).length,
        untouched: data.filter(({ platforms }) => Array.isArray(platforms)).length,
        budget: total((platforms) => platforms["totalBudget"]),
        videos: data.filter(({ creative }) =>
          ((creative as Row)["selectedFormats"] as string[]).includes("video_1080x1920"),
        ).length,
        accepted: data.filter(({ publish }) => (publish as Row)["accepted"]).length,
      },
    ]);
  });

  it("has the app's tables as they were made, and tables beside them for what the seed has none for", async () => {
    expect(tables).toHaveLength(11);
    expect(await ask(TABLES, [tables])).toEqual(schema);
    const drafts = dump.family(/^campaign_draft_/).map((key) => keys[key] ?? "");
    expect(
      await ask(
        `select (select count(*) from backgrounds)::int as backgrounds, count(*)::int as drafts,
           count(updated_at)::int as updated from campaign_draft`,
      ),
    ).toEqual([
      {
        backgrounds: dump.list("backgrounds").length,
        drafts: drafts.length,
        updated: drafts.filter((text) => text.includes('"updatedAt"')).length,
      },
    ]);
  });

  it("is copied again without writing a row", async () => {
    const before = await ask(contentsOf(FILLED));
    const again = await copy(path, place.target, { bind: CAMPAIGN_BUILDER });
    expect(again).toMatchObject({ run: 2, settlement: { dangling: copied.settlement.dangling } });
    for (const [name, { read, quarantined, stale }] of Object.entries(again.counts)) {
      expect({ read, quarantined, stale }, name).toEqual({
        read: copied.counts[name]?.read,
        quarantined: copied.counts[name]?.quarantined,
        stale: 0,
      });
    }
    expect(await ask(contentsOf(FILLED))).toEqual(before);
    expect(await ask(TABLES, [tables])).toEqual(schema);
    expect((await verify(path, place.target)).clean).toBe(true);
  });

  it("is taken back: the app's tables are empty, and nothing else is there", async () => {
    await place.target.ledger.drop(copied.move);
    expect(await ask(SCHEMA)).toEqual(everything);
    expect(await ask(TABLES, [tables])).toEqual(schema);
    const rows = await ask<{ rows: number }>(contentsOf(FILLED));
    expect(rows.map((one) => one.rows)).toEqual(FILLED.map(() => 0));
    expect(await ask("select from pg_namespace where nspname = 'outgrow'")).toEqual([]);
  });
});
