/** What the data of Viral Dashboard must hold. */
import type { Row } from "../random.ts";
import type { ViralDashboard } from "../viral-dashboard.ts";
import { get, has, type Lists, type Quirk, repeats, rows, texts, whole } from "./looking.ts";

/** Tables by name, then the files by name. */
export function viralLists({ dexie, files }: ViralDashboard): Lists {
  const lists: Record<string, Row[]> = {};
  for (const table of rows(JSON.parse(dexie), "data.data")) {
    lists[table["tableName"] as string] = rows(table, "rows");
  }
  for (const [name, text] of Object.entries(files)) {
    const content = JSON.parse(text) as Row;
    lists[name] = rows(content, Array.isArray(content) ? "" : "entries");
  }
  return lists;
}

const concepts = (lists: Lists): Row[] =>
  (lists["generations"] ?? []).flatMap((row) => rows(row, "concepts"));
const trends = (lists: Lists): Row[] =>
  (lists["generations"] ?? []).flatMap((row) => rows(row, "trends"));

export const VIRAL_QUIRKS: readonly Quirk[] = [
  [
    "generations before virality and monetization",
    (lists) =>
      has(concepts(lists), (row) => !("platformVirality" in row) && !("monetization" in row)) &&
      has(concepts(lists), (row) => "monetization" in row),
  ],
  [
    "trends without a category",
    (lists) =>
      has(trends(lists), (row) => !("category" in row)) &&
      has(trends(lists), (row) => "category" in row),
  ],
  [
    "generations with a quota",
    ({ generations }) =>
      has(generations, (row) => "quota" in row) && has(generations, (row) => !("quota" in row)),
  ],
  [
    "variants undefined, absent, there",
    (lists) =>
      has(
        lists["generations"],
        (row) =>
          get(row, "$types.concepts") === "arrayNonindexKeys" &&
          Object.entries(row["$types"] as Row).some(
            ([path, type]) => type === "undef" && /^concepts\.\d+\.variants$/.test(path),
          ),
      ) &&
      has(concepts(lists), (row) => !("variants" in row)) &&
      has(concepts(lists), (row) => Array.isArray(row["variants"])),
  ],
  [
    "ids of mocks",
    (lists) =>
      has(lists["generations"], ({ id }) => /^mock_generation_\d+$/.test(id as string)) &&
      has(concepts(lists), ({ id }) => /^mock_concept_\d+_\d+$/.test(id as string)),
  ],
  [
    "favourites and others",
    ({ generations }) =>
      [true, false].every((value) => has(generations, (row) => row["isFavorite"] === value)),
  ],
  [
    "a generation without date, another with null",
    ({ generations }) =>
      has(generations, (row) => !("date" in row)) &&
      has(generations, (row) => row["date"] === null),
  ],
  [
    "a generation of 36 concepts",
    ({ generations }) => has(generations, (row) => rows(row, "concepts").length === 36),
  ],
  [
    "U+FFFD in a caption",
    (lists) => texts(concepts(lists), "caption").some((text) => text.includes("\ufffd")),
  ],
  [
    "post times that are no times",
    (lists) => texts(concepts(lists), "postTime.est").includes("19:00 EST"),
  ],
  ["scores with a fraction", (lists) => has(trends(lists), ({ score }) => !whole(score))],
  [
    "hardly any reflexion data in the browser",
    (lists) =>
      ["critiques", "insights", "adjustments"].every((name) => (lists[name]?.length ?? 9) <= 3),
  ],
  [
    "critiques applied, absent, empty, null",
    (lists) => {
      const found = lists["critiques.json"];
      return (
        has(found, (row) => !("appliedAt" in row)) &&
        ["", null].every((value) => has(found, (row) => row["appliedAt"] === value)) &&
        has(found, (row) => Date.parse(row["appliedAt"] as string) > 0)
      );
    },
  ],
  [
    "no scoring issues when accurate",
    (lists) =>
      has(
        lists["critiques.json"],
        (row) =>
          get(row, "performanceGap.direction") === "accurate" &&
          rows(row, "scoringIssues").length === 0,
      ),
  ],
  ["a critique's id twice in its file", (lists) => repeats(texts(lists["critiques.json"], "id"))],
  [
    "adjustments whose critique was never stored",
    (lists) => {
      const ids = new Set([
        ...texts(lists["critiques.json"], "id"),
        ...texts(lists["critiques"], "id"),
      ]);
      return (
        has(lists["adjustments.json"], (row) => !ids.has(row["critiqueId"] as string)) &&
        has(lists["adjustments"], (row) => !ids.has(row["critiqueId"] as string))
      );
    },
  ],
  [
    "a weight of 0.6120000000000001",
    (lists) => has(lists["adjustments.json"], (row) => row["newValue"] === 0.6120000000000001),
  ],
  [
    "a pattern twice in the browser, once in the file",
    (lists) =>
      repeats(texts(lists["insights"], "pattern")) &&
      !repeats(texts(lists["insights.json"], "pattern")) &&
      texts(lists["insights"], "pattern").some((pattern) =>
        texts(lists["insights.json"], "pattern").includes(pattern),
      ),
  ],
  [
    "a concept reported twice",
    (lists) =>
      repeats(texts(lists["performance-history.json"], "conceptId")) &&
      !repeats(texts(lists["performance-history.json"], "id")),
  ],
  [
    "more metrics than declared",
    (lists) =>
      ["saves", "clickThroughRate", "watchTimeSeconds"].every((name) =>
        has(lists["performance-history.json"], (row) => get(row, `metrics.${name}`) !== undefined),
      ),
  ],
  [
    "no views, no engagement",
    (lists) =>
      has(
        lists["performance-history.json"],
        (row) => get(row, "metrics.views") === 0 && row["engagementRate"] === 0,
      ),
  ],
];
