/** What verify finds, and what becomes of records that were set aside. */
import { describe, expect, it } from "vitest";
import { bucketOf } from "../../src/collection/digest-sum.ts";
import { encodeKey } from "../../src/collection/key.ts";
import { copy } from "../../src/transfer/copy.ts";
import { replay } from "../../src/transfer/quarantine.ts";
import { verify } from "../../src/transfer/verify.ts";
import { runCli } from "../support/cli.ts";
import { workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

describe("planted changes are found and named", () => {
  const PLANTS: readonly (readonly [string, string, readonly string[]])[] = [
    ["a value", "update people set name = 'X' where id = 3", ["different 3"]],
    ["a type (text for null)", "update people set name = null where id = 3", ["different 3"]],
    [
      "something in the rest",
      `update people set rest = '{"mixed":"y"}' where id = 3`,
      ["different 3"],
    ],
    ["something in jsonb", `update people set tags = '["b"]' where id = 3`, ["different 3"]],
    [
      "a child row dropped",
      "delete from person_images where person_id = 3 and position = 1",
      ["different 3"],
    ],
    [
      "a child's value",
      "update person_images set url = 'u' where person_id = 3 and position = 1",
      ["different 3"],
    ],
    [
      "a child given to another parent",
      "update person_images set person_id = 4, position = 2 where person_id = 3 and position = 1",
      ["different 3", "different 4"],
    ],
    [
      "two children swapped",
      "update person_images set position = case position when 0 then -1 else position end where person_id = 3; update person_images set position = 0 where person_id = 3 and position = 1; update person_images set position = 1 where person_id = 3 and position = -1",
      ["different 3"],
    ],
    [
      "a number by one unit in the last place",
      "update people set score = score + 1e-15 where id = 3",
      ["different 3"],
    ],
    [
      "two values swapped",
      "update people set name = case id when 3 then 'n4' else 'n3' end where id in (3, 4)",
      ["different 3", "different 4"],
    ],
    [
      "two keys swapped",
      "update people set id = case id when 3 then -1 else 3 end where id in (3, 4); update people set id = 4 where id = -1",
      ["different 3", "different 4"],
    ],
    [
      "a record dropped",
      "delete from people where id = 3; delete from person_images where person_id = 3",
      ["missing 3"],
    ],
    ["a record added", "insert into people (id, name) values (900, 'new')", ["extra 900"]],
    [
      "one dropped, one doubled",
      "delete from people where id = 3; update person_images set person_id = 900 where person_id = 3; insert into people select 900, name, score, active, tags, rest from people where id = 4",
      ["extra 900", "missing 3"],
    ],
  ];

  it("law P11: each single change fails verify, which names the record", async () => {
    await using place = await workplace();
    const people = Array.from({ length: 50 }, (_, id) => ({
      id,
      name: `n${id}`,
      score: id / 7,
      active: id % 2 === 0,
      tags: ["a"],
      mixed: id % 2 === 0 ? id : "x",
      images: [0, 1].map((number) => ({ id: `${id}-${number}`, url: `u${number}-${id}` })),
    }));
    const source = await place.file("people.json", JSON.stringify(people));
    await copy(source, place.target);
    // What a foreign key would refuse is planted all the same.
    await sql(place.url, "alter table person_images drop constraint person_images_person_id_fkey");
    for (const [what, statement, expected] of PLANTS) {
      await sql(
        place.url,
        `create table saved as table people; create table saved_images as table person_images; ${statement}`,
      );
      const { clean, differences } = await verify(source, place.target);
      expect(clean, what).toBe(false);
      expect(differences.map(({ kind, key }) => `${kind} ${key}`).sort(), what).toEqual(expected);
      await sql(
        place.url,
        `truncate people, person_images; insert into people select * from saved; drop table saved;
         insert into person_images select * from saved_images; drop table saved_images`,
      );
    }
    expect((await verify(source, place.target)).clean).toBe(true);
  });
});

it("law P11: two records that trade their keys are found even when both keys fall into one bucket", async () => {
  const first = "key0";
  let second = "";
  for (let number = 1; second === ""; number++) {
    const candidate = `key${number}`;
    if (bucketOf(encodeKey(candidate)) === bucketOf(encodeKey(first))) second = candidate;
  }
  await using place = await workplace();
  const people = { [first]: { name: "a" }, [second]: { name: "b" }, other: { name: "c" } };
  const source = await place.file("people.json", JSON.stringify(people));
  await copy(source, place.target);
  await sql(
    place.url,
    "update people set name = case name when 'a' then 'b' when 'b' then 'a' else name end",
  );
  const { clean, differences } = await verify(source, place.target);
  expect(clean).toBe(false);
  expect(differences.map(({ ledgerKey }) => ledgerKey).sort()).toEqual(
    [encodeKey(first), encodeKey(second)].sort(),
  );
});

describe("quarantine", () => {
  it("edits, replays and accepts; a replayed record is where it belongs", async () => {
    await using place = await workplace();
    const source = await place.file(
      "db.json",
      '[{"id":1,"n":NaN},{"id":2,"a":1},{"id":2,"a":2},{"id":3}]',
    );
    const first = await runCli(["copy", source, "--to", place.url, "--json"]);
    expect(first.code).toBe(2);
    const list = JSON.parse(
      (await runCli(["quarantine", "list", "--to", place.url, "--json"])).stdout,
    ) as { entries: { id: number; code: string }[] };
    const id = (code: string): number => list.entries.find((entry) => entry.code === code)?.id ?? 0;
    const shown = await runCli([
      "quarantine",
      "show",
      String(id("JSON_SYNTAX")),
      "--to",
      place.url,
    ]);
    expect(shown.stdout).not.toContain("NaN");
    const raw = await runCli([
      "quarantine",
      "show",
      String(id("JSON_SYNTAX")),
      "--raw",
      "--to",
      place.url,
    ]);
    expect(raw.stdout.trim()).toBe('{"id":1,"n":NaN}');
    const still = await replay(place.target, "db", [id("JSON_SYNTAX")]);
    expect(still[0]?.outcome).toBe("JSON_SYNTAX");
    await runCli(
      ["quarantine", "edit", String(id("JSON_SYNTAX")), "--file", "-", "--to", place.url],
      { stdin: '{"id":1,"n":null}' },
    );
    const replayed = await runCli([
      "quarantine",
      "replay",
      String(id("JSON_SYNTAX")),
      String(id("ID_CONFLICT")),
      "--to",
      place.url,
      "--json",
    ]);
    expect(replayed.code, replayed.stdout + replayed.stderr).toBe(0);
    const rows = await sql<{ id: string }>(place.url, "select id from db order by id");
    expect(rows.map((row) => Number(row.id))).toEqual([1, 2, 3]);
    const checked = await verify(source, place.target);
    expect(checked.clean).toBe(true);
    const other = (await place.target.ledger.quarantined("db", { state: "open" }))[0];
    const accepted = await runCli([
      "quarantine",
      "accept",
      String(other?.id),
      "--note",
      "the older one",
      "--to",
      place.url,
    ]);
    expect(accepted.code).toBe(0);
    expect(await place.target.ledger.quarantined("db", { state: "open" })).toEqual([]);
  });
});
