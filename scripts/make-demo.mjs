// Makes the demo data in demo/: three apps' files in the shapes that such apps really write, old and odd records
// included. The same bytes at every run, so that a change to them is a change somebody made here.
import { writeFileSync } from "node:fs";

let seed = 20260221;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (length) => Array.from({ length }, () => pick([..."0123456789abcdef"])).join("");
const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
const DAY = 86_400_000;
const FIRST = Date.UTC(2026, 1, 2, 9, 30);
const day = (index) => new Date(FIRST + index * DAY + Math.floor(random() * DAY)).toISOString();
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const out = (name, value) =>
  writeFileSync(
    new URL(`../demo/${name}`, import.meta.url),
    `${typeof value === "string" ? value : JSON.stringify(value, null, 1)}\n`,
  );

// Viral Dashboard: Dexie. Version 1 of the app knew no category, no virality, no quota; its rows are still there.
const CATEGORIES = ["news", "absurd", "luxury", "emotional", "tech", "cartoon", "gaming", "food"];
const TOPICS = [
  "quiet trains",
  "paper lamps",
  "night markets",
  "slow coffee",
  "city foxes",
  "rain sounds",
  "tiny kitchens",
];
const concept = (modern) => {
  const topic = pick(TOPICS);
  return {
    id: modern
      ? uuid()
      : `mock_concept_${FIRST + Math.floor(random() * 1e6)}_${Math.floor(random() * 9)}`,
    title: `Why ${topic} feel like home \u{1F3E0}`,
    script: [
      { timeRange: "0-3s", visual: `close-up, ${topic}`, onScreenText: null, camera: "static" },
      {
        timeRange: "3-8s",
        visual: "the same, from above",
        onScreenText: "wait for it",
        camera: "drone",
      },
    ],
    soraPrompt: `a film about ${topic}`,
    veoPrompt: `${topic}, 35 mm`,
    caption: `${topic} \u2014 100 % real`,
    hashtags: ["#fyp", `#${topic.replaceAll(" ", "")}`],
    postTime: { utc: "00:00 UTC", est: "19:00 EST" },
    whyItWorks: "Familiar, then not.",
    trendSource: `reddit: ${topic}`,
    category: pick(CATEGORIES),
    ...(modern
      ? {
          platformVirality: {
            tiktok: { score: 60 + Math.floor(random() * 40), label: "high", factors: ["hook"] },
          },
        }
      : {}),
  };
};
const generations = Array.from({ length: 24 }, (_, index) => {
  const modern = index >= 8;
  return {
    id: uuid(),
    date: day(index),
    concepts: [concept(modern), concept(modern)],
    trends: [
      {
        id: `t${index}`,
        topic: pick(TOPICS),
        source: "reddit",
        score: Math.round(random() * 1500) / 10,
        recency: "today",
        visualPotential: 7,
        emotionalImpact: 6,
        shareability: 8,
        ...(modern ? { category: pick(CATEGORIES) } : {}),
      },
    ],
    isFavorite: index % 5 === 0,
    ...(index >= 16 ? { quota: { used: index, total: 100, remaining: 100 - index } } : {}),
  };
});
generations[3].concepts[0].caption = "cut in the middle of an emoji \ud83d";
generations[5].note = "a NUL \u0000 from a broken paste";
generations[9].savedAt = Date.UTC(2026, 1, 11);
generations[9].draft = 0;
generations[9].$types = { savedAt: "date", draft: "undef" };
generations[12].mystery = 1;
generations[12].$types = { mystery: "hologram" };
const critique = {
  id: uuid(),
  conceptId: generations[10].concepts[0].id,
  critique: "The hook came late.",
  hypothesizedReasons: ["pace"],
  scoringIssues: [],
  adjustmentPlan: "Weigh the first second higher.",
  confidenceLevel: "medium",
  createdAt: day(20),
};
const table = (name, schema, rows) => ({ name, schema, rowCount: rows.length });
const dexieTables = [
  ["generations", "id,date,isFavorite", generations],
  ["critiques", "id,conceptId,createdAt,appliedAt", [critique]],
  ["insights", "id,category,platform,discoveredAt,appliedToScoring", []],
  ["adjustments", "id,category,adjustmentType,appliedAt,critiqueId", []],
];
out("viral-dashboard.json", {
  formatName: "dexie",
  formatVersion: 1,
  data: {
    databaseName: "ViralDashboard",
    databaseVersion: 2,
    tables: dexieTables.map(([name, schema, rows]) => table(name, schema, rows)),
    data: dexieTables.map(([tableName, , rows]) => ({ tableName, inbound: true, rows })),
  },
});

// Campaign Builder: localStorage. Every value is a string; most are JSON, two are not, one is cut off.
const products = Array.from({ length: 6 }, (_, index) => ({
  id: index < 2 ? `sample-${index + 1}` : String(FIRST + index * 60_000),
  name: `Oat drink ${index + 1}`,
  description: "Creamy, without the cow.",
  brand: "Fields",
  category: "dairy_alternatives",
  ...(index % 2 === 0
    ? { productUrl: `https://example.com/oat/${index}` }
    : { url: `https://example.com/oat/${index}`, price: `$${index + 3}.99` }),
  status: "Active",
  metadata: { tags: ["oat", "drink"], ...(index === 0 ? { sku: "OAT-001" } : {}) },
  images: [
    {
      id: `${FIRST + index}.${Math.floor(random() * 9999)}`,
      url: PIXEL,
      fileName: "oat.png",
      altText: "",
      isPrimary: true,
    },
  ],
  created: day(index),
  updated: day(index + 1),
}));
const campaigns = Array.from({ length: 9 }, (_, index) => ({
  id: index === 8 ? String(FIRST) : String(FIRST + index),
  productId: index % 3 === 0 ? null : pick(products).id,
  name: `Spring ${index + 1}`,
  status: "Draft",
  info: true,
  created: `${1 + (index % 12)}/${10 + index}/2026`,
  type: index % 2 === 0 ? "Add to Cart" : "Where to Buy",
  budget: "$0.00",
  starts: "Not Set",
  ends: "Not Set",
  adData: {
    campaignName: `Spring ${index + 1}`,
    adSize: "300x250",
    ctaType: "whereToBuy",
    imageSrc: "[Image Data - Not Stored]",
    imageUrl: PIXEL,
    audience: {
      type: "working_parent",
      dietOverlay: [],
      specificRetailers: [],
      specificRegions: [],
    },
  },
}));
const draft = (id, platforms) => ({
  id,
  name: "Autosaved",
  createdAt: day(3),
  updatedAt: day(4),
  status: "draft",
  version: 2,
  product: null,
  audience: null,
  platforms,
  creative: { selectedFormats: ["banner"], creatives: {} },
  publish: null,
});
out("campaign-builder.json", {
  products: JSON.stringify(products),
  campaigns: JSON.stringify(campaigns),
  backgrounds: JSON.stringify(
    [{ id: "bg_1", imageUrl: PIXEL, prompt: "a kitchen at dawn", created: day(2) }],
    null,
    2,
  ),
  campaign_draft_campaign_1750654128168: JSON.stringify(draft("campaign_1750654128168", [])),
  campaign_draft_campaign_1750654999001: JSON.stringify(
    draft("campaign_1750654999001", {
      selectedPlatforms: ["meta"],
      budgetAllocation: "even",
      totalBudget: 500,
    }),
  ),
  campaign_recovery_campaign_1750654128168:
    '{"id":"campaign_1750654128168","updatedAt":"2026-02-05T10:00:00.000Z","lastSt',
  darkMode: "dark",
  "designControls-activeTab": "text",
});

// PictureAi: one JSON file on a server, its counters beside its tables.
const users = Array.from({ length: 12 }, (_, index) => ({
  id: index + 1,
  email: `user${index + 1}@example.com`,
  password_hash: index % 4 === 3 ? "google_oauth" : `$2b$12$${hex(53)}`,
  credits: 3 + index,
  total_generated: index,
  created_at: index < 4 ? "2025-08-24 15:51:55" : day(index),
  last_login: day(index + 9),
}));
users.push({ ...users[6], credits: 99 });
const transactions = Array.from({ length: 30 }, (_, index) => ({
  id: index + 1,
  user_id: 1 + (index % 12),
  type: index % 3 === 0 ? "purchase" : "usage",
  credits: index % 3 === 0 ? 20 : -1,
  ...(index % 3 === 0
    ? { amount: 2500, stripe_session_id: `cs_test_${hex(12)}` }
    : { prompt: "Steampunk tarz\u0131nda u\u00e7an makine" }),
  created_at: day(index % 20),
}));
transactions.push({ ...transactions[29] });
const packages = [
  ["Starter Pack", 20, 2500],
  ["Popular Pack", 50, 5000],
  ["Pro Pack", 100, 8000],
  ["Business Pack", 500, 30000],
].map(([name, credits, price], index) => ({
  id: index + 1,
  name,
  credits,
  price,
  is_active: index !== 3,
}));
const database = JSON.stringify(
  {
    users,
    transactions,
    creditPackages: packages,
    nextUserId: 13,
    nextTransactionId: 31,
    nextPackageId: 5,
  },
  null,
  1,
);
// A number with more digits than a double holds: an order number of another system, pasted into the file.
out(
  "picture-ai.json",
  database.replace(
    '"nextPackageId": 5',
    '"nextPackageId": 5,\n "lastOrderNumber": 9007199254740993',
  ),
);
