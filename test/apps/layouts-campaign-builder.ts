/** How Campaign Builder's `outgrow.config.ts` binds a dump of its localStorage to the tables of its seed. */
import type { BindOptions, ColumnRule } from "../../src/layout/bind-types.ts";

/** What the column says where an unfinished campaign was never called anything. */
export const UNNAMED = "Untitled campaign";

/** `$4.99` as it is; `$199` and 4.99 too, which the rest tells apart. */
const DOLLARS: ColumnRule = { codec: "money", prefix: "$", coerce: true };

/**
 * Left to inference: backgrounds, the settings, and the families of single campaigns. `campaign_drafts` is none of
 * them: a draft's id is no campaign's, and `step_data` wants in one object what a draft has beside its name and times.
 */
export const CAMPAIGN_BUILDER: Readonly<Record<string, BindOptions>> = {
  products: {
    columns: {
      // `metadata` stays whole, as its index wants it: `sku` is only what a later service wrote beside it.
      created_at: ["created"],
      updated_at: ["updated"],
    },
    rules: {
      price: DOLLARS,
      status: { codec: "enum", labels: { Active: "active", Draft: "draft" } },
    },
    fills: { status: "active", "product_images.url": "", "background_versions.url": "" },
    children: {
      product_images: { path: ["images"], columns: { created_at: ["uploadDate"] } },
      background_versions: {
        path: ["backgroundVersions"],
        columns: { created_at: ["created"] },
      },
    },
  },
  // The first flow's. Its own `source` is in the rest: the column says which of the two lists a row is of.
  campaigns: {
    columns: {
      created_at: ["created"],
      legacy_data: ["adData"],
    },
    rules: {
      budget: DOLLARS,
      status: { codec: "enum", labels: { Draft: "draft" } },
      // As American browsers wrote it. 18.6.2025 and 18/06/2025 are NULL: nobody says whose day 11/06/2025 is.
      created_at: { codec: "date-text", pattern: "M/D/YYYY", coerce: true },
      // Texts were cut in the middle of an emoji: the column has the mark for what is no character there.
      legacy_data: { coerce: true },
    },
    fills: { name: UNNAMED },
    constants: { source: "legacy" },
  },
  saved_campaigns: {
    table: "campaigns",
    columns: {
      product_id: ["data", "product", "id"],
      audience_config: ["data", "audience"],
      platform_config: ["data", "platforms"],
      creative_config: ["data", "creative"],
      publish_config: ["data", "publish"],
      updated_at: ["savedAt"],
    },
    constants: { source: "v2" },
  },
};
