/** Changed records in tables that somebody else made: what is not ours stays as it is. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalText } from "../../src/collection/canonical.ts";
import { dumpRevision } from "../../src/collection/revision.ts";
import type { Value } from "../../src/collection/value.ts";
import { postgresTarget } from "../../src/drivers/postgres/index.ts";
import type { Layout } from "../../src/layout/layout.ts";
import {
  backends,
  codeOf,
  deletion,
  type MakeMove,
  type Opened,
  record,
  workbench,
} from "./backends.ts";
import { ask, DDL, type Element, image, makeTables, step, thingsLayout } from "./bound-tables.ts";

const FIRST: Element & Readonly<Record<"images" | "steps", readonly Element[]>> = {
  id: "a",
  title: "first",
  images: [
    image("x", {
      primary: true,
      versions: [
        { id: "v1", prompt: "sea" },
        { id: "v2", prompt: "sky" },
      ],
    }),
    image("y"),
    image("z"),
  ],
  steps: [step("cut", { parts: [{ name: "saw" }, { name: "wood" }] }), step("glue"), step("paint")],
};

/** What the app does with the rows of FIRST. */
const APP = `
  update things set note = 'mine';
  update images set storage_path = 's3/' || ref;
  update versions set rating = length(prompt);
  update steps set done_at = 'at ' || label;
  update parts set checked = 'ok ' || name;
  insert into likes select id, 'ann' from images;
  insert into reviews select id, 5 from versions where prompt = 'sea';
  insert into logs select thing_id, position, 'begun' from steps where position = 0;
  insert into visits select id, 'today' from things`;

const IMAGES = `select i.position, i.ref, i.url, i.is_primary, i.storage_path, count(l.by_whom)
  from images i left join likes l on l.image_id = i.id group by i.id order by 1`;
const STEPS = "select position, label, done_at from steps order by 1";

describe.each(backends)("bound tables on $name", (backend) => {
  let opened: Opened;
  let move: MakeMove;
  let number = 0;
  beforeAll(async () => {
    opened = await backend.open();
    move = workbench(postgresTarget(opened.database));
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  /** A schema with the app's tables, and a move that is bound to them. */
  async function bound(layout: Layout = thingsLayout(), ddl = DDL) {
    const schema = `bound-${number++}`;
    await makeTables(opened.database, schema, ddl);
    const made = await move([layout], { schema });
    let run = 0;
    return {
      ...made,
      say: (query: string) => ask(opened.database, schema, query),
      async put(...values: readonly Value[]) {
        run++;
        return made.put(
          values.map((value, position) =>
            record((value as { id: string }).id, value, { revision: dumpRevision(run), position }),
          ),
        );
      },
      remove: (key: string) => made.put([deletion(key, dumpRevision(++run))]),
      /** What the tables say, against what they should. */
      async expectRecords(...values: readonly Value[]) {
        const found = Object.values(await made.rows()).map((value) => canonicalText(value));
        expect(found.sort()).toEqual(values.map((value) => canonicalText(value)).sort());
      },
    };
  }

  /** The same with FIRST in it, and what the app made of that. */
  async function lived() {
    const at = await bound();
    await at.put(FIRST);
    await at.say(APP);
    return at;
  }

  test("law L1: rows that stay keep the app's columns, and what refers to them; only others go and come", async () => {
    const { put, say, expectRecords } = await lived();
    const second = {
      ...FIRST,
      title: "second",
      images: [
        image("w"),
        {
          ...FIRST.images[0],
          url: "x2.png",
          versions: [
            { id: "v3", prompt: "sun" },
            { id: "v1", prompt: "sea" },
          ],
        },
        image("z"),
      ],
      steps: [step("cut", { parts: [{ name: "axe" }] }), step("nail")],
    };
    expect(await put(second)).toMatchObject({ applied: 1 });
    await expectRecords(second);
    expect(await say("select id, title, note from things")).toEqual(["a second mine"]);
    expect(await say("select * from visits")).toEqual(["a today"]);
    expect(await say(IMAGES)).toEqual([
      "0 w w.png f - 0",
      "1 x x2.png t s3/x 1",
      "2 z z.png f s3/z 1",
    ]);
    expect(await say("select prompt, rating from versions order by 1")).toEqual(["sea 3", "sun -"]);
    expect(await say("select stars from reviews")).toEqual(["5"]);
    expect(await say(STEPS)).toEqual(["0 cut at cut", "1 nail at glue"]);
    expect(await say("select step, part, name, checked from parts")).toEqual(["0 0 axe ok saw"]);
    expect(await say("select step, said from logs")).toEqual(["0 begun"]);
  });

  test("law L1: only rows that differ are written, to the last digit and sign", async () => {
    const { put, say, expectRecords } = await lived();
    const written =
      "select ref, xmin from images union all select label, xmin from steps order by 1";
    const before = await say(written);
    await put({ ...FIRST, title: "other" });
    expect(await say(written)).toEqual(before);
    const numbered = {
      ...FIRST,
      steps: [step("cut", { data: { n: 1 } }), ...FIRST.steps.slice(1)],
    };
    await put(numbered);
    // Equal to jsonb, and to a double, and yet not the same.
    await say(`update steps set data = '{"n": 1.0}' where position = 0`);
    await put({ ...numbered, title: "once more" });
    expect(await say("select data from steps where position = 0")).toEqual(['{"n": 1}']);
    await expectRecords({ ...numbered, title: "once more" });
  });

  test("law L1: places and unique texts are swapped and turned, with what the app keeps beside them", async () => {
    const { put, say, expectRecords } = await lived();
    const [x, y, z] = FIRST.images as [Element, Element, Element];
    const [cut, glue, paint] = FIRST.steps as [Element, Element, Element];
    const swapped = { ...FIRST, images: [y, x, z], steps: [glue, cut, paint] };
    await put(swapped);
    await expectRecords(swapped);
    expect(await say(IMAGES)).toEqual([
      "0 y y.png f s3/y 1",
      "1 x x.png t s3/x 1",
      "2 z z.png f s3/z 1",
    ]);
    // Without keys of their own, rows are known by their places.
    expect(await say(STEPS)).toEqual(["0 glue at cut", "1 cut at glue", "2 paint at paint"]);
    const turned = {
      ...FIRST,
      images: [z, { ...y, url: "x.png", primary: true }, { ...x, url: "y.png", primary: false }],
      steps: [paint, glue, cut],
    };
    await put(turned);
    await expectRecords(turned);
    expect(await say(IMAGES)).toEqual([
      "0 z z.png f s3/z 1",
      "1 y x.png t s3/y 1",
      "2 x y.png f s3/x 1",
    ]);
    // Places that rows move to, where others have just been moved out of the way.
    const longer = { ...FIRST, images: [image("n"), image("o"), image("p"), y, x, z] };
    await put(longer);
    await expectRecords(longer);
  });

  test("law L1: lists shrink to nothing and grow again, deep ones too; a deleted record takes its own rows along", async () => {
    const { put, say, remove, expectRecords, rows } = await lived();
    await put({ id: "b", title: "beside", images: [image("x")], steps: [] });
    await say("delete from reviews; delete from logs");
    const empty = { id: "a", title: "empty", images: [], steps: [] };
    await put(empty);
    await expectRecords(empty, { id: "b", title: "beside", images: [image("x")], steps: [] });
    expect(await say("select thing_id from images union all select thing_id from steps")).toEqual([
      "b",
    ]);
    expect(await say("select count(*) from versions")).toEqual(["0"]);
    await put(FIRST);
    expect(await say(IMAGES)).toHaveLength(4);
    expect(await say("select note from things order by id")).toEqual(["mine", "fresh"]);
    await remove("a");
    expect(Object.keys(await rows())).toEqual(["b"]);
    expect(await say("select ref from images")).toEqual(["x"]);
  });

  test("law L1: what is unique passes between records of a commit, known and new ones", async () => {
    const { put, say, expectRecords } = await bound();
    await put({ id: "a", slug: "one", steps: [] }, { id: "b", slug: "two", steps: [] });
    await say("update things set note = id");
    const values = [
      { id: "a", slug: "two", steps: [] },
      { id: "b", slug: "three", steps: [] },
      { id: "c", slug: "one", steps: [] },
    ];
    expect(await put(...values)).toMatchObject({ applied: 3, conflicts: [] });
    await expectRecords(...values);
    expect(await say("select id, slug, note from things order by 1")).toEqual([
      "a two a",
      "b three b",
      "c one fresh",
    ]);
  });

  test("law D1: a row of somebody else's with the key stays; the record is a conflict, and none of it is written", async () => {
    const { put, say, quarantined } = await bound();
    await say("insert into things (id, title) values ('a', 'theirs'), ('b', 'theirs')");
    expect(await put(FIRST)).toMatchObject({
      applied: 0,
      conflicts: [{ collection: "things", key: "sa" }],
    });
    // And among records that are known.
    await put({ id: "c", steps: [] });
    expect(
      await put({ id: "b", steps: [step("no")] }, { id: "c", title: "c", steps: [] }),
    ).toMatchObject({
      applied: 1,
      conflicts: [{ key: "sb" }],
    });
    expect((await quarantined()).map(({ key, code, detail }) => [key, code, detail])).toEqual(
      ["sa", "sb"].map((key) => [
        key,
        "ID_CONFLICT",
        "the table holds a row of this key that is not this move's",
      ]),
    );
    expect(await say("select id, title from things order by 1")).toEqual([
      "a theirs",
      "b theirs",
      "c c",
    ]);
    expect(await say("select 1 from images union all select 1 from steps")).toEqual([]);
  });

  test("law D1: a child's row that the app gave to another parent is not taken back: the record is refused", async () => {
    const { put, say } = await lived();
    await say(`insert into things (id) values ('theirs');
      update images set thing_id = 'theirs', position = 7 where ref = 'y'`);
    await expect(put({ ...FIRST, title: "new" })).rejects.toMatchObject({
      code: "RECORD_REFUSED",
      sqlState: "23505",
    });
    expect(await say("select title, note from things order by id")).toEqual([
      "first mine",
      "- fresh",
    ]);
    expect(await say("select thing_id, storage_path from images where ref = 'y'")).toEqual([
      "theirs s3/y",
    ]);
  });

  test("law D2: a trigger that drops updates or inserts in silence is LOST_ROW", async () => {
    const { put, say } = await lived();
    await say(`create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger swallow before update on images for each row when (new.url = 'swallow') execute function nothing();
      create trigger swallow_too before insert on steps for each row when (new.label = 'swallow') execute function nothing()`);
    const [x] = FIRST.images;
    expect(await codeOf(put({ ...FIRST, images: [{ ...x, url: "swallow" }] }))).toBe("LOST_ROW");
    expect(await codeOf(put({ ...FIRST, steps: [...FIRST.steps, step("swallow")] }))).toBe(
      "LOST_ROW",
    );
    expect(await codeOf(put({ ...FIRST, title: "fine" }))).toBe("none");
  });

  test("law L1: in tables of our own, lists with unique indexes are turned, emptied and filled as well", async () => {
    const { put, rows, driver, name } = await move([thingsLayout("own")]);
    const { ledger } = postgresTarget(opened.database);
    await put([record("a", FIRST)]);
    const { made } = await ledger.settle(name, await ledger.acquire(name));
    expect(made.filter((one) => /position|url|label/.test(one))).toHaveLength(3);
    const [x, y, z] = FIRST.images as [Element, Element, Element];
    const [cut, glue, paint] = FIRST.steps as [Element, Element, Element];
    const histories: Value[] = [
      { ...FIRST, images: [y, x, z], steps: [glue, cut, paint] },
      { ...FIRST, images: [], steps: [] },
      {
        ...FIRST,
        images: [z, { ...y, url: "x.png" }, { ...x, url: "y.png" }],
        steps: [paint],
      },
    ];
    for (const [index, value] of histories.entries()) {
      await put([record("a", value, { revision: dumpRevision(index + 2) })]);
      expect(canonicalText((await rows())["a"])).toBe(canonicalText(value));
    }
    expect(await driver.count({ tenant: "default", collection: "things" })).toBe(1);
  });
});
