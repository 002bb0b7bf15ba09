/** Dropping a move that is bound to somebody's tables: what it brought goes, and nothing of anybody else's. */
import { describe, expect, it } from "vitest";
import type { BindOptions } from "../../src/layout/bind-types.ts";
import { copy } from "../../src/transfer/copy.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";

const DDL = (action: string) => `
  create table users (id text primary key, name text, favourite text);
  create table posts (id text primary key, user_id text not null references users ${action}, parent_id text references posts ${action}, title text);
  create table post_lines (id uuid primary key, post_id text not null references posts ${action}, body text);
  alter table users add foreign key (favourite) references posts ${action}`;
const SHOP = {
  users: [
    { id: "a", name: "A", favourite: "p2" },
    { id: "b", name: "B", favourite: "p1" },
  ],
  posts: [
    { id: "p1", userId: "a", title: "t", lines: [{ id: "1", body: "x" }] },
    { id: "p2", userId: "b", parentId: "p1", title: "t", lines: [] },
  ],
  // Inferred, with a foreign key to a table that is there.
  visits: Array.from({ length: 40 }, (_, at) => ({ id: at, userId: at % 2 === 0 ? "a" : "b" })),
  n: 1,
};
const BIND: Readonly<Record<string, BindOptions>> = { users: {}, posts: {} };

async function moved(place: Workplace): Promise<string> {
  const { move } = await copy(await place.file("shop.json", JSON.stringify(SHOP)), place.target, {
    bind: BIND,
  });
  return move;
}

const rowsOf = async (place: Workplace, ...tables: string[]): Promise<number[]> => {
  const counts = tables.map((table) => `(select count(*)::int from ${table})`).join(", ");
  const [row] = await sql<Record<string, number>>(
    place.url,
    `select json_build_array(${counts}) as all`,
  );
  return row?.["all"] as unknown as number[];
};

describe("drop", () => {
  it.each(["on delete no action", "on delete restrict", "on delete cascade", "on delete set null"])(
    "takes back rows that refer to each other, in a circle too, where the tables say %s",
    async (action) => {
      await using place = await workplace();
      await sql(place.url, DDL(action));
      await sql(place.url, "insert into users (id, name) values ('mine', 'M')");
      const move = await moved(place);
      expect(await rowsOf(place, "users", "posts", "post_lines", "visits")).toEqual([3, 2, 1, 40]);
      await place.target.ledger.drop(move);
      expect(await rowsOf(place, "users", "posts", "post_lines")).toEqual([1, 0, 0]);
    },
  );

  it.each([
    [
      "on delete cascade",
      "insert into comments values (1, 'p1'), (2, 'p1'), (3, null)",
      "2 of public.comments",
    ],
    ["on delete set null", "insert into comments values (1, 'p2')", "1 of public.comments"],
    ["on delete no action", "insert into comments values (1, 'p2')", "1 of public.comments"],
    [
      "on delete cascade",
      "insert into posts values ('mine', 'a', null, 'M')",
      "1 of public.posts (posts_user_id_fkey)",
    ],
    ["on delete cascade", "insert into stars select 1, id from post_lines", "1 of public.stars"],
  ])(
    "is refused where rows of others would go with it (%s), and leaves all as it was",
    async (action, theirs, said) => {
      await using place = await workplace();
      await sql(place.url, DDL(action));
      await sql(
        place.url,
        `create table comments (nr integer, post text references posts ${action});
       create table stars (nr integer, line uuid references post_lines ${action})`,
      );
      const move = await moved(place);
      await sql(place.url, theirs);
      const tables = [
        "users",
        "posts",
        "post_lines",
        "visits",
        "comments",
        "stars",
        "outgrow.record",
      ];
      const before = await rowsOf(place, ...tables);
      await expect(place.target.ledger.drop(move)).rejects.toMatchObject({
        code: "DROP_REFUSED",
        site: { detail: expect.stringContaining(said) },
      });
      expect(await rowsOf(place, ...tables)).toEqual(before);
      await sql(place.url, "truncate comments, stars; delete from posts where id = 'mine'");
      await place.target.ledger.drop(move);
      expect(await rowsOf(place, "users", "posts", "post_lines")).toEqual([0, 0, 0]);
    },
  );
});
