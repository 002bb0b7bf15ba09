// Makes the three files of the comparison. The content is invented, and the same at every run.
//
//   node docs/comparison/make.mjs [folder]
//
// Numbers that a JavaScript number cannot say (9007199254740993) or that JSON.stringify writes otherwise (-0) are
// kept as their token, so that the files hold what other programs would have written.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A number as it stands in the file. */
export class Token {
  constructor(text) {
    this.text = text;
  }
}

export function write(value) {
  if (value instanceof Token) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([name, it]) => `${JSON.stringify(name)}:${write(it)}`);
  return `{${members.join(",")}}`;
}

const day = 86_400_000;
const start = Date.UTC(2025, 5, 18, 9, 30);
const iso = (n) => new Date(start + n * day + n * 61_007).toISOString();
const upTo = (count) => Array.from({ length: count }, (_, n) => n);
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

// --- shop.json: a lowdb-like file ---

const goods = ["Oat drink", "Rye bread", "Plum jam", "Olive oil", "Green tea", "Sea salt", "Honey"];
const categories = ["dairy", "bakery", null, "pantry", "tea"];

function product(n) {
  const row = {
    id: n + 1,
    sku: String(n * 41 + 123).padStart(5, "0"),
    name: `${goods[n % goods.length]} ${n + 1}`,
    description: `Made in small lots, number ${n + 1}.`,
    price: n % 4 === 1 ? `$${n + 1}.99` : `${n + 1}.5`,
    rating: n % 3 === 0 ? null : 3 + (n % 7) / 4,
    stock: n * 3,
    category: categories[n % categories.length],
    images: upTo(n % 3).map((at) => ({
      id: `${n + 1}-${at}`,
      url: `https://example.com/${n + 1}/${at}.png`,
      isPrimary: at === 0,
    })),
    created: iso(n),
  };
  if (n % 5 === 1) row.note = "";
  if (n % 5 === 2) row.note = null;
  if (n % 5 === 3) row.note = "fragile";
  return row;
}

function shop() {
  const products = upTo(28).map(product);
  products[3].description = "A zero byte\u0000in the middle.";
  products[5].description = "Cut at 125 characters \ud83d";
  products[8].stock = new Token("-0");
  products[9].stock = new Token("9007199254740993");
  products[12].description = 'Two lines,\nwith "quotes" and a comma.';
  products.splice(20, 0, { ...product(6), name: "Honey 7 (second)", price: "7.75" });
  const orders = upTo(24).map((n) => {
    const row = {
      id: String(1001 + n),
      productId: n === 11 ? 99 : ((n * 5) % 28) + 1,
      customer: `person${n % 9}@example.com`,
      reference: String(n + 42).padStart(6, "0"),
      quantity: (n % 4) + 1,
      total: `${((n % 4) + 1) * 21}.50`,
      paid: n % 3 !== 0,
      lines: [{ productId: ((n * 5) % 28) + 1, quantity: (n % 4) + 1, price: "21.50" }],
      placed: iso(n),
    };
    if (n % 4 === 0) row.coupon = "";
    if (n % 4 === 1) row.coupon = null;
    if (n % 4 === 2) row.coupon = "SUMMER";
    return row;
  });
  return { products, orders };
}

// --- notes.dexie.json: dexie-export-import, version 1 ---

function note(n) {
  const types = { created: "date" };
  const row = {
    id: n + 1,
    title: `Note ${n + 1}`,
    body: n % 6 === 0 ? "" : `Line one.\nLine ${n + 1}.`,
    created: start + n * day,
    pinned: n % 5 === 0,
    folder: n % 4 === 0 ? null : `folder-${n % 4}`,
  };
  if (n % 3 === 0) {
    row.editedBy = 0;
    types.editedBy = "undef";
  }
  if (n % 4 === 1) {
    row.labels = [
      ["colour", "blue"],
      [n, true],
    ];
    types.labels = "map";
  }
  if (n % 8 === 2) {
    row.revision = "9007199254740993";
    types.revision = "bigint";
  }
  if (n % 2 === 0) {
    row.reminders = [start + (n + 7) * day, start + (n + 14) * day];
    types["reminders.0"] = "date";
    types["reminders.1"] = "date";
  }
  row.$types = types;
  return row;
}

function notes() {
  const rows = upTo(20).map(note);
  rows[4].body = "a\u0000b";
  const attachments = upTo(6).map((n) => ({
    id: `att-${n}`,
    noteId: n === 5 ? 404 : n * 3 + 1,
    file: {
      type: "text/plain",
      data: Buffer.from(`attachment ${n}\u0000\u00ff`, "latin1").toString("base64"),
    },
    $types: { file: "blob2" },
  }));
  const settings = [
    ["theme", "dark"],
    { $: ["lastOpened", { note: 3, at: start }], $types: { $: { "1.at": "date" } } },
    ["recent", [3, 1, 2]],
    { $: ["installed", start - day], $types: { $: { 1: "date" } } },
  ];
  return {
    formatName: "dexie",
    formatVersion: 1,
    data: {
      databaseName: "Notebook",
      databaseVersion: 3,
      tables: [
        { name: "notes", schema: "++id,created,folder", rowCount: 2 },
        { name: "attachments", schema: "id,noteId", rowCount: 6 },
        { name: "settings", schema: "", rowCount: 4 },
      ],
      data: [
        { tableName: "notes", inbound: true, rows },
        { tableName: "attachments", inbound: true, rows: attachments },
        { tableName: "settings", inbound: false, rows: settings },
      ],
    },
  };
}

// --- campaigns.localstorage.json: key -> text, most of it JSON ---

const usDate = (n) => `6/${18 + (n % 12)}/2025`;

function adProduct(n) {
  return {
    id: n < 2 ? `sample-${n + 1}` : String(start + n),
    name: `${goods[n % goods.length]} ${n + 1}`,
    brand: "Fields",
    ...(n % 2 === 0
      ? { productUrl: `https://example.com/p/${n}` }
      : { url: `https://example.com/p/${n}`, price: "$4.99" }),
    status: n % 3 === 0 ? "Draft" : "Active",
    metadata:
      n % 2 === 0 ? { sku: `0${n}-1`, tags: ["oat", "drink"] } : { tags: [], priceRange: "low" },
    images: [
      {
        id: `${start + n}.4321`,
        url: n % 2 === 0 ? pixel : `https://example.com/i/${n}.png`,
        isPrimary: true,
      },
    ],
    created: iso(n),
  };
}

function campaign(n) {
  const row = {
    id: String(start + n * 1000),
    productId: n === 4 ? "deleted-product" : n % 3 === 0 ? null : `sample-${(n % 2) + 1}`,
    name: `Campaign ${n + 1}`,
    status: "Draft",
    info: true,
    created: usDate(n),
    type: n % 2 === 0 ? "Where to Buy" : "Add to Cart",
    budget: "$0.00",
    starts: "Not Set",
    ends: "Not Set",
    adData: {
      adSize: "300x250",
      url: n % 2 === 0 ? pixel : null,
      imageSrc: "[Image Data - Not Stored]",
      audience: {},
    },
  };
  if (n === 7) delete row.name;
  if (n === 9) row.adData.description = "Cut with substring(0,125) \ud83d";
  return row;
}

function draft(n) {
  return {
    id: `campaign_${start + n}`,
    name: `Draft ${n + 1}`,
    updatedAt: iso(n),
    status: "draft",
    version: 2,
    product: null,
    platforms:
      n % 2 === 0
        ? []
        : { selectedPlatforms: ["web", "tv"], totalBudget: n * 100.25, startDate: "2025-07-01" },
  };
}

function campaigns() {
  const dump = {
    products: write(upTo(8).map(adProduct)),
    campaigns: write(upTo(16).map(campaign)),
    backgrounds: write(
      upTo(3).map((n) => ({ id: `bg_${n}`, imageUrl: pixel, prompt: "a field", created: iso(n) })),
    ),
  };
  for (const n of upTo(5)) dump[`campaign_draft_campaign_${start + n}`] = write(draft(n));
  dump.darkMode = "dark";
  dump["designControls-activeTab"] = "layers";
  return dump;
}

export const files = {
  "shop.json": shop(),
  "notes.dexie.json": notes(),
  "campaigns.localstorage.json": campaigns(),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? dirname(fileURLToPath(import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), `${write(content)}\n`);
  }
}
