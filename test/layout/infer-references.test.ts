import { describe, expect, it } from "vitest";
import type { Value } from "../../src/collection/value.ts";
import { type InferredLayout, inferLayouts } from "../../src/layout/infer.ts";
import { CollectionProfile } from "../../src/layout/profile.ts";

type Data = Readonly<Record<string, readonly Value[]>>;

function inferAll(data: Data): readonly InferredLayout[] {
  const collections = Object.keys(data);
  const profiles = Object.entries(data).map(([name, records]) => {
    const profile = new CollectionProfile(name, { collections });
    for (const record of records) profile.observe(record, undefined, 1);
    return profile;
  });
  return inferLayouts(profiles);
}

const many = <One>(count: number, make: (index: number) => One): One[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe("references", () => {
  const users = many(30, (index) => ({ id: `u${index}` }));
  const referring = (property: string, values: readonly Value[], to: Data = { users }) => {
    const things = values.map((value, id) => ({ id, [property]: value }));
    const inferred = inferAll({ ...to, things }).at(-1) as InferredLayout;
    const column = inferred.layout.tables[0].columns[0];
    return { ...inferred, column, foreignKeys: inferred.layout.foreignKeys };
  };
  const ids = (count: number): string[] => many(count, (index) => `u${index}`);

  it.each(["userId", "user_id", "userID", "user", "userid", "User-Id", "ownerUserId", "users"])(
    "%s refers to users",
    (property) => {
      const { column, foreignKeys, proposals, dangling, layout } = referring(property, ids(20));
      expect(column?.to).toBe("users");
      expect(foreignKeys).toEqual([
        {
          table: "things",
          columns: [column?.name],
          to: { table: "users", columns: ["id"] },
          onDelete: "no action",
        },
      ]);
      expect(layout.tables[0].indexes).toEqual([{ columns: [column?.name] }]);
      expect(proposals.foreignKeys).toEqual([]);
      expect(dangling).toEqual([]);
    },
  );

  it.each<readonly [string, string, readonly Value[]]>([
    ["the name fits nothing", "authorId", ids(20)],
    ["the name fits in part of a word", "abuser", ids(20)],
    ["no value is a key", "userId", many(20, (index) => `x${index}`)],
    ["the values are of another type", "userId", many(20, (index) => index)],
    ["the kinds are mixed", "userId", [...ids(20), 1]],
    ["a name that is no id, and few values that are keys", "user", ["u1", "Ann", "Bob"]],
    ["a longer name, and few values that are keys", "ownerUserId", ["u1", "x", "y"]],
    ["long text", "user", [...ids(20), "x".repeat(300)]],
  ])("none when %s", (_, property, values) => {
    const { column, foreignKeys, proposals, dangling, layout } = referring(property, values);
    expect(column?.to).toBeUndefined();
    expect(foreignKeys).toBeUndefined();
    expect(proposals.foreignKeys).toEqual([]);
    expect(dangling).toEqual([]);
    expect(layout.tables[0].indexes).toBeUndefined();
  });

  it("are only proposed when few values say so", () => {
    const { column, foreignKeys, proposals } = referring("userId", [...ids(19), ...ids(19), null]);
    expect(foreignKeys).toBeUndefined();
    expect(column?.to).toBe("users");
    expect(proposals.foreignKeys[0]?.evidence).toBe(
      "all 19 distinct values are keys of users; fewer than 20 to go by",
    );
  });

  it("that dangle are found and proposed", () => {
    const values = [...ids(19), "gone", "gone"];
    const { column, foreignKeys, proposals, dangling, layout } = referring("userId", values);
    expect(foreignKeys).toBeUndefined();
    expect(column?.to).toBeUndefined();
    expect(proposals.foreignKeys[0]?.evidence).toBe(
      "19 of 20 distinct values are keys of users; 1 dangling",
    );
    expect(dangling).toEqual([
      { collection: "things", property: "userId", to: "users", count: 1, distinct: 20 },
    ]);
    expect(layout.tables[0].indexes).toEqual([{ columns: ["user_id"] }]);
  });

  it.each<readonly [string, Data, string]>([
    ["keys that repeat", { users: [...users, { id: "u1" }] }, "1 key of users"],
    ["keys of several types", { users: [...users, { id: 1 }] }, "the key is ledger-key"],
  ])("are only proposed to %s", (_, to, reason) => {
    const { foreignKeys, proposals } = referring("userId", ids(20), to);
    expect(foreignKeys).toBeUndefined();
    expect(proposals.foreignKeys[0]?.evidence).toContain(reason);
  });

  it("take the type of the key that they hold", () => {
    const uuid = (index: number): string => `ee99b735-e01b-4ff2-a812-${String(1e11 + index)}0`;
    const mixed = [...many(25, (index) => ({ id: uuid(index) })), { id: "root" }];
    const { column, foreignKeys } = referring(
      "userId",
      many(20, (index) => uuid(index)),
      { users: mixed },
    );
    expect(column?.codec).toBe("text");
    expect(foreignKeys).toHaveLength(1);
  });

  it("to keys that are no property are only proposed", () => {
    const profiles = [
      new CollectionProfile("users", { keyed: true, collections: ["users", "things"] }),
      new CollectionProfile("things", { collections: ["users", "things"] }),
    ] as const;
    for (const { id } of users) profiles[0].observe({ name: "n" }, id, 1);
    for (const { id } of users) profiles[1].observe({ id, userId: id }, undefined, 1);
    const { layout, proposals } = inferLayouts(profiles)[1] as InferredLayout;
    expect(layout.foreignKeys).toBeUndefined();
    expect(proposals.foreignKeys[0]).toMatchObject({
      to: { table: "users", columns: ["key"] },
      evidence: "all 30 distinct values are keys of users; the key is no property of the record",
    });
  });

  it("to the record's own collection need a name of their own", () => {
    const comments = many(30, (id) => ({ id, commentId: id, parentCommentId: (id * 7) % 30 }));
    const { layout } = inferAll({ comments })[0] as InferredLayout;
    expect(layout.foreignKeys?.map(({ columns }) => columns)).toEqual([["parent_comment_id"]]);
  });

  it("lie in child tables too, and may be the elements' ids themselves", () => {
    const products = many(30, (index) => ({ id: `p${index}` }));
    const orders = many(30, (id) => ({
      id,
      products: [{ id: `p${id}`, quantity: 1 }],
    }));
    const { layout } = inferAll({ products, orders })[1] as InferredLayout;
    expect(layout.foreignKeys).toEqual([
      {
        table: "order_products",
        columns: ["id"],
        to: { table: "products", columns: ["id"] },
        onDelete: "no action",
      },
    ]);
  });

  it("to elements of lists are proposed when their ids are unique over all records", () => {
    const generations = many(3, (id) => ({ id, concepts: [{ id: `c${id}`, title: "t" }] }));
    const critiques = [{ id: 1, conceptId: "c1" }];
    for (const data of [
      { generations, critiques },
      { critiques, generations },
    ]) {
      const inferred = inferAll(data).find(({ layout }) => layout.collection === "critiques");
      expect(inferred?.proposals.foreignKeys).toMatchObject([
        {
          columns: ["concept_id"],
          to: { table: "generation_concepts", columns: ["id"] },
          evidence:
            "the one distinct value is a key of concepts of generations; " +
            "id would have to be unique over all records",
        },
      ]);
    }
  });

  it("are unknown where there are too many keys to count, and then only proposed", () => {
    const things = many(500_001, (id) => ({ id, userId: `u${id % 2}${id}` }));
    const { foreignKeys, proposals, dangling } = referring(
      "userId",
      things.map(({ userId }) => userId),
    );
    expect(foreignKeys).toBeUndefined();
    expect(dangling).toEqual([]);
    expect(proposals.foreignKeys[0]?.evidence).toBe(
      "too many values to be held against the keys of users",
    );
  });
});
