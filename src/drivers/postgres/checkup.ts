/** What would go wrong with a database as a target, asked of the database itself. */
import type { SqlDatabase } from "./database.ts";
import { hasLedger } from "./ledger-schema.ts";
import { qualified } from "./quote.ts";

export interface Check {
  readonly name: string;
  readonly status: "ok" | "warning" | "problem";
  /** What was found. */
  readonly found: string;
  /** What to do about it; empty when it is fine. */
  readonly advice: string;
}

type Ask = (sql: string) => Promise<string>;

/** Minor versions below which row security leaks (CVE-2025-8713): by major version. */
const SAFE_MINOR: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };
const CLOCK_SKEW_MS = 2000;

const ok = (name: string, found: string): Check => ({ name, status: "ok", found, advice: "" });
const warning = (name: string, found: string, advice: string): Check => ({
  name,
  status: "warning",
  found,
  advice,
});
const problem = (name: string, found: string, advice: string): Check => ({
  name,
  status: "problem",
  found,
  advice,
});

/** Runs every check; one that cannot be asked is a warning that says so. */
export async function checkup(database: SqlDatabase): Promise<readonly Check[]> {
  const ask: Ask = async (sql) => (await database.query(sql)).rows[0]?.[0] ?? "";
  const checks: Check[] = [await connection(database)];
  for (const [name, check] of [
    ["version", version],
    ["encoding", encoding],
    ["role", role],
    ["writable", writable],
    ["durability", durability],
    ["clock", clock],
    ["connections", connections],
  ] as const) {
    try {
      checks.push(await check(ask));
    } catch {
      checks.push(warning(name, "the server does not tell", "Check it by hand."));
    }
  }
  checks.push(...(await exposure(database)));
  checks.push(...(await foreignWrites(database)));
  return checks;
}

async function connection(database: SqlDatabase): Promise<Check> {
  const startedAt = performance.now();
  await database.query("select 1");
  const elapsed = performance.now() - startedAt;
  const found = `${database.label} answers in ${elapsed.toFixed(1)} ms`;
  return elapsed < 100
    ? ok("connection", found)
    : warning(
        "connection",
        found,
        "Run the move from a machine near the database: each batch waits for a reply.",
      );
}

async function version(ask: Ask): Promise<Check> {
  const number = Number(await ask("show server_version_num"));
  const major = Math.floor(number / 10000);
  const minor = number % 10000;
  const found = `PostgreSQL ${major}.${minor}`;
  if (major < 13) return problem("version", found, "Use PostgreSQL 13 or later.");
  if (minor < (SAFE_MINOR[major] ?? 0)) {
    return warning(
      "version",
      found,
      `Upgrade to ${major}.${SAFE_MINOR[major]} or later: row security leaks statistics before it.`,
    );
  }
  return ok("version", found);
}

async function encoding(ask: Ask): Promise<Check> {
  const found = await ask("show server_encoding");
  return found === "UTF8"
    ? ok("encoding", found)
    : problem(
        "encoding",
        found,
        "Create the database with encoding UTF8: others cannot hold every text.",
      );
}

async function role(ask: Ask): Promise<Check> {
  const found = await ask(
    `select rolname || case when rolsuper then ', superuser' when rolbypassrls then ', bypasses row security' else '' end
     from pg_roles where rolname = current_user`,
  );
  const creates = await ask("select has_database_privilege(current_database(), 'create')");
  if (creates !== "t") {
    return problem(
      "role",
      found,
      "Grant CREATE on the database to this role: the ledger is a schema of its own.",
    );
  }
  return found.includes(",")
    ? warning(
        "role",
        found,
        "Fine for the move; the app itself should use a role that row security binds.",
      )
    : ok("role", found);
}

async function writable(ask: Ask): Promise<Check> {
  const readOnly = await ask("show transaction_read_only");
  return readOnly === "off"
    ? ok("writable", "yes")
    : problem("writable", "this server is a read-only copy", "Use the primary's address.");
}

async function durability(ask: Ask): Promise<Check> {
  const settings = await ask(
    "select string_agg(name || '=' || setting, ', ' order by name) from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')",
  );
  return /=off/.test(settings)
    ? warning("durability", settings, "A crash of the server can lose what it acknowledged.")
    : ok("durability", settings);
}

async function clock(ask: Ask): Promise<Check> {
  const skew =
    Number(await ask("select extract(epoch from clock_timestamp()) * 1000")) - Date.now();
  const found = `${Math.abs(skew).toFixed(0)} ms ${skew < 0 ? "behind" : "ahead of"} this machine`;
  return Math.abs(skew) < CLOCK_SKEW_MS
    ? ok("clock", found)
    : warning("clock", found, "Leases go by the server's clock; set both clocks by NTP.");
}

async function connections(ask: Ask): Promise<Check> {
  const most = Number(await ask("show max_connections"));
  const used = Number(await ask("select count(*) from pg_stat_activity where datname is not null"));
  const found = `${used} of ${most} in use`;
  return most === 1 || most - used >= 8
    ? ok("connections", found)
    : warning(
        "connections",
        found,
        "A move wants up to 4; close what is idle or use a direct URL.",
      );
}

/** Tables of moves that a Supabase project's API would serve to anyone. */
/** Of live moves: tables on which no trigger may be made, so that what others write to them is not noticed. */
async function foreignWrites(database: SqlDatabase): Promise<Check[]> {
  if (!(await hasLedger(database))) return [];
  const { rows } = await database.query(
    `select p.place from outgrow.control s join outgrow.move m on m.name = s.move
       join outgrow.collection c on c.move = m.id, json_array_elements(c.layout -> 'tables') as t,
       lateral (select format('%I.%I', m.schema, t.value ->> 'name') as place) as p
     where coalesce((select relkind not in ('r', 'p')
         or not has_table_privilege(oid, 'trigger')
       from pg_class where oid = to_regclass(p.place)), false)`,
  );
  return rows.map(([place]) =>
    warning(
      "triggers",
      `${place}: no trigger may be made`,
      `grant trigger on ${place} to the move's role; or let other programs write to it only when the move is complete.`,
    ),
  );
}

async function exposure(database: SqlDatabase): Promise<Check[]> {
  if (!(await hasLedger(database))) return [ok("ledger", "none yet")];
  const { rows } = await database.query(
    `select m.schema, t.value ->> 'name' from outgrow.move m join outgrow.collection c on c.move = m.id,
       json_array_elements(c.layout -> 'tables') as t`,
  );
  const { rows: roles } = await database.query(
    "select count(*) from pg_roles where rolname = 'anon'",
  );
  const checks = [ok("ledger", `${rows.length} tables of moves`)];
  if (roles[0]?.[0] === "0") return checks;
  for (const [schema, table] of rows) {
    const place = qualified(schema as string, table as string);
    const { rows: secured } = await database.query(
      "select relrowsecurity from pg_class where oid = to_regclass($1)",
      [place],
    );
    if (secured[0]?.[0] === "f") {
      checks.push(
        problem(
          "exposure",
          `${schema}.${table} has no row security`,
          `alter table ${place} enable row level security;`,
        ),
      );
    }
  }
  return checks;
}
