/** Generations of Viral Dashboard, as its versions stored them: no version rewrote what an earlier one had. */
import { at, iso, type Random, type Row, times } from "./random.ts";

const OLD_CATEGORIES = ["news", "absurd", "luxury", "emotional", "tech", "cartoon"];
export const CATEGORIES = [
  ...OLD_CATEGORIES,
  "gaming",
  "fitness",
  "food",
  "finance",
  "music",
  "relationships",
];

/** What reflexion data takes from a concept. */
export interface Concept {
  readonly id: string;
  readonly title: string;
  readonly category: string;
}

/** v1: 26e8f93. v2: virality, monetization and trend categories. v3: the quota of the raw response. */
type Version = 1 | 2 | 3;

/** @param total a third of so many are of the first version, a third of the second. */
export function generation(random: Random, index: number, total: number, time: number): Row {
  const version = (1 + Math.min(2, Math.floor((index * 3) / total))) as Version;
  const mock = at(index, 10, 3);
  const concepts = times(conceptCount(random, index), (place) =>
    concept(random, version, index, mock ? `mock_concept_${time}_${place}` : random.uuid()),
  );
  return {
    id: mock ? `mock_generation_${time}` : random.uuid(),
    ...date(index, time),
    concepts,
    trends: times(random.int(1, 2), () => trend(random, version, time)),
    isFavorite: at(index, 4, 1),
    ...(version === 3
      ? { quota: { used: index % 11, total: 10, remaining: 10 - (index % 11) } }
      : {}),
  };
}

/** Three for each category at most: 36 have been seen. */
function conceptCount(random: Random, index: number): number {
  return at(index, 997, 25) ? 36 : random.int(1, 2);
}

/** Rows without a date, or with null, are stored and only absent from Dexie's index. */
function date(index: number, time: number): Row {
  if (at(index, 1009, 12)) return {};
  if (at(index, 1009, 40)) return { date: null };
  return { date: iso(time) };
}

function concept(random: Random, version: Version, index: number, id: string): Row {
  const topic = random.words(2);
  const category = random.pick(version === 1 ? OLD_CATEGORIES : CATEGORIES);
  return {
    id,
    title: `${random.title(3)} But ${random.title(2)}`,
    script: [
      {
        timeRange: "0-3s",
        visual: random.sentence(7),
        onScreenText: random.chance(0.5) ? null : random.words(2).toUpperCase(),
        camera: random.pick(["close-up", "wide", "handheld"]),
      },
    ],
    soraPrompt: random.sentence(9),
    veoPrompt: random.sentence(9),
    // U+FFFD: an old exporter cut texts between the bytes of a character.
    caption: at(index, 89, 30) ? `${random.sentence(4)} \ufffd\ufffd` : `${random.sentence(5)} 🔥`,
    hashtags: times(3, () => `#${random.words(1)}`),
    postTime: {
      utc: "00:00 UTC",
      est: "19:00 EST",
      ...(random.chance(0.5) ? { reason: random.sentence(4) } : {}),
    },
    whyItWorks: random.sentence(8),
    trendSource: `${random.pick(["Reddit", "Google Trends", "YouTube"])}: ${topic}`,
    category,
    ...(version === 1 ? {} : judged(random, index)),
  };
}

function judged(random: Random, index: number): Row {
  const virality = (): Row => ({
    score: random.int(0, 100),
    label: random.pick(["low", "solid", "viral"]),
    factors: times(random.int(0, 2), () => random.words(2)),
  });
  return {
    platformVirality: { tiktok: virality(), youtubeShorts: virality() },
    monetization: {
      estimatedRPM: { tiktok: random.int(10, 90) / 100, youtubeShorts: random.int(10, 900) / 100 },
      score: random.int(0, 100),
      label: random.pick(["weak", "good"]),
      sponsorPotential: random.pick(["low", "medium", "high", "premium"]),
      bestStrategy: random.sentence(5),
    },
    // Undefined when the A/B code had thrown.
    variants: at(index, 7, 2)
      ? undefined
      : ["A", "B"].map((label) => ({
          id: random.uuid(),
          label,
          title: random.title(3),
          caption: random.sentence(4),
          hookSource: random.words(1),
          ...(label === "A" ? { selected: true } : {}),
        })),
  };
}

function trend(random: Random, version: Version, time: number): Row {
  const old: Row = {
    id: random.uuid(),
    topic: random.words(2),
    source: random.pick(["Reddit", "Google Trends", "YouTube"]),
    // A product of factors, up to 150.
    score: random.int(1, 1000) * 0.15,
    recency: random.pick(["today", "yesterday", "older"]),
    visualPotential: random.int(0, 100),
    emotionalImpact: random.int(0, 100),
    shareability: random.int(0, 100),
  };
  if (version === 1) return old;
  return {
    ...old,
    category: random.pick(CATEGORIES),
    sourceApi: random.pick(["reddit", "youtube", "newsapi"]),
    sourceUrl: `https://trends.example.test/${random.base36(8)}`,
    velocity: random.int(0, 1000) / 7,
    engagementCount: random.int(0, 900_000),
    platform: random.pick(["youtube", "reddit", "news", "general"]),
    timestamp: iso(time),
    relatedKeywords: times(random.int(0, 3), () => random.words(1)),
  };
}
