/** Values that tempt a tool into converting them: exact here, and said by inspect. */
import { expect, it } from "vitest";
import { canonicalText, digest } from "../../src/collection/canonical.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { parseJson } from "../../src/collection/parse-json.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { inferLayout } from "../../src/layout/infer.ts";
import { CollectionProfile } from "../../src/layout/profile.ts";
import { copy } from "../../src/transfer/copy.ts";
import { inspect } from "../../src/transfer/inspect.ts";
import { moveThrough, workplace } from "../support/moving.ts";

/** Each value as a record's property, with a plain one beside it: exact through a whole move, with these findings. */
async function exactWith(values: readonly Value[], codes: readonly string[]): Promise<void> {
  await using place = await workplace();
  const text = JSON.stringify(values.map((value, id) => ({ id, value })));
  const path = await place.file("odd.json", text);
  const { findings } = await inspect(path);
  const found = findings.filter(({ property }) => property === "value").map(({ code }) => code);
  expect([...new Set(found)].sort()).toEqual([...codes].sort());
  const moved = await moveThrough(place, path);
  expect([moved.codes, moved.verified.clean]).toEqual([[], true]);
  expect(canonicalText(parseJson(moved.exported).value)).toBe(canonicalText(parseJson(text).value));
}

it("input c-28, c-29: fractions and large integers are not rounded into a narrower column", () =>
  exactWith([0.005, 1.005, 19.999, 100000000, 2147483648, 1e16], []));

it("input c-30, c-31, c-32: numbers and flags as text stay text, beside real ones too", async () => {
  await exactWith(
    ["49,99", "$49.99", "", " 12 ", "0x10", "\u0661\u0662"],
    ["NUMBER_TEXT", "MONEY_TEXT"],
  );
  await exactWith([true, "true", "false", 1, 0, ""], ["MIXED_TYPES"]);
});

it("input c-36, c-43: look-alike ids are two records; stringified accidents are pointed at", async () => {
  await using place = await workplace();
  const moved = await moveThrough(
    place,
    await place.file("db.json", '[{"id":"\u00e9"},{"id":"e\u0301"}]'),
  );
  expect(moved.total("applied")).toBe(2);
  await exactWith(["[object Object]", "undefined", "null"], ["LIKELY_STRINGIFIED"]);
});

it("input c-51 to c-59: no date is moved by a day, a zone or a digit", async () => {
  await exactWith(["2024-02-30", "2024-01-15"], ["DATE_IMPOSSIBLE", "DATE_TEXT"]);
  await exactWith(["01/02/2024", "18.6.2025"], ["DATE_TEXT_AMBIGUOUS"]);
  await exactWith(
    ["2024-01-15T10:00:00.123456Z", "2024-06-30T23:59:60Z", "2024-03-31T02:30:00+01:00"],
    ["DATE_TEXT"],
  );
  await exactWith(["infinity", "now", "tomorrow", "+275760-09-13T00:00:00.000Z"], []);
  await exactWith([1700000000, 1700000000000], []);
  await exactWith(
    ["2024-01-15T10:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"],
    [],
  );
});

it("input c-94, c-95, c-98 to c-102: look-alike e-mails, odd states and files inside records are kept", async () => {
  await exactWith(["A@example.com", "a@example.com"], ["EMAIL"]);
  await exactWith(["Published", "archived?"], []);
  await exactWith(
    ["data:image/png;base64,%%%", "javascript:alert(1)", "http://169.254.169.254/"],
    ["DATA_URL"],
  );
});

it("input c-88: one record in two collections is two records", async () => {
  await using place = await workplace();
  const text = '{"campaigns":[{"id":"c1","a":1}],"saved_campaigns":[{"id":"c1","a":2}]}';
  const moved = await moveThrough(place, await place.file("db.json", text));
  expect([moved.total("applied"), moved.codes]).toEqual([2, []]);
});

it("law D4, input c-92: two tenants have a record of one id each, and neither sees the other's", async () => {
  await using place = await workplace();
  const profile = new CollectionProfile("things");
  profile.observe({ id: 1, name: "a" }, undefined, 1);
  const layout = inferLayout(profile, { tenantColumn: true });
  await place.target.ledger.create({
    name: "shared",
    tenant: "a",
    schema: "public",
    files: [],
    collections: [{ name: "things", layout }],
  });
  const driver = await place.target.open("shared");
  for (const tenant of ["a", "b"]) {
    const value = { id: 1, name: tenant };
    await driver.commit({
      tenant,
      writes: [
        {
          collection: "things",
          records: [
            {
              key: encodeKey(1),
              state: "present",
              value,
              revision: dumpRevision(1),
              digest: digest(value),
              position: 0,
              exception: undefined,
            },
          ],
        },
      ],
    });
  }
  for (const tenant of ["a", "b"]) {
    const address = { tenant, collection: "things" };
    const [found] = await driver.read(address, [encodeKey(1)]);
    expect(found?.value).toEqual({ id: 1, name: tenant });
    expect(await driver.count(address)).toBe(1);
  }
});

it("sec: no error and no log of a copy holds what a record says", async () => {
  await using place = await workplace();
  const secret = "s3cret-value";
  const path = await place.file(
    "db.json",
    `[{"id":1,"a":"${secret}","b":NaN},{"id":2,"a":"${secret}"},{"id":2,"a":"${secret}2"}]`,
  );
  const moved = await copy(path, place.target);
  expect(JSON.stringify(moved)).not.toContain(secret);
  const entries = await place.target.ledger.quarantined("db", { raw: false });
  expect(entries.length).toBe(3);
  expect(JSON.stringify(entries)).not.toContain(secret);
});
