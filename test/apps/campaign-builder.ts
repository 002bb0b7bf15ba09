/** Legacy data of Campaign Builder: everything in its localStorage, as `JSON.stringify(localStorage)` gives it. */
import { completed, draft, minimalDraft, recovery, savedCampaign } from "./campaign-flow.ts";
import { legacyCampaign } from "./campaign-legacy.ts";
import { dataUrl, products, webUrl } from "./campaign-products.ts";
import { apportion, iso, Random, type Row, times } from "./random.ts";

const FIRST_PRODUCT = Date.parse("2025-05-20T10:00:00.000Z");
/** Campaigns lie around the day from which their images are stripped, whatever their number is. */
const FIRST_CAMPAIGN = Date.parse("2025-06-10T08:00:00.000Z");
const LAST_CAMPAIGN = Date.parse("2025-06-28T20:00:00.000Z");

/** Bare texts, no JSON. */
const SETTINGS = { darkMode: "dark", "designControls-activeTab": "elements" };

/** @param options.records how many elements of lists and single keys together. */
export function campaignBuilder(options: { records: number; seed?: number }): string {
  const random = new Random(options.seed ?? 1);
  const settings = Object.keys(SETTINGS).length;
  const counts = apportion(Math.max(0, options.records - settings), {
    products: 15,
    backgrounds: 8,
    campaigns: 36,
    saved: 15,
    drafts: 12,
    minimal: 5,
    recovery: 4,
    completed: 5,
  });
  const catalogue = products(random, counts.products, FIRST_PRODUCT);
  const lists: Record<string, Row[]> = {
    products: catalogue,
    backgrounds: spread(counts.backgrounds, (time, index) => ({
      id: String(time),
      imageUrl: index % 2 === 0 ? dataUrl(random) : webUrl(random),
      prompt: random.sentence(6),
      created: iso(time),
    })),
    campaigns: spread(counts.campaigns, (time, index) =>
      legacyCampaign(random, catalogue, index, time),
    ),
    saved_campaigns: spread(counts.saved, (time, index) =>
      savedCampaign(random, catalogue, index, time),
    ),
  };
  const single: Record<string, Row[]> = {
    campaign_draft_: spread(counts.drafts, (time, index) => draft(random, catalogue, index, time)),
    campaign_minimal_: spread(counts.minimal, (time, index) => minimalDraft(random, index, time)),
    campaign_recovery_: spread(counts.recovery, (time) => recovery(random, time)),
    campaign_: spread(counts.completed, (time, index) =>
      completed(random, catalogue, index, time + 77),
    ),
  };
  const entries = [
    ...Object.entries(lists).map(([key, rows]) => [key, JSON.stringify(rows)]),
    ...Object.entries(single).flatMap(([prefix, rows]) =>
      rows.map((row) => [`${prefix}${row["id"]}`, JSON.stringify(row)]),
    ),
    ...Object.entries(SETTINGS),
  ] as [string, string][];
  // Browsers give keys in their own order, not in that of writing.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}

/** Makes rows whose times are spread over the weeks in which campaigns were made, each its own. */
function spread(count: number, make: (time: number, index: number) => Row): Row[] {
  const step = (LAST_CAMPAIGN - FIRST_CAMPAIGN) / Math.max(1, count);
  return times(count, (index) =>
    make(FIRST_CAMPAIGN + Math.floor(index * step) + (index % 7), index),
  );
}
