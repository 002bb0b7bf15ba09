/** What plan foresees of the database's refusals, held against what the copy then finds. */
import { describe, expect, it } from "vitest";
import type { BindOptions } from "../../src/layout/bind-types.ts";
import { copy } from "../../src/transfer/copy.ts";
import { type Plan, plan } from "../../src/transfer/plan.ts";
import { replay } from "../../src/transfer/quarantine.ts";
import { verify } from "../../src/transfer/verify.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

const BIND: Readonly<Record<string, BindOptions>> = { users: {}, posts: {}, notes: {} };
const DDL = `create table users (id text primary key, name text);
  create table posts (id text primary key, user_id text not null references users, parent_id text not null references posts, title text)`;

const users = ["a", "b", "c"].map((id) => ({ id, name: id.toUpperCase() }));
const post = (id: number, userId: string | null, parentId = id) => ({
  id: `p${id}`,
  userId,
  parentId: `p${parentId}`,
  title: "t",
});
/** The last but one refers to nobody. */
const posts = [post(1, "a", 3), post(2, "b"), post(3, "c"), post(4, "nobody"), post(5, "a")];

/** Plans and copies: collections, codes and counts have to agree. */
async function foreseen(place: Workplace, source: string | string[]): Promise<Plan> {
  const planned = await plan(source, place.target, { bind: BIND, records: 50 });
  const copied = await copy(source, place.target, { bind: BIND });
  const quarantined = await place.target.ledger.quarantined(copied.move);
  const found = quarantined.map(({ collection, code }) => `${collection} ${code}`).sort();
  expect(
    planned.setAside.flatMap(({ collection, code, count }) =>
      Array.from({ length: count }, () => `${collection} ${code}`),
    ),
  ).toEqual(found);
  expect((await verify(source, place.target)).clean).toBe(true);
  return planned;
}

const refusals = ({ problems }: Plan): string[] =>
  problems.filter(({ code, fatal }) => code === "REFUSED" && !fatal).map(({ message }) => message);

describe("references that cannot wait", () => {
  it("are found where their rows come first, and counted where there are none", async () => {
    await using place = await workplace();
    await sql(place.url, DDL);
    const planned = await foreseen(
      place,
      await place.file("blog.json", JSON.stringify({ users, posts, n: 1 })),
    );
    expect(refusals(planned)).toEqual([
      "1 record of posts would be refused: user_id refers to rows of users that the source does not have.",
    ]);
    expect(planned.misfits).toEqual([
      { collection: "posts", key: '"p4"', column: "user_id", code: "FOREIGN_KEY" },
    ]);
  });

  it("are refused where one file has their rows behind them, and are stored when they are tried again", async () => {
    await using place = await workplace();
    await sql(place.url, DDL);
    const planned = await foreseen(
      place,
      await place.file("blog.json", JSON.stringify({ posts, users, n: 1 })),
    );
    expect(refusals(planned)).toEqual([
      "4 records of posts would be refused: the rows of users that user_id refers to come behind them.",
      "1 record of posts would be refused: user_id refers to rows of users that the source does not have.",
    ]);
    const [{ next } = { next: "" }] = planned.problems.filter(({ message }) =>
      message.includes("behind them"),
    );
    expect(next).toContain("outgrow quarantine replay");
    const replayed = await replay(place.target, "blog");
    // The first refers to the third, which is stored behind it: it takes a second attempt.
    expect(replayed.filter(({ outcome }) => outcome === "stored")).toHaveLength(3);
    const again = await replay(place.target, "blog");
    expect(again.map(({ key, outcome }) => `${key} ${outcome}`).sort()).toEqual([
      '"p1" stored',
      '"p4" RECORD_REFUSED',
    ]);
  });

  it("are read behind the files that have their rows, whatever the order in which these are given", async () => {
    await using place = await workplace();
    await sql(place.url, DDL);
    const planned = await foreseen(place, [
      await place.file("posts.json", JSON.stringify(posts)),
      await place.file("users.json", JSON.stringify(users)),
    ]);
    expect(planned.setAside).toEqual([{ collection: "posts", code: "RECORD_REFUSED", count: 1 }]);
  });

  it("are not judged where rows are there that nobody has looked at", async () => {
    await using place = await workplace();
    await sql(place.url, `${DDL}; insert into users values ('nobody', 'N')`);
    const planned = await foreseen(
      place,
      await place.file("blog.json", JSON.stringify({ users, posts, n: 1 })),
    );
    expect(planned.setAside).toEqual([]);
  });

  it("are refused in tables of tenants too, where they would also wait without one", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create table users (tenant_id text, id text, name text, primary key (tenant_id, id));
       create table posts (tenant_id text, id text, user_id text, title text, primary key (tenant_id, id),
         foreign key (tenant_id, user_id) references users)`,
    );
    const planned = await foreseen(
      place,
      await place.file(
        "blog.json",
        JSON.stringify({ posts: [...posts, post(6, null)], users, n: 1 }),
      ),
    );
    expect(planned.setAside).toEqual([{ collection: "posts", code: "RECORD_REFUSED", count: 5 }]);
  });
});

describe("cells that are wanted", () => {
  it("are missed in rows and in child rows, each record counted once and named", async () => {
    await using place = await workplace();
    await sql(
      place.url,
      `create table notes (id text primary key, title varchar(8) not null, meta_kind text not null);
       create table note_lines (note_id text references notes, position bigint, body text not null, primary key (note_id, position))`,
    );
    const note = (id: number, title: unknown, ...lines: unknown[]) => ({
      id: `n${id}`,
      title,
      meta: { kind: "k" },
      lines: lines.map((body) => ({ body })),
    });
    const notes = [
      note(1, "one", "x"),
      note(2, "\u0000", "x"),
      note(3, "three", "x", "\ud83d"),
      note(4, "x\ud83d", "\ud83d"),
      { ...note(5, "five"), meta: {} },
    ];
    const planned = await foreseen(
      place,
      await place.file("notes.json", JSON.stringify({ notes, n: 1 })),
    );
    expect(planned.setAside).toEqual([{ collection: "notes", code: "RECORD_REFUSED", count: 4 }]);
    expect(
      planned.misfits
        .filter(({ code }) => code === "NOT_NULL")
        .map(({ key, column }) => [key, column]),
    ).toEqual([
      ['"n2"', "title"],
      ['"n3"', "lines.body"],
      ['"n4"', "title"],
      ['"n5"', "meta_kind"],
    ]);
    expect(planned.spills).toContainEqual({
      collection: "notes",
      column: "lines.body",
      code: "STR_SURROGATE",
      count: 2,
    });
    expect(planned.problems.map(({ message }) => message)).toContain(
      "2 records of notes would be refused: title refuses NULL, and they have nothing that it holds.",
    );
  });
});
