/** What a shop's file is when it was moved, and what its app, on an ORM, then made of it. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { collection } from "../../src/collection/define.ts";
import type { Target } from "../../src/store/driver.ts";
import { openStore } from "../../src/store/store.ts";
import type { Difference } from "../../src/transfer/verify.ts";

export const RULES = { "orders.total": "money" };
export const RECORDS = { customers: 24, products: 22, orders: 26 };

/** As it is said of what verify names. */
export function named(differences: readonly Difference[]): string[] {
  return differences.map(({ kind, collection: of, key }) => `${kind} ${of} ${key}`).sort();
}

/** What the apps in moved/ do, as verify has to name it. */
export const CHANGES = [
  'different customers "c01"',
  'different customers "c02"',
  'different customers "c03"',
  "different orders 1005",
  "different orders 1006",
  "different orders 1010",
  "different orders 1019",
  'different products "p01"',
  'different products "p04"',
  'different products "p05"',
  'extra customers "c90"',
  "extra orders 1900",
  'extra products "p90"',
  'missing customers "c23"',
  "missing orders 1023",
  'missing products "p19"',
];

/** What the apps in own/ do to records that were moved. */
export const OWN_CHANGES = [
  'different customers "c01"',
  "different orders 1006",
  'different products "p01"',
  'different products "p02"',
  'different products "p04"',
  "missing orders 1023",
];

type Found = Readonly<Record<string, unknown>>;

/** Takes what it is given. */
const schema: StandardSchemaV1<Found, Found> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => ({ value: value as Found }),
  },
};

/** Records as the app's code gets them from Outgrow. */
export async function through(target: Target, move: string) {
  const store = await openStore(target, { move });
  const [customers, products, orders] = ["customers", "products", "orders"].map((name) =>
    store.collection(collection(name, { schema, key: "id" })),
  );
  if (!customers || !products || !orders) throw new Error("There are three collections.");
  return { customers, products, orders };
}
