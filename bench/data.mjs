/**
 * Records to measure with, the same for every seed.
 *
 * A `generation` takes 944 bytes of JSON on average: a text key, a uuid, a timestamp, two objects, a boolean, texts. One text in
 * eight is not Latin, one optional value in ten is null. A `product` of about the same size has a list of images.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** Mulberry32: 0 <= x < 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit) {
    return Math.floor(this.next() * limit);
  }

  of(list) {
    return list[this.below(list.length)];
  }
}

const LATIN =
  "launch the product with a short story about people who wait in line for coffee and find an answer they did not expect in a " +
  'notebook that says "start now" \\ and then they do because nothing else worked before';
const OTHERS =
  "新しい 製品 を 発表 する 前に 人々 が 待って いる 🚀🎉 Größe über Straße naïve café прежде чем начать 아침 커피 👩‍👩‍👧 مرحبا بالعالم";
const WORDS = LATIN.split(" ");
const OTHER_WORDS = OTHERS.split(" ");

function sentence(random, length) {
  const words = random.below(8) === 0 ? OTHER_WORDS : WORDS;
  let text = random.of(words);
  while (text.length < length) text += ` ${random.of(words)}`;
  return text;
}

const hex = (random, digits) => {
  let text = "";
  while (text.length < digits) text += random.below(16).toString(16);
  return text;
};

const uuid = (random) =>
  `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`;

const TENANTS = Array.from({ length: 50 }, (_, index) => uuid(new Random(7000 + index)));
const PLATFORMS = ["tiktok", "instagram", "youtube", "linkedin"];
const START = Date.UTC(2024, 0, 1);

const moment = (random) => new Date(START + random.below(63_072_000) * 1000 + random.below(1000));
const optional = (random, value) => (random.below(10) === 0 ? null : value);

/** @param words length of the longest text. */
export function generation(random, index, words = 204) {
  return {
    id: `gen_${index.toString(36).padStart(8, "0")}_${hex(random, 8)}`,
    tenantId: random.of(TENANTS),
    createdAt: moment(random).toISOString(),
    topic: optional(random, sentence(random, 40)),
    platform: random.of(PLATFORMS),
    favorite: random.below(5) === 0,
    input: {
      prompt: sentence(random, words),
      temperature: random.below(100) / 100,
      tone: optional(random, random.of(["bold", "calm", "playful"])),
      tags: [sentence(random, 6), sentence(random, 6)],
    },
    output: {
      hook: sentence(random, 70),
      body: sentence(random, 160),
      score: random.below(1000) / 10,
      tokens: random.below(4000),
      hashtags: [sentence(random, 8), sentence(random, 8), sentence(random, 8)],
      ratings: { clarity: random.below(10), reach: optional(random, random.below(10)) },
    },
  };
}

export function product(random, index) {
  const count = 1 + random.below(4);
  return {
    id: uuid(random),
    name: `${sentence(random, 24)} ${index}`,
    description: optional(random, sentence(random, 120)),
    brand: sentence(random, 10),
    price: random.below(100_000) / 100,
    status: random.of(["Active", "Draft", "Archived"]),
    created: moment(random).toISOString(),
    images: Array.from({ length: count }, (_, place) => ({
      id: uuid(random),
      url: `https://images.example.com/${hex(random, 24)}/${place}.webp`,
      fileName: `${sentence(random, 10).replaceAll(/\W+/g, "-")}.webp`,
      altText: optional(random, sentence(random, 30)),
      isPrimary: place === 0,
    })),
  };
}

/** Records of up to 64 KiB: one in fifty is that large. */
function large(random, index) {
  return generation(random, index, random.below(50) === 0 ? 62_000 : 204);
}

export const KINDS = { generations: generation, products: product, large };

const SHAPES = {
  ndjson: { before: "", between: "\n", after: "\n" },
  json: { before: "[", between: ",", after: "]" },
  dexie: (name, count, schema) => ({
    before:
      '{"formatName":"dexie","formatVersion":1,"data":{"databaseName":"Bench","databaseVersion":1,' +
      `"tables":[{"name":"${name}","schema":"${schema}","rowCount":${count}}],` +
      `"data":[{"tableName":"${name}","inbound":true,"rows":[`,
    between: ",",
    after: "]}]}}",
  }),
};

const SCHEMAS = { generations: "id,[tenantId+createdAt]", large: "id", products: "id" };

/**
 * Writes a file of records.
 *
 * @param shape `dexie`, `json` (an array) or `ndjson`.
 * @returns bytes written.
 */
export async function writeData(path, { kind, shape, count, seed = 1, name = kind }) {
  const random = new Random(seed);
  const { before, between, after } =
    shape === "dexie" ? SHAPES.dexie(name, count, SCHEMAS[kind]) : SHAPES[shape];
  const file = createWriteStream(path);
  let text = before;
  for (let index = 0; index < count; index++) {
    text += `${index === 0 ? "" : between}${JSON.stringify(KINDS[kind](random, index))}`;
    if (text.length < 1_000_000) continue;
    if (!file.write(text)) await once(file, "drain");
    text = "";
  }
  file.end(text + after);
  await once(file, "finish");
  return file.bytesWritten;
}

/** The first records of a file as objects, for peers that take objects. */
export function sample(kind, count, seed = 1) {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => KINDS[kind](random, index));
}
