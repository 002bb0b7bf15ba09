/** Campaigns of Campaign Builder's second flow: saved ones, and the four kinds of keys that the flow leaves behind. */
import { elements } from "./campaign-legacy.ts";
import { dataUrl } from "./campaign-products.ts";
import { at, iso, type Random, type Row } from "./random.ts";

const PLACEHOLDER = "[IMAGE_DATA_PLACEHOLDER]";
const STEPS = ["product", "audience", "platforms", "creative", "publish"];
const FORMATS = ["display_300x250", "display_728x90", "social_1080x1080", "video_1080x1920"];

function asset(random: Random, index: number, time: number): Row {
  const ready = at(index, 2, 0);
  return {
    id: `asset_${time}_${random.base36(9)}`,
    name: `${random.words(1)}.png`,
    originalUrl: ready
      ? `blob:https://app.example.test/${random.uuid()}`
      : "[BLOB_URL_PLACEHOLDER]",
    processedUrl: ready ? dataUrl(random) : null,
    thumbnailUrl: ready ? dataUrl(random) : null,
    variants: [],
    fileSize: random.int(9000, 900_000),
    fileType: "image/png",
    dateAdded: iso(time),
    usageCount: random.int(0, 4),
    tags: [],
    // A File serialises to this.
    ...(at(index, 3, 0) ? { originalFile: {} } : {}),
    metadata: {
      originalDimensions: ready ? { width: 800, height: 600 } : null,
      dominantColors: [],
      hasTransparentBackground: at(index, 5, 1),
      processingStatus: ready ? "completed" : "pending",
      ...(at(index, 4, 0) ? { isPrimary: true, sourceType: "upload" } : {}),
    },
  };
}

/** An array while it is untouched, an object once it was edited. */
function platforms(random: Random, index: number, time: number): unknown {
  if (at(index, 3, 1)) return [];
  return {
    selectedPlatforms: ["meta", "display"],
    budgetAllocation: { meta: 60, display: 40 },
    totalBudget: random.int(10, 9000) / 2,
    platformConfigs: {},
    campaignObjective: "awareness",
    duration: 14,
    startDate: iso(time).slice(0, 10),
    bidStrategy: "auto",
  };
}

function creative(random: Random, index: number, time: number): Row {
  const format = random.pick(FORMATS);
  const image = dataUrl(random);
  const variation = {
    id: `variation_${time}`,
    // An object here, an array on the canvas: autosave strips neither of their images.
    elements: {
      headline: random.sentence(4),
      description: random.sentence(7),
      cta: "Shop now",
      productImage: image,
      productImages: [image],
    },
    canvasState: {
      meta: { adSize: "300x250" },
      elements: elements(random, image),
      history: { past: [], future: [] },
    },
    alternatives: { headline: [random.sentence(4)] },
    performance: { estimatedCTR: `${random.int(1, 40) / 10}%`, score: random.int(40, 99) },
    lastEdited: iso(time),
  };
  return {
    selectedFormats: [format],
    creatives: { [format]: { format, variations: [variation] } },
    ...(at(index, 4, 1) ? { template: null } : {}),
  };
}

function productOf(
  random: Random,
  products: readonly Row[],
  index: number,
  time: number,
): Row | null {
  if (at(index, 7, 4) || products.length === 0) return null;
  return { ...random.pick(products), images: [asset(random, index, time)] };
}

function flowData(random: Random, products: readonly Row[], index: number, time: number): Row {
  return {
    product: productOf(random, products, index, time),
    audience: at(index, 5, 3) ? null : { type: "health_focused", age: [18, 35], interests: [] },
    platforms: platforms(random, index, time),
    creative: creative(random, index, time),
    publish: at(index, 2, 0) ? { schedule: "now", accepted: true } : {},
  };
}

export function savedCampaign(
  random: Random,
  products: readonly Row[],
  index: number,
  time: number,
): Row {
  const active = at(index, 3, 2);
  return {
    id: `campaign_${time}_${random.base36(9)}`,
    name: random.title(3),
    status: active ? "active" : "draft",
    createdAt: iso(time),
    savedAt: iso(time + random.int(1, 90) * 60_000),
    ...(active ? { launchedAt: iso(time + 7_200_000) } : {}),
    // Its own id is another one.
    data: { id: `campaign_${time - 1234}`, version: 2, ...flowData(random, products, index, time) },
    summary: { formats: 1, totalBudget: random.int(0, 5000) },
  };
}

function strippedImage(time: number): Row {
  return {
    id: `${time}.5`,
    url: PLACEHOLDER,
    isPrimary: true,
    imageMetadata: { hasImage: true, type: "image/png", size: 48_213 },
  };
}

export function draft(random: Random, products: readonly Row[], index: number, time: number): Row {
  const data = flowData(random, products, index, time);
  const product = data["product"] as Row | null;
  const stripped = at(index, 2, 0) && product !== null;
  return {
    id: `campaign_${time}`,
    name: random.title(3),
    createdAt: iso(time),
    // Without it the draft's age is NaN, and it is kept for ever.
    ...(at(index, 23, 6) ? {} : { updatedAt: iso(time + 600_000) }),
    status: "draft",
    version: 2,
    ...data,
    product: stripped ? { ...product, images: [strippedImage(time)] } : product,
  };
}

/** Ids were read off platforms that are texts. */
export function minimalDraft(random: Random, index: number, time: number): Row {
  return {
    id: `campaign_${time}`,
    name: random.title(2),
    updatedAt: iso(time),
    status: "draft",
    product: at(index, 2, 0) ? { id: String(time - 5000), name: random.title(2) } : null,
    platforms: { selectedPlatforms: [null, null] },
    creative: { selectedFormats: [random.pick(FORMATS)] },
  };
}

export function recovery(random: Random, time: number): Row {
  return {
    id: `campaign_${time}`,
    updatedAt: iso(time),
    lastStep: random.pick(STEPS),
    stepTimestamp: time,
  };
}

export function completed(
  random: Random,
  products: readonly Row[],
  index: number,
  time: number,
): Row {
  return {
    ...draft(random, products, index, time),
    status: "completed",
    completedAt: iso(time + 900_000),
  };
}
