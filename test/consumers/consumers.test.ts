/**
 * Apps that outgrow hands its tables to: the SQL makes them, and the emitted schema is used as their tools use it.
 *
 * Each is a project of its own with a lockfile, which is installed from the registry into a temporary folder. Without
 * a registry (or npm's cache) these tests fail, since there is nothing else that they could prove.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, describe, expect, it } from "vitest";
import {
  drizzleSchema,
  type EmitInput,
  prismaConfig,
  prismaSchema,
  sqlMigration,
} from "../../src/layout/emit/index.ts";
import { endWithProcess } from "../support/end-with-process.ts";
import { freshDatabase } from "../support/postgres.ts";
import { layoutsUnderTest, oddLayouts } from "./layouts.ts";

const INSTALL_MS = 300_000;
const STEP_MS = 120_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "outgrow-consumers-"));
endWithProcess({ endAtOnce: () => rmSync(folder, { recursive: true, force: true }) });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain: EmitInput = { schema: "public", layouts: layoutsUnderTest() };
/** Not run: their schemas only have to be accepted. */
const tenants: EmitInput = { schema: "app", layouts: layoutsUnderTest("tenant_id") };
const odd: EmitInput = { schema: "public", layouts: oddLayouts() };

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** What npm tells its children of the repository and its settings; how a registry is reached is for us as well. */
const REPOSITORYS =
  /^(?:npm_(?!config_(?:registry|cache|userconfig|globalconfig|(?:https?_)?proxy|noproxy|cafile|ca|strict_ssl|[@/].*)$)|INIT_CWD$|NODE_)/i;

async function run(
  cwd: string,
  [command, ...parameters]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
  timeout = STEP_MS,
): Promise<Ended> {
  // Whoever runs the tests has a database, not we.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !REPOSITORYS.test(name) && !/^(?:DATABASE_URL|DIRECT_URL)$/.test(name),
  );
  const child = spawn(command, parameters, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
    killSignal: "SIGKILL",
    shell: process.platform === "win32",
  });
  const ended = once(child, "close");
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, output: `${out}${error}` };
}

/** Runs a tool that the project has installed. @throws with what it said when it fails. */
async function tool(
  project: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, output } = await run(project, [process.execPath, ...parameters], env);
  if (code !== 0) throw new Error(`node ${parameters.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

/** Copies a consumer and installs what its lockfile says, without any install script. */
async function install(name: string): Promise<string> {
  const project = join(folder, name);
  cpSync(join(here, name), project, {
    recursive: true,
    filter: (path) => !/[\\/](?:node_modules|built|generated)$/.test(path),
  });
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const { code, output } = await run(project, ["npm", "ci", ...flags], {}, INSTALL_MS);
  if (code === 0) return project;
  throw new Error(
    `The packages of test/consumers/${name} could not be installed. These tests need the npm registry, or a cache ` +
      `of npm that holds them: \`npm ci ${flags.join(" ")}\` in that folder says the same.\n${output}`,
  );
}

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

const TSC = "node_modules/typescript/bin/tsc";
const PRISMA = "node_modules/prisma/build/index.js";

async function usePrisma(version: 6 | 7): Promise<void> {
  const project = await install(`prisma${version}`);
  const write = (input: EmitInput): void =>
    writeFileSync(join(project, "schema.prisma"), prismaSchema(input, { version }));
  const config = prismaConfig(version, { schema: "schema.prisma", engine: "js" });
  writeFileSync(join(project, "prisma.config.ts"), config);
  await withTables(sqlOf(plain), async (url, client) => {
    // Prisma 7 looks for a binary that generate does not run; where there is no download, any will do.
    const env = {
      DATABASE_URL: url,
      ...(version === 7 ? { PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true" } : {}),
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
    };
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
