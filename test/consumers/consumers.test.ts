/**
 * Apps that Outgrow hands its tables to: those that take over tables which Outgrow made, by the schema that `plan`
 * wrote (with what a file's records need, and with every feature that a schema can have), and those that made their
 * own tables, into which their old file's records are moved.
 *
 * Each is a project of its own with a lockfile, which is installed from the registry into a temporary folder. Without
 * a registry (or npm's cache) these tests fail, since there is nothing else that they could prove.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { writePlan } from "../../src/cli/plan.ts";
import type { BindOptions } from "../../src/layout/bind-types.ts";
import {
  drizzleSchema,
  type EmitInput,
  prismaConfig,
  prismaSchema,
  sqlMigration,
} from "../../src/layout/emit/index.ts";
import { copy } from "../../src/transfer/copy.ts";
import { plan } from "../../src/transfer/plan.ts";
import { type VerifyResult, verify } from "../../src/transfer/verify.ts";
import { runCli } from "../support/cli.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { execute, freshDatabase } from "../support/postgres.ts";
import { layoutsUnderTest, oddLayouts } from "./layouts.ts";
import { CHANGES, named, OWN_CHANGES, RECORDS, RULES, through } from "./moved.ts";
import { here, install, removeProjects, TSC, tool } from "./project.ts";
import { shopFile } from "./shop.ts";

afterAll(removeProjects);

const plain: EmitInput = { schema: "public", layouts: layoutsUnderTest() };
/** Not run: their schemas only have to be accepted. */
const tenants: EmitInput = { schema: "app", layouts: layoutsUnderTest("tenant_id") };
const odd: EmitInput = { schema: "public", layouts: oddLayouts() };

/** A new database with what this SQL makes. */
async function withTables(
  sql: string,
  use: (url: string, client: Client) => Promise<void>,
): Promise<void> {
  const database = await freshDatabase();
  const client = new Client({ connectionString: database.url });
  try {
    await client.connect();
    await client.query(sql);
    await use(database.url, client);
  } finally {
    await client.end().catch(() => {});
    await database.drop();
  }
}

function sqlOf(input: EmitInput): string {
  const { create, afterLoad } = sqlMigration(input);
  return create + afterLoad;
}

/** Columns, constraints and indexes, but for what Prisma cannot say: collations. */
async function catalog(client: Client): Promise<unknown[]> {
  const { rows } = await client.query(`
    select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, nullif(a.atttypmod, 6)) as name,
      concat(a.attnotnull, ' ', pg_get_expr(d.adbin, d.adrelid)) as says
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
    union all select conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f')
    union all select indexname, indexdef from pg_indexes where schemaname = 'public'
    order by 1, 2`);
  return rows;
}

const PRISMA = "node_modules/prisma/build/index.js";

/** What needs no engine that would be downloaded. An idle connection would keep Prisma's commands waiting for ten seconds. */
function withoutEngine(version: 6 | 7): string {
  const config = prismaConfig(version, { schema: "schema.prisma", engine: "js" });
  return config.replace("connectionString: url", "$&, allowExitOnIdle: true");
}

/** Prisma looks for a binary that generate does not run; where there is no download, any will do. */
function prismaEnv(url: string, needsBinary = true): Record<string, string> {
  return {
    DATABASE_URL: url,
    ...(needsBinary ? { PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true" } : {}),
    PRISMA_HIDE_UPDATE_MESSAGE: "1",
    CHECKPOINT_DISABLE: "1",
  };
}

async function usePrisma(version: 6 | 7): Promise<void> {
  const project = await install(`prisma${version}`);
  const write = (input: EmitInput): void =>
    writeFileSync(join(project, "schema.prisma"), prismaSchema(input, { version }));
  writeFileSync(join(project, "prisma.config.ts"), withoutEngine(version));
  await withTables(sqlOf(plain), async (url, client) => {
    const env = prismaEnv(url, version === 7);
    write(tenants);
    await tool(project, [PRISMA, "validate"], env);
    write(odd);
    await tool(project, [PRISMA, "generate"], env);
    write(plain);
    await tool(project, [PRISMA, "generate"], env);
    await tool(project, [TSC, "-p", "."]);
    if (version === 6) {
      // Prisma would make the same tables: what it believes of them is true. (Version 7 cannot say it offline.)
      const from = ["migrate", "diff", "--from-empty", "--to-schema-datamodel", "schema.prisma"];
      await tool(project, [PRISMA, ...from, "--script", "--output", "made.sql"], env);
      const script = readFileSync(join(project, "made.sql"), "utf8");
      const ours = await catalog(client);
      expect(ours.length).toBeGreaterThan(100);
      await withTables(script.replaceAll(`"quo"te'd"`, `"quo""te'd"`), async (_, other) => {
        expect(await catalog(other)).toEqual(ours);
      });
    }
    expect(await tool(project, ["built/crud.mjs"], env)).toBe("ok\n");
  });
}

const MONEY = { codec: "money", prefix: "$", coerce: true } as const;

/** The app's own tables are made by its own SQL; then the records of its old file are bound and moved into them. */
async function moveIntoOwn(
  project: string,
  made: (url: string) => Promise<string>,
  bind: Readonly<Record<string, BindOptions>>,
): Promise<void> {
  await using place = await workplace();
  await execute(place.url, await made(place.url));
  const source = await place.file("shop.json", shopFile());
  const { problems } = await plan(source, place.target, { bind });
  expect(problems.filter(({ fatal }) => fatal)).toEqual([]);
  await copy(source, place.target, { bind });
  const verified = await verify(source, place.target);
  expect(named(verified.differences)).toEqual([]);
  expect(Object.fromEntries(verified.collections.map(({ name, equal }) => [name, equal]))).toEqual(
    RECORDS,
  );
  const env = { DATABASE_URL: place.url, SOURCE: source };
  expect(await tool(project, ["own/app.mjs"], env)).toBe("ok\n");
  const after = await verify(source, place.target);
  expect(named(after.differences)).toEqual(OWN_CHANGES);
  expect(after.collections.map(({ foreign }) => foreign)).toEqual([1, 1, 1]);
  const { customers, orders, products } = await through(place.target, "shop");
  expect(await customers.get("c01")).toMatchObject({ name: "Ada" });
  expect(await orders.get(1006)).toMatchObject({ total: "$12.50", status: "shipped" });
  const { images: before } = JSON.parse(readFileSync(source, "utf8")).products[2];
  expect((await products.get("p02"))?.["images"]).toEqual([
    ...before,
    { url: "/own.png", versions: [{ width: 7 }] },
  ]);
}

/** What apps in moved/ print at their end, and what Outgrow then says of the tables. */
async function expectChanges(place: Workplace, source: string): Promise<void> {
  const { clean, differences } = await verify(source, place.target);
  expect(named(differences)).toEqual(CHANGES);
  expect(clean).toBe(false);
  const { customers, products, orders } = await through(place.target, "shop");
  expect([await customers.count(), await products.count(), await orders.count()]).toEqual([
    24, 22, 26,
  ]);
  const original = JSON.parse(readFileSync(source, "utf8"));
  // What was not changed is as it was, also where no column holds it.
  expect(await customers.get("c01")).toEqual({ ...original.customers[1], name: "Ada" });
  const { address: _, ...second } = original.customers[2];
  expect(await customers.get("c02")).toEqual({ ...second, tags: ["vip"] });
  expect(await customers.get("c03")).toEqual({
    ...original.customers[3],
    email: "grace@example.org",
  });
  expect(await customers.get("c23")).toBeUndefined();
  expect(await orders.getMany([1005, 1006, 1010, 1900])).toEqual([
    { ...original.orders[5], quantity: 7 },
    { ...original.orders[6], total: "$12.50" },
    { ...original.orders[10], status: "shipped", note: "by hand" },
    { id: 1900, customerId: "c90", productId: "p90", quantity: 2, total: "$19.99", status: "paid" },
  ]);
  const [first, fourth, fifth, created] = await products.getMany(["p01", "p04", "p05", "p90"]);
  const [image, ...others] = original.products[1].images;
  expect(first?.["images"]).toEqual([{ ...image, url: "/changed.png" }, ...others]);
  expect(fourth?.["images"]).toEqual([
    ...original.products[4].images,
    { id: "i4-2", url: "/third.png", versions: [] },
  ]);
  const [left, ...more] = original.products[5].images;
  expect(fifth?.["images"]).toEqual([{ ...left, versions: [] }, ...more]);
  expect(created).toEqual({
    ...{ id: "p90", title: "New", price: 1.5, stock: 3 },
    images: [
      ...[{ id: "i90-0", url: "/first.png", alt: "first", versions: [{ id: "v90", width: 640 }] }],
      { id: "i90-1", url: "/second.png", versions: [] },
    ],
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

async function takeOverWithPrisma(version: 6 | 7): Promise<void> {
  await using place = await workplace();
  const source = await place.file("shop.json", shopFile());
  const { files } = await plan(source, undefined, { rules: RULES, prisma: version });
  const copied = await copy(source, place.target, { rules: RULES });
  expect(copied.settlement).toMatchObject({ dangling: [], refused: [] });
  expect(copied.settlement.made).toContain("orders_product_id_fkey");
  expect((await verify(source, place.target)).clean).toBe(true);

  const project = await install(`prisma${version}`);
  const app = join(project, "moved");
  // As `plan --out` does: Prisma finds the schema by the configuration beside it.
  await writePlan({ files }, app, false);
  rmSync(join(app, "schema.ts"));
  copyFileSync(join(here, "prisma-moved.mjs"), join(app, "app.mjs"));
  const env = { ...prismaEnv(place.url), SOURCE: source };
  await tool(app, [join("..", PRISMA), "generate"], env);
  await tool(project, [TSC, "-p", "moved"]);
  expect(await tool(project, ["built/moved/app.mjs"], env)).toBe("ok\n");
  await expectChanges(place, source);
}

describe("apps that take over the tables", () => {
  it("Drizzle 0.45 reads and writes them by the app's names", { timeout: 600_000 }, async () => {
    const project = await install("drizzle");
    writeFileSync(join(project, "schema.ts"), drizzleSchema(plain));
    writeFileSync(join(project, "tenants.ts"), drizzleSchema(tenants));
    writeFileSync(join(project, "odd.ts"), drizzleSchema(odd));
    await tool(project, [TSC, "-p", "."]);
    await tool(project, ["built/odd.js"]);
    await withTables(sqlOf(plain), async (url) => {
      expect(await tool(project, ["built/crud.mjs"], { DATABASE_URL: url })).toBe("ok\n");
    });
  });

  it("Prisma 6 does", { timeout: 600_000 }, () => usePrisma(6));

  it("Prisma 7 does", { timeout: 600_000 }, () => usePrisma(7));

  it("Drizzle 0.45 goes on with what was moved, by plan's schema", {
    timeout: 600_000,
  }, async () => {
    await using place = await workplace();
    const source = await place.file("shop.json", shopFile());
    const project = await install("drizzle");
    const env = { DATABASE_URL: place.url };
    const rules = Object.entries(RULES).flatMap(([at, rule]) => ["--rule", `${at}=${rule}`]);
    const outgrow = async (...parameters: string[]) => {
      const { code, stdout, stderr } = await runCli(parameters, { env });
      return { code, stdout, said: `${stdout}${stderr}` };
    };
    const planned = await outgrow("plan", source, ...rules, "--out", join(project, "moved"));
    expect(planned.code, planned.said).toBe(0);
    const copied = await outgrow("copy", source, ...rules);
    expect(copied.code, copied.said).toBe(0);
    const verified = await outgrow("verify", source);
    expect(verified.code, verified.said).toBe(0);

    await tool(project, [TSC, "-p", "moved"]);
    expect(await tool(project, ["built/moved/app.mjs"], { ...env, SOURCE: source })).toBe("ok\n");
    const { code, stdout } = await outgrow("verify", source, "--json");
    expect(code).toBe(2);
    expect(named((JSON.parse(stdout) as VerifyResult).differences)).toEqual(CHANGES);
    await expectChanges(place, source);
  });

  it("Prisma 6 goes on with it", { timeout: 600_000 }, () => takeOverWithPrisma(6));

  it("Prisma 7 goes on with it", { timeout: 600_000 }, () => takeOverWithPrisma(7));
});

describe("apps that made their own tables", () => {
  it("Prisma 6 has what was moved into its own", { timeout: 600_000 }, async () => {
    const project = await install("prisma6");
    const own = join(project, "own");
    const prisma = async (url: string, ...parameters: string[]) =>
      tool(own, [join("..", PRISMA), ...parameters], prismaEnv(url, false));
    write(join(own, "prisma.config.ts"), withoutEngine(6));
    const made = async (url: string) => {
      await prisma(url, "generate");
      await tool(project, [TSC, "-p", "own", "--noEmit"]);
      const from = ["migrate", "diff", "--from-empty", "--to-schema-datamodel", "schema.prisma"];
      await prisma(url, ...from, "--script", "--output", "made.sql");
      return readFileSync(join(own, "made.sql"), "utf8");
    };
    await moveIntoOwn(project, made, {
      customers: { fills: { updatedAt: "2025-06-01" } },
      products: {},
      orders: {
        fills: { placedAt: "1970-01-01" },
        rules: {
          total: MONEY,
          status: { labels: { pending: "PENDING", paid: "PAID", shipped: "SHIPPED" } },
        },
      },
    });
  });

  it("Drizzle 0.45 has what was moved into its own", { timeout: 600_000 }, async () => {
    const project = await install("drizzle");
    await tool(project, [TSC, "-p", "own", "--noEmit"]);
    const made = async () => readFileSync(join(project, "own", "drizzle-kit-0.31.11.sql"), "utf8");
    await moveIntoOwn(project, made, {
      customers: {},
      products: { rules: { price: { coerce: true } } },
      orders: { rules: { total: MONEY } },
    });
  });
});

describe("consumers", () => {
  it("sec C-03: their packages are pinned, and their lockfiles name no host", () => {
    for (const name of ["drizzle", "prisma6", "prisma7"]) {
      const read = (file: string): string => readFileSync(join(here, name, file), "utf8");
      const { dependencies, devDependencies, scripts } = JSON.parse(read("package.json")) as Record<
        string,
        Record<string, string>
      >;
      for (const version of Object.values({ ...dependencies, ...devDependencies })) {
        expect(version).toMatch(/^\d/);
      }
      expect(scripts).toBeUndefined();
      expect(read("package-lock.json")).not.toContain('"resolved"');
      expect(read(".npmrc")).toContain("omit-lockfile-registry-resolved=true");
    }
  });
});
