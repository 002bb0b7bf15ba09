/** What the data of Campaign Builder must hold. */
import type { Row } from "../random.ts";
import { get, has, type Lists, lone, type Quirk, repeats, rows, texts, whole } from "./looking.ts";

/** The keys of a dump; lists and families as lists, what is bare text as `settings`. */
export function campaignLists(text: string): Lists {
  const lists: Record<string, Row[]> = {};
  const add = (name: string, row: Row): void => {
    lists[name] = [...(lists[name] ?? []), row];
  };
  for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, string>)) {
    if (!/^[[{]/.test(value)) add("settings", { key, value });
    else if (value.startsWith("[")) lists[key] = JSON.parse(value) as Row[];
    else {
      const family = /^campaign_(?:draft|minimal|recovery)_|^campaign_/.exec(key)?.[0] ?? key;
      add(family, JSON.parse(value) as Row);
    }
  }
  return lists;
}

const images = (lists: Lists): Row[] =>
  (lists["products"] ?? []).flatMap((row) => rows(row, "images"));
const primaries = (row: Row): number =>
  rows(row, "images").filter(({ isPrimary }) => isPrimary).length;
const urlCount = (row: Row): number => {
  const found = JSON.stringify(row).match(/data:image\/png;base64,[\w+/=]+/g) ?? [];
  return Math.max(0, ...found.map((url) => found.filter((other) => other === url).length));
};

export const CAMPAIGN_QUIRKS: readonly Quirk[] = [
  [
    "every kind of key",
    (lists) =>
      [
        "products",
        "backgrounds",
        "campaigns",
        "saved_campaigns",
        "campaign_draft_",
        "campaign_minimal_",
        "campaign_recovery_",
        "campaign_",
        "settings",
      ].every((name) => (lists[name]?.length ?? 0) > 1),
  ],
  [
    "bare texts",
    ({ settings }) => has(settings, ({ key, value }) => key === "darkMode" && value === "dark"),
  ],
  ...[/^\d{1,2}\/\d{1,2}\/2025$/, /^\d{1,2}\.\d{1,2}\.2025$/, /^\d\d\/06\/2025$/].map(
    (form): Quirk => [
      `dates like ${form.source}`,
      ({ campaigns }) => texts(campaigns, "created").some((text) => form.test(text)),
    ],
  ),
  [
    "budget and times as display text",
    ({ campaigns }) =>
      has(campaigns, (row) => row["budget"] === "$0.00" && row["starts"] === "Not Set"),
  ],
  [
    "prices with and without cents, and as numbers",
    ({ products }) => {
      const prices = (products ?? []).map(({ price }) => price);
      return (
        prices.includes("$4.99") &&
        prices.includes("$199") &&
        prices.some((price) => typeof price === "number")
      );
    },
  ],
  [
    "ctaType whereToBuy",
    ({ campaigns }) =>
      has(
        campaigns,
        (row) => get(row, "adData.ctaType") === "whereToBuy" && row["type"] === "Where to Buy",
      ),
  ],
  ["several primary images", ({ products }) => has(products, (row) => primaries(row) > 1)],
  [
    "no primary image",
    ({ products }) =>
      has(products, (row) => rows(row, "images").length > 0 && primaries(row) === 0),
  ],
  [
    "samples of one id and other contents",
    ({ products }) => {
      const found = (products ?? [])
        .filter(({ id }) => id === "sample-2")
        .map((row) => JSON.stringify(row));
      return found.length === 2 && !repeats(found);
    },
  ],
  [
    "ids with a fraction",
    (lists) => texts(images(lists), "id").some((id) => /^\d{13}\.\d{4}$/.test(id)),
  ],
  [
    "three kinds of product ids",
    ({ products }) =>
      [/^\d{13}$/, /^product_\d+$/, /^sample-/].every((form) =>
        texts(products, "id").some((id) => form.test(id)),
      ),
  ],
  [
    "three kinds of campaign ids",
    ({ campaigns }) =>
      [/^\d{13}$/, /^campaign_\d{13}$/, /^campaign_\d{13}_\w{9}$/].every((form) =>
        texts(campaigns, "id").some((id) => form.test(id)),
      ),
  ],
  [
    "productUrl here, url there",
    ({ products }) =>
      has(products, (row) => row["productUrl"]) && has(products, (row) => row["url"]),
  ],
  [
    "three spellings of UTM codes",
    ({ products, campaigns }) =>
      has(products, (row) => get(row, "utmCodes.source")) &&
      has(products, (row) => get(row, "utmCodes.utm_source")) &&
      has(campaigns, (row) => get(row, "adData.utmData.utmSource")),
  ],
  [
    "background versions, none of them active too",
    (lists) => {
      const all = images(lists)
        .map((row) => rows(row, "backgroundVersions"))
        .filter((list) => list.length > 0);
      return (
        all.some((list) => has(list, (row) => row["isActive"])) &&
        all.some((list) => !has(list, (row) => row["isActive"]))
      );
    },
  ],
  [
    "an unstripped campaign",
    ({ campaigns }) => texts(campaigns, "adData.imageSrc").some((text) => text.startsWith("data:")),
  ],
  [
    "placeholders instead of images",
    ({ campaigns, ...lists }) =>
      texts(campaigns, "adData.imageSrc").includes("[Image Data - Not Stored]") &&
      texts(campaigns, "adData.originalImage").includes("[Original Image - Not Stored]") &&
      has(
        lists["campaign_draft_"],
        (row) =>
          JSON.stringify(row).includes('"[IMAGE_DATA_PLACEHOLDER]"') &&
          JSON.stringify(row).includes("imageMetadata"),
      ),
  ],
  [
    "a data URL five times in a campaign",
    ({ campaigns }) => has(campaigns, (row) => urlCount(row) >= 5),
  ],
  [
    "data URLs that survive in drafts",
    (lists) => has(lists["campaign_draft_"], (row) => urlCount(row) >= 3),
  ],
  [
    "platforms as array and as object",
    (lists) =>
      [true, false].every(
        (array) =>
          has(lists["campaign_draft_"], (row) => Array.isArray(row["platforms"]) === array) &&
          has(
            lists["saved_campaigns"],
            (row) => Array.isArray(get(row, "data.platforms")) === array,
          ),
      ),
  ],
  [
    "campaigns of deleted products",
    ({ campaigns, products }) => {
      const ids = new Set((products ?? []).map(({ id }) => id));
      return has(
        campaigns,
        ({ productId }) => typeof productId === "string" && !ids.has(productId),
      );
    },
  ],
  [
    "campaigns without a product",
    ({ campaigns }) => has(campaigns, ({ productId }) => productId === null),
  ],
  ["campaigns without a name", ({ campaigns }) => has(campaigns, (row) => !("name" in row))],
  [
    "created, createdAt, savedAt, launchedAt",
    (lists) =>
      has(lists["campaigns"], (row) => "created" in row && !("createdAt" in row)) &&
      has(lists["saved_campaigns"], (row) => "createdAt" in row && "savedAt" in row) &&
      has(lists["saved_campaigns"], (row) => "launchedAt" in row),
  ],
  [
    "a lone surrogate in a description",
    ({ products }) =>
      texts(products, "description").some((text) => lone(text) && text.length === 125),
  ],
  [
    "platforms that became null",
    (lists) =>
      has(
        lists["campaign_minimal_"],
        (row) => JSON.stringify(get(row, "platforms.selectedPlatforms")) === "[null,null]",
      ),
  ],
  [
    "an originalFile that is empty",
    (lists) =>
      JSON.stringify([lists["saved_campaigns"], lists["campaign_draft_"]]).includes(
        '"originalFile":{}',
      ),
  ],
  [
    "blob URLs and their placeholder",
    (lists) =>
      /"blob:/.test(JSON.stringify(lists)) &&
      JSON.stringify(lists).includes("[BLOB_URL_PLACEHOLDER]"),
  ],
  [
    "campaigns wrapped again, and once more",
    ({ campaigns }) =>
      has(campaigns, (row) => get(row, "adData.adData.v2Data")) &&
      has(campaigns, (row) => get(row, "adData.adData.adData.v2Data")),
  ],
  [
    "three kinds of audience",
    ({ campaigns }) =>
      [/^\{\}$/, /"type"/, /"locations"/].every((form) =>
        has(campaigns, (row) => form.test(JSON.stringify(get(row, "adData.audience") ?? 0))),
      ),
  ],
  [
    "a draft without updatedAt",
    (lists) => has(lists["campaign_draft_"], (row) => !("updatedAt" in row)),
  ],
  [
    "a step's time in epoch milliseconds",
    (lists) => has(lists["campaign_recovery_"], (row) => whole(row["stepTimestamp"])),
  ],
  [
    "an inner id that is another one",
    (lists) => has(lists["saved_campaigns"], (row) => get(row, "data.id") !== row["id"]),
  ],
  [
    "status Draft here, draft there",
    (lists) =>
      has(lists["campaigns"], ({ status }) => status === "Draft") &&
      has(lists["saved_campaigns"], ({ status }) => status === "draft") &&
      has(lists["campaign_"], ({ status }) => status === "completed"),
  ],
];
