/** Campaign Builder: the tables of its plan, and records as its localStorage holds them. */
import type { Value } from "../../src/collection/value.ts";
import type { BindOptions } from "../../src/layout/bind.ts";

/** Of the seed's eleven tables those that the app's records are for, and one that nothing is for; unchanged. */
export const DDL = `
CREATE TABLE users (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  email VARCHAR(255) UNIQUE NOT NULL,
  name VARCHAR(255),
  avatar_url TEXT,
  settings JSONB DEFAULT '{}',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE TABLE products (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  name VARCHAR(255) NOT NULL,
  description TEXT,
  brand VARCHAR(255),
  category VARCHAR(100),
  price DECIMAL(10,2),
  sku VARCHAR(100),
  url TEXT,
  utm_codes JSONB DEFAULT '{}',
  metadata JSONB DEFAULT '{}',
  settings JSONB DEFAULT '{}',
  status VARCHAR(50) DEFAULT 'active',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE TABLE product_images (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  product_id UUID REFERENCES products(id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  storage_path TEXT,
  file_name VARCHAR(255),
  alt_text TEXT,
  size VARCHAR(20),
  is_primary BOOLEAN DEFAULT false,
  metadata JSONB DEFAULT '{}',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE TABLE background_versions (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  product_image_id UUID REFERENCES product_images(id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  storage_path TEXT,
  prompt TEXT,
  request_id VARCHAR(255),
  processing_time INTEGER,
  metadata JSONB DEFAULT '{}',
  is_active BOOLEAN DEFAULT false,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE TABLE campaigns (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  product_id UUID REFERENCES products(id) ON DELETE SET NULL,
  name VARCHAR(255) NOT NULL,
  type VARCHAR(100),
  status VARCHAR(50) DEFAULT 'draft',
  budget DECIMAL(10,2),
  currency VARCHAR(3) DEFAULT 'USD',
  starts_at TIMESTAMP WITH TIME ZONE,
  ends_at TIMESTAMP WITH TIME ZONE,
  launched_at TIMESTAMP WITH TIME ZONE,
  audience_config JSONB DEFAULT '{}',
  platform_config JSONB DEFAULT '{}',
  creative_config JSONB DEFAULT '{}',
  publish_config JSONB DEFAULT '{}',
  legacy_data JSONB DEFAULT '{}',
  source VARCHAR(50) DEFAULT 'v2',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE TABLE campaign_drafts (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns(id) ON DELETE CASCADE,
  step_data JSONB DEFAULT '{}',
  auto_saved_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  expires_at TIMESTAMP WITH TIME ZONE DEFAULT (NOW() + INTERVAL '7 days')
);
CREATE TABLE creatives (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns(id) ON DELETE CASCADE,
  name VARCHAR(255),
  format_id VARCHAR(100),
  width INTEGER,
  elements JSONB DEFAULT '[]',
  version INTEGER DEFAULT 1,
  is_active BOOLEAN DEFAULT true
);
INSERT INTO products (name) VALUES ('there before');
`;

const version = (id: string, more: Readonly<Record<string, Value>> = {}): Value => ({
  id,
  url: "https://cdn/b.png",
  prompt: "a beach",
  requestId: "r1",
  processingTime: 1200,
  metadata: { width: 1024, seed: 7 },
  created: "2025-06-18T10:00:00.000Z",
  isActive: true,
  ...more,
});
const image = (id: string, more: Readonly<Record<string, Value>> = {}): Value => ({
  id,
  url: "https://cdn/a.png",
  fileName: "a.png",
  altText: "A",
  isPrimary: true,
  size: "300x250",
  ...more,
});
export const PRODUCTS: readonly Value[] = [
  {
    id: "1750261450123",
    name: "Soup",
    description: "Hot",
    brand: "B",
    category: "Food",
    price: "$4.99",
    status: "Active",
    url: "https://shop/1",
    utmCodes: { source: "s" },
    metadata: { sku: "S-1", tags: ["a"] },
    settings: {},
    images: [
      image("1750684128168.4321", {
        backgroundVersions: [version("bg_1"), version("bg_2", { isActive: false })],
      }),
      image("img-1"),
    ],
    created: "2025-06-18T09:00:00.000Z",
    updated: "2025-06-18T09:00:01.000Z",
  },
  {
    id: "sample-1",
    name: "Bread",
    description: "Cut in the \ud83d",
    brand: "B",
    category: "Food",
    price: "$199",
    status: "Draft",
    metadata: { tags: [], targetDemographic: "all" },
    images: [],
    created: "2025-06-18T09:00:00.000Z",
    updated: "6/18/2025",
  },
  {
    id: "product_1750654128168",
    name: "Tea",
    images: [image("img-1", { url: null }), "odd", image("img-1")],
    metadata: {},
    created: "2025-06-18T09:00:00.000Z",
    updated: "2025-06-18T09:00:00.000Z",
    price: 3.5,
  },
];
export const CAMPAIGNS: readonly Value[] = [
  {
    id: "1750261450124",
    productId: "1750261450123",
    name: "Summer",
    status: "Draft",
    info: true,
    created: "6/18/2025",
    type: "Add to Cart",
    budget: "$0.00",
    starts: "Not Set",
    ends: "Not Set",
    adData: { url: "u" },
  },
  {
    id: "campaign_1_abc",
    productId: null,
    name: "Winter",
    status: "Draft",
    info: true,
    created: "18.6.2025",
    type: "Where to Buy",
    budget: "$0.00",
    starts: "Not Set",
    ends: "Not Set",
    adData: {},
    source: "v2",
  },
  {
    id: "7b6f0f3e-3f0f-4c55-9d3c-0f1f1c1c1c1c",
    productId: "gone",
    name: "Gone",
    status: "Draft",
    info: true,
    created: "18/06/2025",
    type: "x",
    budget: "$12.50",
    starts: "Not Set",
    ends: "Not Set",
    adData: {},
  },
];

export const COLLECTIONS = { products: "products", campaigns: "campaigns" };
export const PRODUCT_OPTIONS: BindOptions = {
  collections: COLLECTIONS,
  columns: {
    sku: ["metadata", "sku"],
    metadata: null,
    created_at: ["created"],
    updated_at: ["updated"],
  },
  rules: { price: { codec: "money", prefix: "$", coerce: true } },
  children: {
    background_versions: { path: ["backgroundVersions"], columns: { created_at: ["created"] } },
  },
  fills: { "product_images.url": "" },
};

export const CAMPAIGN_OPTIONS: BindOptions = {
  collections: COLLECTIONS,
  columns: { legacy_data: ["adData"] },
  rules: { status: { codec: "enum", labels: { Draft: "draft", Active: "active" } } },
};
