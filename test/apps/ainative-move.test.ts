/** AINative Studio leaves its JSON file for the tables of its Prisma schema, which are there already and stay as they are. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import type { Value } from "../../src/collection/value.ts";
import { type CopyResult, copy } from "../../src/transfer/copy.ts";
import { exportMove } from "../../src/transfer/export.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";
import { ainative } from "./ainative.ts";
import { AINATIVE, NO_TIME, VERIFICATION_TOKENS } from "./layouts-ainative.ts";
import type { Lists } from "./quirks/looking.ts";
import type { Row } from "./random.ts";
import { contentsOf, countBy, decimal, isLonger, SCHEMA, sumOf, units } from "./seen-by-sql.ts";

const RECORDS = 10_000;

/** What the database has to refuse: SQLSTATE by key, for each list. */
function refusedOf(lists: Lists): Record<string, Map<string, string>> {
  const keys = (name: string): Set<unknown> => new Set(lists[name]?.map(({ id }) => id));
  const dangling = (name: string, property: string, there: ReadonlySet<unknown>) =>
    new Map(
      lists[name]
        ?.filter((row) => !there.has(row[property]))
        .map((row) => [row["id"] as string, "23503"]),
    );
  const owned =
    "accounts sessions apiKeys usageMetrics subscriptions billingInfo credits projects".split(" ");
  const found: Record<string, Map<string, string>> = Object.fromEntries(
    owned.map((name) => [name, dangling(name, "userId", keys("users"))]),
  );
  // What refers to a refused row is refused as well.
  const billing = keys("billingInfo");
  for (const id of found["billingInfo"]?.keys() ?? []) billing.delete(id);
  found["invoices"] = dangling("invoices", "billingInfoId", billing);
  const seen = new Set<string>();
  const twice = new Map<string, string>();
  for (const row of lists["rateLimits"] ?? []) {
    const unique = `${row["identifier"]} ${row["endpoint"]}`;
    if (seen.has(unique)) twice.set(row["id"] as string, "23505");
    seen.add(unique);
  }
  found["rateLimits"] = twice;
  return found;
}

const TABLES =
  "accounts api_keys billing_info credits invoices projects rate_limits sessions subscriptions usage_metrics users verification_tokens".split(
    " ",
  );

const isText = (value: unknown): value is string => typeof value === "string";

describe("AINative Studio's file in the tables of its Prisma schema", () => {
  const text = ainative({ records: RECORDS });
  const all = JSON.parse(text) as Lists;
  const refused = refusedOf(all);
  const names = Object.keys(all);
  const kept: Lists = Object.fromEntries(
    names.map((name) => [
      name,
      (all[name] ?? []).filter(({ id }) => !refused[name]?.has(id as string)),
    ]),
  );
  const of = (name: string): readonly Row[] => kept[name] ?? [];
  const options = {
    move: "studio",
    bind: AINATIVE,
    layouts: { verificationTokens: VERIFICATION_TOKENS },
  };
  let place: Workplace;
  let path: string;
  let before: object[];
  let copied: CopyResult;
  const ask = <T extends object>(question: string) => sql<T>(place.url, question);
  const counts = async (question: string): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await ask<{ name: string; count: number }>(question)).map(({ name, count }) => [
        name,
        count,
      ]),
    );

  beforeAll(async () => {
    place = await workplace();
    path = await place.file("studio.json", text);
    await ask(readFileSync(new URL("./ainative.sql", import.meta.url), "utf8"));
    before = await ask(SCHEMA);
    copied = await copy(path, place.target, options);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it("law T1: stores all but what its constraints refuse, and says of each which it is", async () => {
    const quarantine = await place.target.ledger.quarantined("studio");
    for (const name of names) {
      const expected = refused[name] ?? new Map();
      expect(copied.counts[name], name).toEqual({
        read: all[name]?.length,
        applied: of(name).length,
        duplicate: 0,
        stale: 0,
        quarantined: expected.size,
      });
      const found = quarantine.filter(({ collection }) => collection === name);
      expect(
        new Map(
          found.map(({ key, code, detail }) => [key?.slice(1), `${code} ${detail?.slice(0, 14)}`]),
        ),
        name,
      ).toEqual(
        new Map([...expected].map(([key, state]) => [key, `RECORD_REFUSED SQLSTATE ${state}`])),
      );
      expect(found).toHaveLength(expected.size);
    }
    expect(quarantine.length).toBeGreaterThan(400);
    expect(copied.settlement).toEqual({ dangling: [], made: [], refused: [], sequences: [] });
  });

  it("counts each value that its column could not hold", () => {
    const spills: [string, string, string, number][] = [
      ["credits", "type", "ENUM_LABEL", labels("credits", "type").no],
      ["invoices", "paidAt", "TYPE_MISMATCH", numbers("invoices", "paidAt")],
      ["invoices", "status", "ENUM_LABEL", labels("invoices", "status").no],
      ["rateLimits", "resetAt", "TYPE_MISMATCH", texts("rateLimits", "resetAt")],
      ["sessions", "expires", "TYPE_MISMATCH", numbers("sessions", "expires")],
      [
        "subscriptions",
        "currentPeriodEnd",
        "TYPE_MISMATCH",
        numbers("subscriptions", "currentPeriodEnd"),
      ],
      [
        "subscriptions",
        "currentPeriodStart",
        "TYPE_MISMATCH",
        numbers("subscriptions", "currentPeriodStart"),
      ],
      ["subscriptions", "plan", "ENUM_LABEL", labels("subscriptions", "plan").no],
      ["subscriptions", "status", "ENUM_LABEL", labels("subscriptions", "status").no],
      [
        "usageMetrics",
        "cost",
        "RULE_DECIMAL",
        of("usageMetrics").filter(({ cost }) => isLonger(cost, 6)).length,
      ],
      ["usageMetrics", "date", "TYPE_MISMATCH", numbers("usageMetrics", "date")],
      ["users", "role", "ENUM_LABEL", labels("users", "role").no],
    ];
    expect(
      copied.spills.map(({ collection, column, code, count }) => [collection, column, code, count]),
    ).toEqual(spills);
  });

  const numbers = (name: string, property: string): number =>
    of(name).filter((row) => typeof row[property] === "number").length;
  const texts = (name: string, property: string): number =>
    of(name).filter((row) => isText(row[property])).length;
  function labels(name: string, property: string) {
    const known = AINATIVE[name]?.rules?.[property]?.labels ?? {};
    const yes = of(name).filter((row) => (row[property] as string) in known);
    return { yes, no: of(name).length - yes.length };
  }

  it("law L1: verify is clean, and the export has each record that was stored, in its place", async () => {
    const verified = await verify(path, place.target, { move: "studio" });
    expect(verified).toMatchObject({ clean: true, differences: [] });
    expect(verified.collections.map(({ name, equal, foreign }) => [name, equal, foreign])).toEqual(
      names.map((name) => [name, of(name).length, 0]),
    );
    const out = join(place.folder, "exported.json");
    await exportMove(place.target, out, { move: "studio" });
    const exported = JSON.parse(await readFile(out, "utf8")) as Lists;
    expect(Object.keys(exported)).toEqual(names);
    for (const name of names) {
      expect(exported[name]?.map((row) => canonicalText(row as Value))).toEqual(
        of(name).map((row) => canonicalText(row as Value)),
      );
    }
  });

  it("credits of each user add up, to the cent", async () => {
    const sums = new Map<string, bigint>();
    for (const { userId, amount } of of("credits")) {
      const cents = units(amount as number, 2);
      expect(Number(cents) / 100).toBe(amount);
      sums.set(userId as string, (sums.get(userId as string) ?? 0n) + cents);
    }
    const rows = await ask<{ id: string; sum: string }>(
      `select u.id, sum(c.amount)::text as sum from users u join credits c on c."userId" = u.id group by 1`,
    );
    expect(new Map(rows.map(({ id, sum }) => [id, sum]))).toEqual(
      new Map([...sums].map(([id, sum]) => [id, decimal(sum, 2)])),
    );
    expect(rows.some(({ sum }) => sum.startsWith("-"))).toBe(true);
  });

  it("live keys by their user's address, and the limits that they have", async () => {
    const emails = new Map(of("users").map(({ id, email }) => [id, email as string]));
    const live = of("apiKeys").filter(({ isActive }) => isActive);
    expect(
      await counts(
        `select u.email as name, count(*)::int as count from api_keys k join users u on u.id = k."userId" where k."isActive" group by 1`,
      ),
    ).toEqual(countBy(live, ({ userId }) => emails.get(userId as string) as string));
    const year = new Date("2025-09-01T00:00:00.000Z").toISOString();
    expect(
      await counts(
        `select "rateLimit"::text as name, count(*)::int as count from api_keys
         where "expiresAt" > '${year.slice(0, 10)}' or "lastUsedAt" is null group by 1`,
      ),
    ).toEqual(
      countBy(
        of("apiKeys").filter(
          ({ expiresAt, lastUsedAt }) =>
            ((expiresAt ?? "") as string) > year || lastUsedAt === null,
        ),
        ({ rateLimit }) => String(rateLimit),
      ),
    );
  });

  it("what is spelt as a label is counted as that, and the rest as the binding says", async () => {
    const FILLS = [
      ["invoices", "invoices", "status", "DRAFT"],
      ["credits", "credits", "type", "BONUS"],
      ["users", "users", "role", "USER"],
      ["subscriptions", "subscriptions", "status", "INCOMPLETE"],
      ["subscriptions", "subscriptions", "plan", "FREE"],
    ] as const;
    for (const [name, table, property, fill] of FILLS) {
      const { yes, no } = labels(name, property);
      const expected = countBy(yes, (row) => row[property] as string);
      expected[fill] = (expected[fill] ?? 0) + no;
      expect(no).toBeGreaterThan(0);
      expect(
        await counts(
          `select ${property}::text as name, count(*)::int as count from ${table} group by 1`,
        ),
      ).toEqual(expected);
    }
    const paid = of("invoices").filter(({ status }) => status === "PAID");
    const [row] = await ask<{ sum: string; count: number }>(
      `select sum(i.amount)::text as sum, count(*)::int as count from invoices i
       join billing_info b on b.id = i."billingInfoId" join users u on u.id = b."userId" where i.status = 'PAID'`,
    );
    expect(row).toEqual({ sum: sumOf(paid, "amount", 2), count: paid.length });
  });

  it("usage by day and model, and costs to the sixth digit", async () => {
    const dated = of("usageMetrics").filter(({ date }) => isText(date));
    expect(
      await counts(
        `select to_char(date, 'YYYY-MM-DD') as name, sum(requests)::int as count from usage_metrics
         where date <> '${NO_TIME.slice(0, 10)}' group by 1`,
      ),
    ).toEqual(
      dated.reduce<Record<string, number>>((days, { date, requests }) => {
        const day = (date as string).slice(0, 10);
        days[day] = (days[day] ?? 0) + (requests as number);
        return days;
      }, {}),
    );
    const [found] = await ask<{ cost: string; tokens: string; embeddings: string; models: number }>(
      `select sum(cost)::text as cost, sum(tokens)::text as tokens, sum(embeddings)::text as embeddings,
         count(*) filter (where metadata ->> 'model' = 'studio-large')::int as models from usage_metrics`,
    );
    const total = (property: string): string =>
      String(of("usageMetrics").reduce((sum, row) => sum + ((row[property] ?? 0) as number), 0));
    expect(found).toEqual({
      cost: sumOf(of("usageMetrics"), "cost", 6),
      tokens: total("tokens"),
      embeddings: total("embeddings"),
      models: of("usageMetrics").filter(
        ({ metadata }) => (metadata as Row | undefined | null)?.["model"] === "studio-large",
      ).length,
    });
  });

  it("its schema is as it was", async () => {
    expect(await ask(SCHEMA)).toEqual(before);
  });

  it("a second copy writes no row anew, and verify is clean again", async () => {
    const rows = await ask(contentsOf(TABLES));
    const again = await copy(path, place.target, options);
    expect(again.run).toBe(2);
    for (const name of names) {
      expect(again.counts[name], name).toEqual({
        ...copied.counts[name],
        ...(of(name).length === 0 ? {} : { unchanged: of(name).length }),
      });
    }
    expect(await ask(contentsOf(TABLES))).toEqual(rows);
    const verified = await verify(path, place.target, { move: "studio" });
    expect(verified).toMatchObject({ clean: true, differences: [] });
  });

  it("dropped, it leaves its tables empty and as they were, and nothing of ours", async () => {
    expect(await place.target.ledger.drop("studio")).toEqual({ tables: [] });
    expect(await ask(contentsOf(TABLES))).toEqual(
      TABLES.map((name) => ({ name, rows: 0, sum: null })),
    );
    expect(await ask(SCHEMA)).toEqual(before);
    expect(await ask("select to_regnamespace('outgrow') as schema")).toEqual([{ schema: null }]);
  });
});
