/**
 * How Viral Dashboard's `outgrow.config.ts` binds its two sources to the tables of its schema: the server's files,
 * and the Dexie export of each browser. They are moves of their own (there are many browsers), with the same tables
 * below them. The server goes first: of a pattern that both know, its insight counts.
 *
 * All tables but the ones that nobody has data for start with `tenant_id`; the move's tenant is the tenant's id.
 */
import type { BindOptions } from "../../src/layout/bind-types.ts";

const tenantColumn = "tenant_id";

/** `appliedAt` is absent, null or an empty text until a critique is applied: NULL, as the index of the table wants it. */
const critiques: BindOptions = { table: "self_critiques", tenantColumn };

const insights: BindOptions = { table: "reflexion_insights", tenantColumn };

const adjustments: BindOptions = {
  table: "scoring_adjustments",
  tenantColumn,
  // Weights were never rounded (0.6120000000000001): the column has four digits, the rest all of them.
  rules: { old_value: { coerce: true }, new_value: { coerce: true } },
};

/**
 * The server's files, named one by one: critiques before the adjustments that refer to them. Adjustments whose
 * critique was never stored are refused by the foreign key.
 */
export const VIRAL_FILES = [
  "critiques.json",
  "insights.json",
  "adjustments.json",
  "performance-history.json",
] as const;

export const VIRAL_SERVER: Readonly<Record<string, BindOptions>> = {
  critiques,
  insights,
  adjustments,
  // The list in performance-history.json.
  entries: {
    table: "performance_feedback",
    tenantColumn,
    columns: {
      views: ["metrics", "views"],
      likes: ["metrics", "likes"],
      shares: ["metrics", "shares"],
      comments: ["metrics", "comments"],
      saves: ["metrics", "saves"],
      click_through_rate: ["metrics", "clickThroughRate"],
      watch_time_seconds: ["metrics", "watchTimeSeconds"],
    },
  },
};

/** What else is in performance-history.json: sums over its entries, which SQL gives. No table wants them. */
export const VIRAL_LEFT_OUT = ["document"] as const;

/** A browser's database. `concepts` with a property that is undefined are no JSON: they lie in the rest alone. */
export const VIRAL_BROWSER: Readonly<Record<string, BindOptions>> = {
  generations: { tenantColumn },
  critiques,
  insights,
  adjustments,
};
