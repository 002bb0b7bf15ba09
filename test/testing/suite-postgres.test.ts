/** The published suites over a Postgres server, once as it is and once through a second tenant. */
import { afterAll, describe, it } from "vitest";
import { openPostgres } from "../../src/drivers/postgres/index.ts";
import { driverSuite, register, tenancySuite } from "../../src/testing/index.ts";
import { freshDatabase } from "../support/postgres.ts";
import { EMPTY_GAPS, histories, SQL_GAPS, sqlStore, TENANT, twice } from "./sql-stores.ts";

let fresh: ReturnType<typeof freshDatabase> | undefined;
const store = {
  ...sqlStore(async () => {
    fresh ??= freshDatabase();
    return openPostgres((await fresh).url);
  }),
  ...histories(2),
};
// Hooks run in reverse order: the suites close what they opened before the database goes.
afterAll(async () => (await fresh)?.drop());

const runner = { describe, it, afterAll };
const gaps = twice({ ...SQL_GAPS, ...EMPTY_GAPS });
register(driverSuite({ ...store, name: "postgres", tenant: TENANT, gaps }), runner);
register(tenancySuite({ ...store, name: "postgres: tenancy" }), runner);
