/** What the test of Campaign Builder's move asks its database, and how it reads the dump itself. */
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import type { Row } from "./random.ts";

/** All that the database says of tables with these names: inference makes others beside them. */
export const TABLES = `
  select 'column' as kind, to_jsonb(c)::text as said from information_schema.columns c
    where table_schema = 'public' and table_name = any($1)
  union all select 'index', to_jsonb(i)::text from pg_indexes i where schemaname = 'public' and tablename = any($1)
  union all select 'constraint', concat_ws(' ', c.relname, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relname = any($1)
  union all select 'trigger', tgname::text from pg_trigger where not tgisinternal
  order by 1, 2`;

/** What tells a stored product from the others, in SQL and in the dump: no two have the same. */
export const PRODUCT =
  "coalesce(p.sku, to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))";
export const productName = (row: Row): string => (row["sku"] ?? row["created"]) as string;

/** How many images each product has, and how many of its backgrounds are shown, by its name. */
export const IMAGES = `select ${PRODUCT} as name, count(i.id)::int as count
  from products p left join product_images i on i.product_id = p.id group by 1`;
export const ACTIVE_BACKGROUNDS = `select ${PRODUCT} as name, count(*)::int as count from background_versions b
  join product_images i on i.id = b.product_image_id join products p on p.id = i.product_id
  where b.is_active group by 1`;

/** The image that is shown: that of its active background, else its own. */
export const SHOWN = `select coalesce((select b.url from background_versions b
  where b.product_image_id = i.id and b.is_active limit 1), i.url) as url from product_images i`;

/** Campaigns of one flow, by the name of their product. */
export const campaignsOf = (source: "legacy" | "v2"): string => `
  select ${PRODUCT} as name, count(*)::int as count from campaigns c
  left join products p on p.id = c.product_id where c.source = '${source}' group by 1`;

/** What lies inside of the newer flow's campaigns. */
export const INSIDE = `
  select count(*) filter (where audience_config @> '{"type": "health_focused"}')::int as healthy,
    count(*) filter (where platform_config = '[]')::int as untouched,
    sum((platform_config->>'totalBudget')::numeric)::float as budget,
    count(*) filter (where creative_config->'selectedFormats' ? 'video_1080x1920')::int as videos,
    count(*) filter (where publish_config @> '{"accepted": true}')::int as accepted
  from campaigns where source = 'v2'`;

export const canonical = (value: unknown): string => canonicalText(value as Value);
export const listOf = (row: Row | undefined, name: string): Row[] => (row?.[name] ?? []) as Row[];

/** Cents of `$4.99`, `$199` and 4.99. */
export const cents = (price: unknown): number =>
  Math.round(Number(String(price).replace("$", "")) * 100);
/** Whether half of an emoji lies in it: descriptions were cut in the middle. */
export const hasHalf = (value: unknown): boolean => JSON.stringify(value).includes("\\ud83d");

/** A dump, read as the app itself would. */
export class Dump {
  readonly keys: Readonly<Record<string, string>>;
  readonly products: readonly Row[];
  readonly campaigns: readonly Row[];
  readonly saved: readonly Row[];
  /** Products that the table has: two sets of samples have the same ids and other contents. */
  readonly stored: readonly Row[];

  constructor(text: string) {
    this.keys = JSON.parse(text) as Record<string, string>;
    this.products = this.list("products");
    this.campaigns = this.list("campaigns");
    this.saved = this.list("saved_campaigns");
    this.stored = this.products.filter(({ id }) => id !== "sample-1" && id !== "sample-2");
  }

  list(key: string): Row[] {
    return JSON.parse(this.keys[key] as string) as Row[];
  }

  /** Keys of one family. */
  family(prefix: RegExp): string[] {
    return Object.keys(this.keys).filter((key) => prefix.test(key));
  }
}
