/** The Postgres and the embedded one as stores for the suites, and what is known to be wrong with both. */
import type { SqlDatabase } from "../../src/drivers/postgres/database.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { qualified, quote } from "../../src/drivers/postgres/quote.ts";
import type { DriverSuiteOptions, SuiteOptions } from "../../src/testing/index.ts";

const { SEED, RUNS } = process.env;

/** SEED replays what a failure printed, RUNS makes it a campaign. */
export function histories(runs: number): Pick<SuiteOptions, "seed" | "runs"> {
  const seed = SEED === undefined ? {} : { seed: Number(SEED) };
  return { ...seed, runs: runs * Number(RUNS ?? 1) };
}

export function sqlStore(openDatabase: () => Promise<SqlDatabase>): SuiteOptions {
  return {
    async open() {
      const target = postgresTarget(await openDatabase());
      return { target, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
    },
    async alter({ move, collection, tenant, key, title }) {
      const layout = move.collections.find(({ name }) => name === collection)?.layout;
      const [{ name: table, tenantColumn } = { name: "" }] = layout?.tables ?? [];
      const whose = tenantColumn === undefined ? "true" : `${quote(tenantColumn)} = $3`;
      const values = tenantColumn === undefined ? [title, key] : [title, key, tenant];
      await using database = await openDatabase();
      await database.query(
        `update ${qualified(move.schema, table)} set title = $1 where id = $2 and ${whose}`,
        values,
      );
    },
  };
}

/**
 * The same store with somebody's move in it, which stays while the suites' own come and go. Making the schema
 * `outgrow` anew for each of them is what an embedded database would spend most of its time with.
 */
export function inhabited(store: SuiteOptions): SuiteOptions {
  let settled: Promise<unknown> | undefined;
  const move = { name: "resident", tenant: "default", schema: "resident", files: [] };
  return {
    ...store,
    async open() {
      const handle = await store.open();
      settled ??= handle.target.ledger.create({ ...move, collections: [] });
      await settled;
      return handle;
    },
  };
}

export const TENANT = "two";

/** A gap shows with and without a tenant. */
export function twice(
  gaps: Readonly<Record<string, string>>,
): Required<DriverSuiteOptions>["gaps"] {
  const through = Object.entries(gaps).map(([name, why]) => [`${name} (tenant ${TENANT})`, why]);
  return { ...gaps, ...Object.fromEntries(through) };
}

export const SQL_GAPS: Readonly<Record<string, string>> = {
  "law D3: a scan is by ascending key where the table's key is derived-uuid":
    "it is in the order of the made UUIDs",
  "ledger: a move is not made twice, and a refusal leaves nothing":
    "elsewhere it is TARGET_REFUSED, not MOVE_TAKEN",
  "ledger: settling again changes nothing": "`made` leaves out foreign keys that were there",
};

/** Of a database in which nobody has a move. */
export const EMPTY_GAPS: Readonly<Record<string, string>> = {
  "ledger: a move that is not there is MOVE_UNKNOWN":
    "without a ledger, acquire and setPhase are TARGET_REFUSED",
};
