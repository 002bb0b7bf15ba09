/** The published suites over the embedded database, once as it is and once through a second tenant. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { openPglite } from "../../src/drivers/pglite/index.ts";
import { driverSuite, register, tenancySuite } from "../../src/testing/index.ts";
import { histories, inhabited, SQL_GAPS, sqlStore, TENANT, twice } from "./sql-stores.ts";

const folder = mkdtempSync(join(tmpdir(), "outgrow-suite-"));
const store = {
  ...inhabited(sqlStore(() => openPglite(join(folder, "database")))),
  ...histories(1),
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runner = { describe, it, afterAll };
const gaps = twice(SQL_GAPS);
register(driverSuite({ ...store, name: "pglite", tenant: TENANT, gaps }), runner);
register(tenancySuite({ ...store, name: "pglite: tenancy" }), runner);
