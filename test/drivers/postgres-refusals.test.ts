/** What a Postgres refuses, told by record: on a server and in the embedded database. */
import { expect, test } from "vitest";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import { qualified } from "../../src/drivers/postgres/quote.ts";
import { backends, codeOf, record, workbench } from "./backends.ts";

test.each(backends)(
  "law T1: $name tells which records it refuses, and stores none",
  async (backend) => {
    await using opened = await backend.open();
    const target = postgresTarget(opened.database);
    const { driver, name, put, rows, schema } = await workbench(target)();
    await opened.database.query(
      `alter table ${qualified(schema, "things")} add check (count < 10), add unique (title)`,
    );
    await put([record("known", { title: "known" })]);
    const records = [
      record("a", { title: "one", count: 10 }),
      record("b", { title: "one" }),
      record("c", { title: "one" }),
      record("d", { title: "\\u0000", count: 11 }),
      // What is there is for the sidecar to judge.
      record("known", { title: "known", count: 12 }),
      record("e", { title: "known" }),
      record("f", { title: "six", count: 6 }),
    ];
    const lease = await target.ledger.acquire(name);
    const commit = { tenant: "default", writes: [{ collection: "things", records }], lease };
    const refused = await driver.refusals?.(commit);
    expect(
      [...(refused ?? [])].map(([{ key }, { code, site }]) => [key, code, site.detail]).sort(),
    ).toEqual([
      ["sa", "RECORD_REFUSED", "SQLSTATE 23514 (constraint things_count_check, table things)"],
      ["sc", "RECORD_REFUSED", "SQLSTATE 23505 (constraint things_title_key, table things)"],
      ["sd", "RECORD_REFUSED", "SQLSTATE 23514 (constraint things_count_check, table things)"],
      ["se", "RECORD_REFUSED", "SQLSTATE 23505 (constraint things_title_key, table things)"],
    ]);
    expect(await rows()).toEqual({ known: { title: "known" } });
    const fenced = { ...commit, lease: { ...lease, number: lease.number - 1 } };
    expect(await codeOf(Promise.resolve(driver.refusals?.(fenced)))).toBe("FENCED");
  },
);
