/** An app's own tables, as its developers wrote them. Outgrow moves the old file's records into them. */
import { relations, sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  primaryKey,
  real,
  serial,
  text,
  timestamp,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";

export const orderStatus = pgEnum("order_status", ["pending", "paid", "shipped"]);

export const customers = pgTable("customers", {
  id: uuid().primaryKey().defaultRandom(),
  name: varchar({ length: 40 }).notNull().default(""),
  email: text().notNull().unique(),
  phone: varchar({ length: 20 }),
  isActive: boolean("is_active").notNull().default(true),
  tags: text().array().notNull().default(sql`'{}'::text[]`),
  address: jsonb().notNull().default({}),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export const products = pgTable("products", {
  id: varchar({ length: 12 }).primaryKey(),
  title: text().notNull(),
  price: numeric({ precision: 10, scale: 2, mode: "number" }).notNull(),
  stock: integer().notNull().default(0),
});

export const productImages = pgTable(
  "product_images",
  {
    productId: varchar("product_id", { length: 12 })
      .notNull()
      .references(() => products.id, { onDelete: "cascade" }),
    position: bigint({ mode: "number" }).notNull(),
    url: text().notNull(),
    alt: text(),
    versions: jsonb().notNull().default([]),
  },
  (table) => [primaryKey({ columns: [table.productId, table.position] })],
);

export const orders = pgTable(
  "orders",
  {
    id: serial().primaryKey(),
    customerId: uuid("customer_id").references(() => customers.id, { onDelete: "set null" }),
    productId: varchar("product_id", { length: 12 }).references(() => products.id),
    quantity: integer().notNull(),
    total: numeric({ precision: 12, scale: 2 }),
    status: orderStatus().notNull().default("pending"),
    placedAt: timestamp("placed_at", { mode: "string", precision: 3 }),
    weight: real(),
    note: text(),
  },
  (table) => [index("orders_placed_at").on(table.placedAt)],
);

export const customersRelations = relations(customers, ({ many }) => ({ orders: many(orders) }));
export const productsRelations = relations(products, ({ many }) => ({
  images: many(productImages),
  orders: many(orders),
}));
export const productImagesRelations = relations(productImages, ({ one }) => ({
  product: one(products, { fields: [productImages.productId], references: [products.id] }),
}));
export const ordersRelations = relations(orders, ({ one }) => ({
  customer: one(customers, { fields: [orders.customerId], references: [customers.id] }),
  product: one(products, { fields: [orders.productId], references: [products.id] }),
}));
