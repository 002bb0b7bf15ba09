/** Products of Campaign Builder, as the product form, two sample loaders and a later service wrote them. */
import { at, iso, type Random, type Row, times } from "./random.ts";

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const DAY = 86_400_000;
const CATEGORIES = ["dairy_alternatives", "electronics", "snacks", "health_wellness"];
/** The app cuts fetched descriptions to this many UTF-16 units. */
const DESCRIPTION_UNITS = 125;

/** What an upload becomes; real ones are megabytes. */
export function dataUrl(random: Random): string {
  const bytes = Buffer.concat([PNG, random.bytes(random.int(70, 190))]);
  return `data:image/png;base64,${bytes.toString("base64")}`;
}

export function webUrl(random: Random): string {
  return `https://images.example.test/${random.base36(8)}.jpg`;
}

const FIRST_IMAGE = {
  id: "img-1",
  url: "https://placehold.example.test/400x400",
  fileName: "berry.jpg",
  altText: "Yogurt",
  isPrimary: true,
};
const SECOND_IMAGE = {
  id: "img-2",
  url: "https://placehold.example.test/300x250",
  fileName: "sample.jpg",
  altText: "Sample",
  isPrimary: true,
};
const FORM_METADATA = {
  sku: "HF-001",
  tags: ["organic"],
  retailerUrls: [{ retailer: "cornershop", url: "https://corner.example.test/1" }],
};
const FLOW_METADATA = { tags: ["sample"], targetDemographic: "students", priceRange: "mid" };

/** The two sets of samples, of the product form and of the second flow: the same ids, other contents. */
const SAMPLES: readonly Row[] = [
  {
    id: "sample-1",
    name: "Ridge Berry Yogurt",
    description: "Yogurt with berries from the ridge.",
    brand: "Highfield",
    category: "dairy_alternatives",
    productUrl: "https://shop.example.test/ridge-berry",
    status: "Active",
    images: [{ ...FIRST_IMAGE, size: "400x400" }],
    utmCodes: { source: "news", medium: "email", campaign: "spring", term: "berry", content: "a" },
    metadata: FORM_METADATA,
    settings: { defaultAudience: "working_parent", defaultRetailers: ["cornershop"] },
  },
  {
    id: "sample-2",
    name: "Oat Crackers",
    description: "Baked with whole oats.",
    brand: "Highfield",
    category: "snacks",
    productUrl: "https://shop.example.test/oat-crackers",
    status: "Active",
    images: [SECOND_IMAGE],
    metadata: FORM_METADATA,
  },
  {
    id: "sample-1",
    name: "Ridge Berry Yogurt",
    description: "Creamy, with wild berries.",
    brand: "Highfield",
    category: "dairy_alternatives",
    url: "https://shop.example.test/ridge-berry",
    price: "$4.99",
    status: "Active",
    images: [FIRST_IMAGE],
    metadata: FLOW_METADATA,
  },
  {
    id: "sample-2",
    name: "Quiet Headphones",
    description: "Thirty hours without a cable.",
    brand: "Hearwell",
    category: "electronics",
    url: "https://shop.example.test/headphones",
    price: "$199",
    status: "Active",
    images: [SECOND_IMAGE],
    metadata: FLOW_METADATA,
  },
];

function images(random: Random, index: number, time: number): Row[] {
  const count = at(index, 5, 2) ? 3 : random.int(1, 2);
  return times(count, (place) => ({
    id: `${time + place}.${random.int(1000, 9999)}`,
    url: at(index + place, 3, 0) ? webUrl(random) : dataUrl(random),
    fileName: `${random.words(1)}.png`,
    altText: random.sentence(3),
    // Several picked at once all became primary, and a deleted primary left none.
    isPrimary: at(index, 5, 2) ? true : at(index, 7, 3) ? false : place === 0,
    ...(at(index, 4, 1) ? { size: random.pick(["300x250", "400x400"]) } : {}),
    uploadDate: iso(time),
    ...(at(index + place, 6, 4)
      ? { backgroundVersions: backgroundVersions(random, index, time) }
      : {}),
  }));
}

function backgroundVersions(random: Random, index: number, time: number): Row[] {
  return times(random.int(1, 2), (place) => ({
    id: `bg_${time + place}_${random.base36(9)}`,
    url: place === 0 ? dataUrl(random) : webUrl(random),
    prompt: random.sentence(6),
    requestId: random.uuid(),
    processingTime: random.int(900, 14_000),
    metadata: {
      width: 1024,
      height: 1024,
      fileSize: random.int(9000, 90_000),
      seed: random.int(1, 2 ** 31),
    },
    created: iso(time + 60_000),
    isActive: place === 0 && !at(index, 4, 2),
  }));
}

/** A fetched text, cut where an emoji stands. */
function cutDescription(random: Random): string {
  const text = random.sentence(30).padEnd(DESCRIPTION_UNITS - 1, ".");
  return `${text.slice(0, DESCRIPTION_UNITS - 1)}😀 and more`.substring(0, DESCRIPTION_UNITS);
}

function own(random: Random, index: number, time: number): Row {
  const common = {
    name: random.title(2),
    description: at(index, 13, 6) ? cutDescription(random) : random.sentence(9),
    brand: random.title(1),
    category: random.pick(CATEGORIES),
  };
  const place = `https://shop.example.test/${random.base36(7)}`;
  const ends = { created: iso(time), updated: iso(time + random.int(0, 20) * DAY) };
  // As the author's own migration expects them: no status, no times, a price that is a number.
  if (at(index, 11, 9)) {
    return {
      id: `prod_${index}`,
      ...common,
      price: random.int(100, 30_000) / 100,
      sku: `SKU-${index}`,
      url: place,
      utmCodes: { utm_source: "campaign", utm_medium: "display" },
      metadata: { targetAge: [25, 45], interests: ["fitness"] },
      images: [{ url: webUrl(random), fileName: "image.jpg", isPrimary: true }],
    };
  }
  if (at(index, 3, 1)) {
    return {
      id: `product_${time}`,
      ...common,
      url: place,
      price: `$${random.int(1, 300)}${random.chance(0.5) ? ".99" : ""}`,
      status: "Active",
      images: images(random, index, time),
      metadata: { tags: [random.words(1)], targetDemographic: "families", priceRange: "low" },
      ...ends,
    };
  }
  return {
    id: String(time),
    ...common,
    productUrl: place,
    status: random.pick(["Active", "Active", "Draft"]),
    images: images(random, index, time),
    utmCodes: {
      source: "site",
      medium: "display",
      campaign: random.words(1),
      term: "",
      content: "",
    },
    metadata: { ...(at(index, 4, 0) ? { sku: `SKU-${index}` } : {}), tags: [], retailerUrls: [] },
    settings: { defaultAudience: "budget_conscious", defaultRetailers: [], defaultRegions: [] },
    ...ends,
  };
}

/** Begins with the samples. */
export function products(random: Random, count: number, start: number): Row[] {
  return times(count, (index) => {
    const time = start + index * 7_211_317;
    const sample = SAMPLES[index];
    return sample === undefined
      ? own(random, index, time)
      : { ...sample, created: iso(time), updated: iso(time) };
  });
}
