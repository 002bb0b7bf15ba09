/**
 * Viral Dashboard leaves a browser's Dexie database and the server's JSON files for the tables of its schema, which
 * are there already, carry their tenant and stay as they are.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { type CopyOptions, type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";
import {
  VIRAL_BROWSER,
  VIRAL_FILES,
  VIRAL_LEFT_OUT,
  VIRAL_SERVER,
} from "./layouts-viral-dashboard.ts";
import type { Row } from "./random.ts";
import { contentsOf, countBy, decimal, isLonger, SCHEMA, sumOf, units } from "./seen-by-sql.ts";
import { viralDashboard } from "./viral-dashboard.ts";
import { dexieLists, fileLists, judge } from "./viral-sources.ts";

const RECORDS = 10_000;
const TENANT = "tenant-7";

const TABLES = [
  "generations",
  "performance_feedback",
  "reflexion_insights",
  "scoring_adjustments",
  "self_critiques",
  "tenants",
];

const canonical = (row: Row): string => canonicalText(row as Value);
const isTime = (value: unknown): boolean => typeof value === "string" && value !== "";

describe("Viral Dashboard's browser and server in the tables of its schema", () => {
  const { dexie, files } = viralDashboard({ records: RECORDS });
  const source = { server: fileLists(files), browser: dexieLists(dexie) };
  const refused = judge(source.server, source.browser);
  const MOVES = ["server", "browser"] as const;
  const kept = (move: (typeof MOVES)[number], name: string): readonly Row[] =>
    (source[move][name] ?? []).filter((row) => !refused[move][name]?.has(row));
  /** Of both moves: what the tables hold. */
  const of = (name: string): readonly Row[] => MOVES.flatMap((move) => kept(move, name));
  const options: Record<(typeof MOVES)[number], CopyOptions> = {
    server: { move: "server", tenant: TENANT, bind: VIRAL_SERVER, exclude: VIRAL_LEFT_OUT },
    browser: { move: "browser", tenant: TENANT, bind: VIRAL_BROWSER },
  };
  const specs: Record<(typeof MOVES)[number], readonly string[]> = { server: [], browser: [] };
  const copied: Partial<Record<(typeof MOVES)[number], CopyResult>> = {};
  let place: Workplace;
  let before: object[];
  const ask = <T extends object>(question: string) => sql<T>(place.url, question);
  const counts = async (question: string): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await ask<{ name: string; count: number }>(question)).map(({ name, count }) => [
        name,
        count,
      ]),
    );
  const verified = async (move: (typeof MOVES)[number]) =>
    verify(specs[move], place.target, { move, exclude: options[move].exclude });

  beforeAll(async () => {
    place = await workplace();
    await ask(readFileSync(new URL("./viral-dashboard.sql", import.meta.url), "utf8"));
    await ask(`insert into tenants (id, name) values ('${TENANT}', 'Seventh')`);
    before = await ask(SCHEMA);
    specs.browser = [await place.file("browser.json", dexie)];
    specs.server = await Promise.all(
      VIRAL_FILES.map((name) => place.file(name, files[name] ?? "")),
    );
    for (const move of MOVES) copied[move] = await copy(specs[move], place.target, options[move]);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it.each(MOVES)(
    "law T1: %s: stores all but what is refused, and says of each why",
    async (move) => {
      const quarantine = await place.target.ledger.quarantined(move);
      const names = Object.keys(source[move]);
      for (const name of names) {
        const expected = refused[move][name] ?? new Map<Row, string>();
        expect(copied[move]?.counts[name], name).toEqual({
          read: source[move][name]?.length,
          applied: kept(move, name).length,
          duplicate: 0,
          stale: 0,
          quarantined: expected.size,
        });
        expect(
          quarantine
            .filter(({ collection }) => collection === name)
            .map(({ key, code, detail }) =>
              [key?.slice(1), code, detail?.slice(0, 14)].filter(Boolean).join(" "),
            )
            .sort(),
          name,
        ).toEqual([...expected].map(([{ id }, why]) => `${id} ${why}`).sort());
      }
      expect(Object.keys(copied[move]?.counts ?? {}).sort()).toEqual([...names].sort());
      expect(copied[move]?.settlement).toEqual({
        dangling: [],
        made: [],
        refused: [],
        sequences: [],
      });
    },
  );

  it("both kinds of refusal occur, and conflicts", () => {
    const all = MOVES.flatMap((move) =>
      Object.values(refused[move]).flatMap((map) => [...map.values()]),
    );
    expect(countBy(all, (why) => why)).toEqual({
      ID_CONFLICT: 8,
      "RECORD_REFUSED SQLSTATE 23503": expect.any(Number),
      "RECORD_REFUSED SQLSTATE 23505": 3,
    });
  });

  it("counts each value that its column could not hold", () => {
    const spills = (move: (typeof MOVES)[number]) =>
      copied[move]?.spills.map(({ collection, column, code, count }) => [
        collection,
        column,
        code,
        count,
      ]);
    const odd = (move: (typeof MOVES)[number], name: string, is: (row: Row) => boolean): number =>
      kept(move, name).filter(is).length;
    const rounded = (property: string) => (row: Row) => isLonger(row[property], 4);
    const weights = (move: (typeof MOVES)[number]) => [
      ["adjustments", "new_value", "RULE_DECIMAL", odd(move, "adjustments", rounded("newValue"))],
      ["adjustments", "old_value", "RULE_DECIMAL", odd(move, "adjustments", rounded("oldValue"))],
    ];
    const empty = (move: (typeof MOVES)[number]) => [
      [
        "critiques",
        "applied_at",
        "DATE_FORM",
        odd(move, "critiques", (row) => row["appliedAt"] === ""),
      ],
    ];
    const some = (rows: (string | number)[][]) => rows.filter((row) => row[3] !== 0);
    expect(spills("server")).toEqual(some([...weights("server"), ...empty("server")]));
    expect(spills("browser")).toEqual(
      some([
        ...weights("browser"),
        ...empty("browser"),
        ["generations", "concepts", "NOT_JSON", odd("browser", "generations", hasUndefined)],
      ]),
    );
  });

  const hasUndefined = ({ concepts }: Row): boolean =>
    (concepts as Row[]).some(
      (concept) => "variants" in concept && concept["variants"] === undefined,
    );

  it.each(MOVES)(
    "law L1: %s: verify is clean; the other move's rows are foreign to it",
    async (move) => {
      const result = await verified(move);
      expect(result).toMatchObject({ clean: true, differences: [] });
      const other = move === "server" ? "browser" : "server";
      expect(
        Object.fromEntries(
          result.collections.map(({ name, equal, quarantined, foreign }) => [
            name,
            { equal, quarantined, foreign },
          ]),
        ),
      ).toEqual(
        Object.fromEntries(
          Object.keys(source[move]).map((name) => [
            name,
            {
              equal: kept(move, name).length,
              quarantined: refused[move][name]?.size ?? 0,
              foreign: kept(other, name).length,
            },
          ]),
        ),
      );
    },
  );

  it("the export of each has its records, equal and in their order", async () => {
    const out = join(place.folder, "out");
    await exportMove(place.target, join(out, "browser.json"), { move: "browser" });
    await exportMove(place.target, join(out, "server"), { move: "server" });
    const read = (path: string) => readFile(join(out, path), "utf8");
    const texts = await Promise.all(VIRAL_FILES.map((name) => read(join("server", name))));
    const exported = {
      server: fileLists(Object.fromEntries(VIRAL_FILES.map((name, at) => [name, texts[at] ?? ""]))),
      browser: dexieLists(await read("browser.json")),
    };
    for (const move of MOVES) {
      expect(Object.keys(exported[move])).toEqual(Object.keys(source[move]));
      for (const [name, rows] of Object.entries(exported[move])) {
        const own = kept(move, name).map(canonical);
        expect(rows.map(canonical), `${move} ${name}`).toEqual(own);
      }
    }
  });

  it("generations of each day, and favourites", async () => {
    const dated = of("generations").filter(({ date }) => isTime(date));
    expect(dated.length).toBeLessThan(of("generations").length);
    const day = ({ date }: Row): string => (date as string).slice(0, 10);
    const perDay = (where: string) =>
      counts(
        `select to_char(date at time zone 'UTC', 'YYYY-MM-DD') as name, count(*)::int as count
         from generations where tenant_id = '${TENANT}' and date is not null ${where} group by 1`,
      );
    expect(await perDay("")).toEqual(countBy(dated, day));
    expect(await perDay("and is_favorite")).toEqual(
      countBy(
        dated.filter(({ isFavorite }) => isFavorite === true),
        day,
      ),
    );
  });

  it("concepts by category, where they are JSON; none where they are not", async () => {
    const plain = of("generations").filter((row) => !hasUndefined(row));
    expect(
      await counts(
        `select c ->> 'category' as name, count(*)::int as count
         from generations g, jsonb_array_elements(g.concepts) c group by 1`,
      ),
    ).toEqual(
      countBy(
        plain.flatMap(({ concepts }) => concepts as Row[]),
        ({ category }) => category as string,
      ),
    );
    const score = (row: Row): number => row["score"] as number;
    const best = Math.max(
      ...of("generations").flatMap(({ trends }) => (trends as Row[]).map(score)),
    );
    const [found] = await ask<{ best: string }>(
      "select max((t ->> 'score')::numeric)::text as best from generations g, jsonb_array_elements(g.trends) t",
    );
    expect(Number(found?.best)).toBe(best);
  });

  it("critiques that wait to be applied, by their confidence and direction", async () => {
    const waiting = of("critiques").filter(({ appliedAt }) => !isTime(appliedAt));
    expect(waiting.some(({ appliedAt }) => appliedAt === "")).toBe(true);
    expect(waiting.some(({ appliedAt }) => appliedAt === null)).toBe(true);
    expect(
      await counts(
        `select confidence_level || ' ' || (performance_gap ->> 'direction') as name, count(*)::int as count
         from self_critiques where tenant_id = '${TENANT}' and applied_at is null group by 1`,
      ),
    ).toEqual(
      countBy(
        waiting,
        ({ confidenceLevel, performanceGap }) =>
          `${confidenceLevel} ${(performanceGap as Row)["direction"]}`,
      ),
    );
    const [found] = await ask<{ reasons: number; issues: number }>(
      `select sum(cardinality(hypothesized_reasons))::int as reasons,
         count(*) filter (where scoring_issues = '{}')::int as issues from self_critiques`,
    );
    const lists = (row: Row, name: string): unknown[] => row[name] as unknown[];
    expect(found).toEqual({
      reasons: of("critiques").reduce(
        (sum, row) => sum + lists(row, "hypothesizedReasons").length,
        0,
      ),
      issues: of("critiques").filter((row) => lists(row, "scoringIssues").length === 0).length,
    });
  });

  it("adjustments with the critique behind them, and weights to the fourth digit", async () => {
    const confidence = new Map(
      of("critiques").map(({ id, confidenceLevel }) => [id, confidenceLevel]),
    );
    const rows = await ask<{ name: string; count: number; weight: string }>(
      `select a.adjustment_type || ' ' || c.confidence_level as name, count(*)::int as count,
         sum(a.new_value - a.old_value)::text as weight
       from scoring_adjustments a join self_critiques c on (c.tenant_id, c.id) = (a.tenant_id, a.critique_id)
       group by 1`,
    );
    const name = ({ adjustmentType, critiqueId }: Row): string =>
      `${adjustmentType} ${confidence.get(critiqueId as string)}`;
    const sums: Record<string, bigint> = {};
    for (const row of of("adjustments")) {
      const change = units(row["newValue"] as number, 4) - units(row["oldValue"] as number, 4);
      sums[name(row)] = (sums[name(row)] ?? 0n) + change;
    }
    const counted = countBy(of("adjustments"), name);
    expect(Object.fromEntries(rows.map((row) => [row.name, [row.count, row.weight]]))).toEqual(
      Object.fromEntries(
        Object.entries(sums).map(([at, sum]) => [at, [counted[at], decimal(sum, 4)]]),
      ),
    );
    const weights = await ask<{ id: string; weight: string; rest: string | null }>(
      `select a.id, a.new_value::text as weight, x.rest::text from scoring_adjustments a
       left join outgrow.rest x on x.row = a.id`,
    );
    const sources = new Map(of("adjustments").map(({ id, newValue }) => [id, newValue as number]));
    let exact = 0;
    for (const { id, weight, rest } of weights) {
      const value = sources.get(id) as number;
      if (Number(weight) === value) exact++;
      else {
        expect(weight).toBe(decimal(units(value, 4), 4));
        expect(rest).toContain(String(value));
      }
    }
    expect(weights).toHaveLength(of("adjustments").length);
    expect(exact).toBeGreaterThan(0);
    expect(exact).toBeLessThan(weights.length / 2);
  });

  it("reports by platform, out of what was nested", async () => {
    const rows = await ask<{ name: string; views: string; saves: string | null; rate: string }>(
      `select platform as name, sum(views)::text as views, sum(saves)::text as saves,
         sum(engagement_rate)::text as rate from performance_feedback group by 1`,
    );
    const platforms = new Set(of("entries").map(({ platform }) => platform as string));
    expect(rows.map((row) => row.name).sort()).toEqual([...platforms].sort());
    for (const row of rows) {
      const reports = of("entries").filter(({ platform }) => platform === row.name);
      const sum = (metric: string): string =>
        String(
          reports.reduce(
            (all, { metrics }) => all + (((metrics as Row)[metric] ?? 0) as number),
            0,
          ),
        );
      expect(row).toEqual({
        name: row.name,
        views: sum("views"),
        saves: sum("saves"),
        rate: sumOf(reports, "engagementRate", 4),
      });
    }
    const [twice] = await ask<{ count: number }>(
      `select count(*)::int as count from (select from performance_feedback group by concept_id having count(*) > 1) x`,
    );
    const reported = countBy(of("entries"), ({ conceptId }) => conceptId as string);
    expect(twice?.count).toBe(Object.values(reported).filter((count) => count > 1).length);
  });

  it("its schema is as it was", async () => {
    expect(await ask(SCHEMA)).toEqual(before);
  });

  it("a second copy of each writes no row anew, and verify is clean again", async () => {
    const rows = await ask(contentsOf(TABLES));
    for (const move of MOVES) {
      const again = await copy(specs[move], place.target, options[move]);
      expect(again.run).toBe(2);
      const counts = Object.entries(copied[move]?.counts ?? {}).map(([name, first]) => {
        const { applied } = first;
        return [name, applied === 0 ? first : { ...first, unchanged: applied }];
      });
      expect(again.counts).toEqual(Object.fromEntries(counts));
    }
    expect(await ask(contentsOf(TABLES))).toEqual(rows);
    for (const move of MOVES) {
      expect(await verified(move)).toMatchObject({ clean: true, differences: [] });
    }
  });

  it("dropped, each takes its own rows along, and the last one all that is ours", async () => {
    expect(await place.target.ledger.drop("browser")).toEqual({ tables: [] });
    expect(await verified("server")).toMatchObject({ clean: true, differences: [] });
    const left = await ask<{ name: string; rows: number }>(contentsOf(TABLES));
    expect(left.map(({ name, rows }) => [name, rows])).toEqual([
      ["generations", 0],
      ["performance_feedback", kept("server", "entries").length],
      ["reflexion_insights", kept("server", "insights").length],
      ["scoring_adjustments", kept("server", "adjustments").length],
      ["self_critiques", kept("server", "critiques").length],
      ["tenants", 1],
    ]);
    expect(await place.target.ledger.drop("server")).toEqual({ tables: [] });
    const empty = await ask<{ name: string; rows: number }>(contentsOf(TABLES));
    expect(empty.map(({ rows }) => rows)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(await ask(SCHEMA)).toEqual(before);
    expect(await ask("select to_regnamespace('outgrow') as schema")).toEqual([{ schema: null }]);
  });
});
