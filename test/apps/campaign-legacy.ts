/** Campaigns of Campaign Builder's first flow: what `saveAd` appended to `campaigns`. */
import { dataUrl } from "./campaign-products.ts";
import { at, type Random, type Row } from "./random.ts";

/** Before c4ffddb, campaigns were stored with their images in every place. */
const STRIPPED_SINCE = Date.parse("2025-06-18T00:00:00.000Z");
const SIZES = ["300x250", "320x50", "320x400", "1080x1920"];
const LATER_TYPES = [
  "Display Campaign",
  "Display Campaign V2",
  "Video Campaign",
  "Campaign Flow V2",
];

/** `toLocaleDateString()` in three browsers: en-US, de-DE, en-GB. */
function localeDate(time: number, index: number): string {
  const date = new Date(time);
  const [day, month, year] = [date.getUTCDate(), date.getUTCMonth() + 1, date.getUTCFullYear()];
  const two = (number: number): string => String(number).padStart(2, "0");
  if (at(index, 3, 0)) return `${month}/${day}/${year}`;
  return at(index, 3, 1) ? `${day}.${month}.${year}` : `${two(day)}/${two(month)}/${year}`;
}

function legacyId(random: Random, index: number, time: number): string {
  if (at(index, 5, 3)) return `campaign_${time}`;
  return at(index, 5, 4) ? `campaign_${time}_${random.base36(9)}` : String(time);
}

function productId(products: readonly Row[], random: Random, index: number, time: number): unknown {
  if (at(index, 6, 5)) return null;
  // Its product was deleted; `deleteProduct` leaves campaigns as they are.
  if (at(index, 13, 8)) return String(time - 86_400_000);
  return products.length === 0 ? null : random.pick(products)["id"];
}

function audience(random: Random, index: number): Row {
  if (at(index, 3, 0)) return {};
  if (at(index, 3, 1)) return { age: [25, 45], interests: [random.words(1)], locations: ["US"] };
  return {
    type: "working_parent",
    dietOverlay: ["vegan"],
    specificRetailers: [],
    specificRegions: [],
  };
}

export function elements(random: Random, image: string): Row[] {
  return [
    { id: "image", type: "image", content: image, position: { x: 0, y: 0 }, styles: {} },
    {
      id: "headline",
      type: "text",
      content: random.sentence(4),
      position: { x: random.int(0, 200) / 3, y: 40 },
      styles: { fontSize: 24, color: "#333333" },
    },
  ];
}

/** One upload, in all the places where the app repeats it. */
function imagePlaces(random: Random, url: string, adSize: string, index: number): Row {
  return {
    url,
    imageUrl: url,
    ...(at(index, 2, 0) ? { backgroundImage: url } : {}),
    elements: elements(random, url),
    canvasData: {
      meta: { adSize, ...(at(index, 2, 0) ? { backgroundImage: url } : {}) },
      elements: elements(random, url),
      history: { past: [], future: [] },
    },
  };
}

function adData(random: Random, products: readonly Row[], index: number, time: number): Row {
  const url = dataUrl(random);
  const adSize = random.pick(SIZES);
  const product = random.pick(products.length === 0 ? [null] : products);
  const stripped = time >= STRIPPED_SINCE;
  return {
    type: random.pick(["image", "product", "product_image"]),
    campaignName: random.title(3),
    productId: productId(products, random, index, time),
    ...imagePlaces(random, url, adSize, index),
    ...(at(index, 4, 2)
      ? { sourceUrl: "https://source.example.test/a", clickUrl: "https://shop.example.test/" }
      : {}),
    fileName: "banner.png",
    headline: random.sentence(4),
    description: random.sentence(8),
    ctaText: "Shop now",
    ...(at(index, 5, 1) ? {} : { ctaType: at(index, 2, 0) ? "whereToBuy" : "text" }),
    adSize,
    imageSrc: at(index, 9, 7) ? null : stripped ? "[Image Data - Not Stored]" : url,
    originalImage: at(index, 9, 7) ? null : stripped ? "[Original Image - Not Stored]" : url,
    audience: audience(random, index),
    ...(at(index, 3, 2)
      ? {
          utmData: {
            utmSource: "site",
            utmMedium: "display",
            utmCampaign: "",
            utmContent: "",
            utmTerm: "",
          },
        }
      : {}),
    ...(at(index, 7, 6)
      ? { product: product === null ? null : { ...product, images: [{ url, isPrimary: true }] } }
      : {}),
  };
}

/** V2's last version gave a whole campaign to `saveAd`, which wrapped it again under a new id, at each save. */
function wrapped(inner: Row, index: number): Row {
  const once = {
    adData: { v2Data: { ...inner, version: 2 } },
    campaignName: inner["campaignName"],
  };
  return at(index, 38, 27)
    ? { adData: { ...once, source: "v2" }, campaignName: inner["campaignName"] }
    : { ...once };
}

export function legacyCampaign(
  random: Random,
  products: readonly Row[],
  index: number,
  time: number,
): Row {
  const data = adData(random, products, index, time);
  const later = at(index, 4, 3);
  const rewrapped = at(index, 19, 8);
  return {
    id: legacyId(random, index, time),
    productId: data["productId"],
    // Without a campaign's name the key was dropped by JSON.
    ...(at(index, 17, 4) ? {} : { name: data["campaignName"] }),
    status: "Draft",
    info: true,
    created: localeDate(time, index),
    type: later
      ? random.pick(LATER_TYPES)
      : data["ctaType"] === "whereToBuy"
        ? "Where to Buy"
        : "Add to Cart",
    budget: "$0.00",
    starts: "Not Set",
    ends: "Not Set",
    adData: rewrapped ? wrapped(data, index) : data,
    ...(rewrapped || later ? { source: "v2" } : {}),
  };
}
