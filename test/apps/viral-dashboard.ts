/**
 * Legacy data of Viral Dashboard: the Dexie database of one browser, as dexie-export-import writes it, and the JSON
 * files of the server, where nearly all of the reflexion data really lies.
 */
import { apportion, at, iso, Random, type Row, times } from "./random.ts";
import { CATEGORIES, type Concept, generation } from "./viral-generation.ts";

const START = Date.parse("2026-02-02T09:00:00.000Z");
const MINUTE = 60_000;
const PLATFORMS = ["tiktok", "youtube-shorts", "instagram-reels"];
const DIRECTIONS = ["over-predicted", "under-predicted", "accurate"];
const ADJUSTMENT_TYPES = [
  "category-weight",
  "hook-effectiveness",
  "platform-multiplier",
  "recency-boost",
];
/** One insight for each category, platform and direction is all that the file can hold. */
const PATTERNS = CATEGORIES.flatMap((category) =>
  PLATFORMS.flatMap((platform) =>
    DIRECTIONS.map((direction) => ({ category, platform, direction })),
  ),
);
/** The server keeps the last 500 reports. */
const HISTORY_LIMIT = 500;
/** What the browser has of reflexion data: hardly anything. */
const IN_BROWSER = { critiques: 3, insights: 3, adjustments: 2 };
/** With fewer records in all, the browser has none of it, as is usual. */
const SMALL = 100;

export interface ViralDashboard {
  /** Database `ViralDashboard` v2: generations, critiques, insights, adjustments. */
  readonly dexie: string;
  /** critiques.json, insights.json, adjustments.json, performance-history.json */
  readonly files: Record<string, string>;
}

/** @param options.records how many rows and elements in all tables and files together. */
export function viralDashboard(options: { records: number; seed?: number }): ViralDashboard {
  const random = new Random(options.seed ?? 1);
  const browser =
    options.records < SMALL ? { critiques: 0, insights: 0, adjustments: 0 } : IN_BROWSER;
  const inBrowser = browser.critiques + browser.insights + browser.adjustments;
  const counts = apportion(options.records - inBrowser, {
    generations: 42,
    critiques: 36,
    insights: 3,
    adjustments: 12,
    reports: 7,
  });
  const insights = Math.min(counts.insights, PATTERNS.length);
  const reports = Math.min(counts.reports, HISTORY_LIMIT);
  const critiques =
    counts.critiques + (counts.insights - insights) + Math.max(0, counts.reports - reports);
  const generations = times(counts.generations, (index) =>
    generation(random, index, counts.generations, START + index * 17 * MINUTE),
  );
  const concepts = generations.flatMap(({ concepts }) => concepts as Concept[]);
  const reflexion = new Reflexion(random, concepts);
  const stored = reflexion.critiques(critiques);
  const files = {
    "critiques.json": stored,
    "insights.json": reflexion.insights(insights),
    "adjustments.json": reflexion.adjustments(counts.adjustments, stored),
    "performance-history.json": reflexion.history(reports),
  };
  const own = reflexion.critiques(browser.critiques);
  return {
    dexie: dexieExport([
      ["generations", "id,date,isFavorite", generations],
      ["critiques", "id,conceptId,createdAt,appliedAt", own],
      [
        "insights",
        "id,category,platform,discoveredAt,appliedToScoring",
        reflexion.browserInsights(browser.insights),
      ],
      [
        "adjustments",
        "id,category,adjustmentType,appliedAt,critiqueId",
        reflexion.adjustments(browser.adjustments, own),
      ],
    ]),
    files: Object.fromEntries(
      Object.entries(files).map(([name, content]) => [name, JSON.stringify(content, null, 2)]),
    ),
  };
}

class Reflexion {
  readonly #random: Random;
  readonly #concepts: readonly Concept[];
  #now = START;

  constructor(random: Random, concepts: readonly Concept[]) {
    this.#random = random;
    this.#concepts = concepts;
  }

  #tick(): number {
    this.#now += this.#random.int(1, 40) * MINUTE + this.#random.int(0, 59_999);
    return this.#now;
  }

  #concept(): Concept {
    return this.#concepts.length === 0
      ? { id: this.#random.uuid(), title: this.#random.title(4), category: "tech" }
      : this.#random.pick(this.#concepts);
  }

  critiques(count: number): Row[] {
    const rows: Row[] = [];
    for (let index = 0; index < count; index++) {
      const row = this.#critique(index);
      // The file's `saveCritique` pushes: the same id may stand there twice.
      if (at(index, 997, 20)) row["id"] = rows[index - 1]?.["id"];
      rows.push(row);
    }
    return rows;
  }

  #critique(index: number): Row {
    const random = this.#random;
    const concept = this.#concept();
    const direction = DIRECTIONS[index % 3] as string;
    const accurate = direction === "accurate";
    const predicted = random.int(20, 100);
    const gap = accurate
      ? 0
      : (direction === "over-predicted" ? -1 : 1) * random.int(100, 900) * 0.1;
    const createdAt = this.#tick();
    return {
      id: random.uuid(),
      conceptId: concept.id,
      performanceGap: {
        conceptId: concept.id,
        conceptTitle: concept.title,
        category: concept.category,
        platform: random.pick(PLATFORMS),
        predictedVirality: predicted,
        actualEngagement: random.int(0, 4000) / 100,
        actualViralityScore: predicted + gap,
        gap,
        gapPercentage: Math.round((gap / predicted) * 100),
        direction,
      },
      critique: `${random.sentence(10)} Predicted ${predicted}.`,
      hypothesizedReasons: times(random.int(1, 3), () => random.sentence(6)),
      scoringIssues: accurate ? [] : times(random.int(1, 2), () => random.sentence(4)),
      adjustmentPlan: accurate ? "No adjustments needed. Monitor for drift." : random.sentence(9),
      confidenceLevel: random.pick(["low", "medium", "high"]),
      createdAt: iso(createdAt),
      ...this.#applied(index, createdAt),
    };
  }

  /** What is not applied yet lacks the key; other versions left an empty text or null. */
  #applied(index: number, createdAt: number): Row {
    if (at(index, 29, 1)) return { appliedAt: "" };
    if (at(index, 31, 2)) return { appliedAt: null };
    return at(index, 3, 0) ? { appliedAt: iso(createdAt + 5 * MINUTE) } : {};
  }

  #insight(index: number): Row {
    const { category, platform, direction } = PATTERNS[index] as (typeof PATTERNS)[number];
    const discoveredAt = this.#tick();
    return {
      id: this.#random.uuid(),
      category,
      platform,
      pattern: `${category}-${platform}-${direction}`,
      evidenceCount: this.#random.int(1, 60),
      impact: this.#random.pick(["positive", "negative", "neutral"]),
      recommendation: this.#random.sentence(9),
      appliedToScoring: at(index, 3, 1),
      discoveredAt: iso(discoveredAt),
      lastSeenAt: iso(discoveredAt + this.#random.int(0, 5000) * MINUTE),
    };
  }

  insights(count: number): Row[] {
    return times(count, (index) => this.#insight(index));
  }

  /** Put by id: one pattern lies there twice, and again in the server's file. */
  browserInsights(count: number): Row[] {
    return times(count, (index) => this.#insight(Math.floor(index / 2)));
  }

  adjustments(count: number, critiques: readonly Row[]): Row[] {
    let weight = 0.68;
    return times(count, (index) => {
      // 0.68 * 0.9 is 0.6120000000000001: weights are never rounded.
      const factor = at(index, 2, 0) ? 0.9 : 1.1;
      const oldValue = weight;
      weight *= factor;
      if (weight < 0.2 || weight > 2) weight = 1;
      const stored = this.#random.pick(critiques.length === 0 ? [undefined] : critiques);
      return {
        id: this.#random.uuid(),
        category: this.#random.pick(CATEGORIES),
        adjustmentType: ADJUSTMENT_TYPES[index % ADJUSTMENT_TYPES.length],
        oldValue,
        newValue: weight,
        reason: this.#random.sentence(8),
        // Nothing checked that the critique is stored.
        critiqueId: at(index, 9, 1) || stored === undefined ? this.#random.uuid() : stored["id"],
        appliedAt: iso(this.#tick()),
      };
    });
  }

  #report(index: number): Row {
    const random = this.#random;
    const concept = this.#concept();
    const views = at(index, 23, 4) ? 0 : random.int(50, 2_000_000);
    const part = (most: number): number => Math.floor(views * random.next() * most);
    const [likes, shares, comments] = [part(0.2), part(0.05), part(0.03)];
    const rate = views === 0 ? 0 : Math.round(((likes + shares + comments) / views) * 10_000) / 100;
    return {
      conceptId: concept.id,
      conceptTitle: concept.title,
      category: concept.category,
      platform: random.pick(PLATFORMS),
      ...(at(index, 6, 5) ? { variantId: random.uuid() } : {}),
      metrics: {
        views,
        likes,
        comments,
        shares,
        ...(at(index, 5, 2) ? { saves: part(0.02) } : {}),
        ...(at(index, 7, 3)
          ? { clickThroughRate: random.int(0, 1200) / 10_000, watchTimeSeconds: random.int(1, 59) }
          : {}),
      },
      id: random.uuid(),
      engagementRate: rate,
      reportedAt: iso(this.#tick()),
    };
  }

  /** The last 500 reports, and sums over them. */
  history(count: number): Row {
    const entries: Row[] = [];
    for (let index = 0; index < count; index++) {
      const previous = entries[index - 1];
      if (at(index, 19, 1) && previous !== undefined) {
        const later = Date.parse(previous["reportedAt"] as string) + 21_474;
        entries.push({ ...previous, id: this.#random.uuid(), reportedAt: iso(later) });
      } else entries.push(this.#report(index));
    }
    return {
      entries,
      categoryStats: {
        tech: { totalEntries: entries.length, avgViews: 10_000, avgEngagementRate: 12.5 },
      },
      lastUpdated: entries.at(-1)?.["reportedAt"] ?? "",
    };
  }
}

/** Marks of the types that JSON has not, by path. The exporter marks every array too. */
function marks(value: unknown, path: string, found: Record<string, string>): unknown {
  if (value === undefined) {
    found[path] = "undef";
    return 0;
  }
  if (Array.isArray(value)) found[path] = "arrayNonindexKeys";
  if (typeof value !== "object" || value === null) return value;
  const inner = (name: string, item: unknown) =>
    marks(item, path === "" ? name : `${path}.${name}`, found);
  if (Array.isArray(value)) return value.map((item, index) => inner(String(index), item));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inner(name, item)]));
}

function exportRow(row: Row): Row {
  const types: Record<string, string> = {};
  const plain = marks(row, "", types) as Row;
  return Object.keys(types).length === 0 ? plain : { ...plain, $types: types };
}

function dexieExport(tables: readonly (readonly [string, string, readonly Row[]])[]): string {
  const byId = (a: Row, b: Row): number => ((a["id"] as string) < (b["id"] as string) ? -1 : 1);
  return JSON.stringify({
    formatName: "dexie",
    formatVersion: 1,
    data: {
      databaseName: "ViralDashboard",
      databaseVersion: 2,
      // A count is taken before the rows are read: one insight was deleted in between.
      tables: tables.map(([name, schema, rows]) => ({
        name,
        schema,
        rowCount: rows.length + (name === "insights" ? 1 : 0),
      })),
      data: tables.map(([tableName, , rows]) => ({
        tableName,
        inbound: true,
        rows: [...rows].sort(byId).map(exportRow),
      })),
    },
  });
}
