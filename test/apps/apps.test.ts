import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { backends } from "../drivers/backends.ts";
import { ainative } from "./ainative.ts";
import { campaignBuilder } from "./campaign-builder.ts";
import { pictureAi } from "./picture-ai.ts";
import { AINATIVE_QUIRKS } from "./quirks/ainative.ts";
import { CAMPAIGN_QUIRKS, campaignLists } from "./quirks/campaign-builder.ts";
import type { Lists, Quirk } from "./quirks/looking.ts";
import { PICTURE_QUIRKS } from "./quirks/picture-ai.ts";
import { VIRAL_QUIRKS, viralLists } from "./quirks/viral-dashboard.ts";
import { viralDashboard } from "./viral-dashboard.ts";

/** Numbers of records that the generators are tried with. */
const SIZES = [10, 40, 300, 2000, 10_000];
/** From this number on every quirk occurs. */
const ALL_QUIRKS = 300;
const SEEDS = [1, 7, 2026];

interface App {
  readonly name: string;
  /** Everything that the generator gives, as one text. */
  text(records: number, seed?: number): string;
  lists(records: number, seed: number): Lists;
  readonly quirks: readonly Quirk[];
  readonly tables: number;
}

const of = (records: number, seed?: number) => ({
  records,
  ...(seed === undefined ? {} : { seed }),
});

const APPS: readonly App[] = [
  {
    name: "picture-ai",
    text: (records, seed) => pictureAi(of(records, seed)),
    lists: (records, seed) => JSON.parse(pictureAi({ records, seed })) as Lists,
    quirks: PICTURE_QUIRKS,
    tables: 3,
  },
  {
    name: "campaign-builder",
    text: (records, seed) => campaignBuilder(of(records, seed)),
    lists: (records, seed) => campaignLists(campaignBuilder({ records, seed })),
    quirks: CAMPAIGN_QUIRKS,
    tables: 11,
  },
  {
    name: "ainative",
    text: (records, seed) => ainative(of(records, seed)),
    lists: (records, seed) => JSON.parse(ainative({ records, seed })) as Lists,
    quirks: AINATIVE_QUIRKS,
    tables: 12,
  },
  {
    name: "viral-dashboard",
    text: (records, seed) => JSON.stringify(viralDashboard(of(records, seed))),
    lists: (records, seed) => viralLists(viralDashboard({ records, seed })),
    quirks: VIRAL_QUIRKS,
    tables: 16,
  },
];

for (const app of APPS) {
  describe(`the data of ${app.name}`, () => {
    it("is the same for the same seed only", () => {
      expect(app.text(200, 5)).toBe(app.text(200, 5));
      expect(app.text(200)).toBe(app.text(200, 1));
      expect(app.text(200, 5)).not.toBe(app.text(200, 6));
    });

    it("has about as many records as were asked for", () => {
      for (const records of SIZES) {
        const lists = Object.values(app.lists(records, 3)).filter(Array.isArray);
        const total = lists.reduce((all, list) => all + list.length, 0);
        expect(Math.abs(total - records) / records, `${records}: ${total}`).toBeLessThanOrEqual(
          0.2,
        );
      }
    });

    const found = SEEDS.map((seed) => app.lists(ALL_QUIRKS, seed));
    it.each(app.quirks)("%s", (_name, occurs) => {
      expect(found.map(occurs)).toEqual(SEEDS.map(() => true));
    });

    it("its target's SQL runs in the embedded database", async () => {
      const pglite = backends.find(({ name }) => name === "pglite");
      const opened = await pglite?.open();
      await using database = opened?.database;
      await database?.query(readFileSync(new URL(`./${app.name}.sql`, import.meta.url), "utf8"));
      const tables = await database?.query(
        "select table_name from information_schema.tables where table_schema = 'public'",
      );
      expect(tables?.rows).toHaveLength(app.tables);
    });
  });
}
