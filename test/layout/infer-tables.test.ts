import { describe, expect, it } from "vitest";
import type { Value } from "../../src/collection/value.ts";
import { type InferOptions, type InferredLayout, inferLayouts } from "../../src/layout/infer.ts";
import type { ChildTableLayout, Layout } from "../../src/layout/layout.ts";
import { CollectionProfile, type ProfileOptions } from "../../src/layout/profile.ts";

type Data = Readonly<Record<string, readonly Value[]>>;

function inferAll(
  data: Data,
  options: InferOptions = {},
  profileOptions: ProfileOptions = {},
): readonly InferredLayout[] {
  const collections = Object.keys(data);
  const profiles = Object.entries(data).map(([name, records]) => {
    const profile = new CollectionProfile(name, { collections, ...profileOptions });
    for (const record of records) {
      profile.observe(record, undefined, 1);
    }
    return profile;
  });
  return inferLayouts(profiles, options);
}

const many = <One>(count: number, make: (index: number) => One): One[] =>
  Array.from({ length: count }, (_, index) => make(index));

const childrenOf = (layout: Layout | undefined): readonly ChildTableLayout[] =>
  (layout?.tables.slice(1) ?? []) as readonly ChildTableLayout[];

describe("child tables", () => {
  /** What becomes of the lists of four records, and why. */
  const listed = (
    lists: readonly Value[],
    options: InferOptions = {},
    others: Data = {},
  ): { readonly child: ChildTableLayout | undefined; readonly why: string } => {
    const records = lists.map((list, id) => (list === undefined ? { id } : { id, images: list }));
    const inferred = inferAll({ products: records, ...others }, options)[0] as InferredLayout;
    const why = inferred.choices.find(({ subject }) => subject === "images")?.why ?? "";
    return { child: childrenOf(inferred.layout)[0], why };
  };
  const image = (id: Value, url: Value = "u"): Value => ({ id, url });
  const unnamed = (url: Value): Value => ({ url, width: 1 });

  it("for objects with an id unique within the record", () => {
    const { child, why } = listed(many(4, () => [image("a"), image("b")]));
    expect(child).toEqual({
      name: "product_images",
      tenantColumn: undefined,
      parent: 0,
      path: ["images"],
      holds: "list",
      emptyMeans: "empty",
      key: { by: "place", parent: ["product_id"], place: "position" },
      columns: [
        { name: "id", codec: "text", path: ["id"], nullMeans: "absent" },
        { name: "url", codec: "text", path: ["url"], nullMeans: "absent" },
      ],
      indexes: [{ columns: ["id"] }],
    });
    expect(why).toBe("4 of 4 have images: lists of objects whose id is unique within the record");
  });

  it.each<readonly [string, readonly Value[]]>([
    ["by uuid", many(3, () => [{ uuid: "a", url: "u" }])],
    ["by the list's own name", many(3, () => [{ imageId: 1, url: "u" }])],
    ["by a number", many(3, () => [image(1), image(2)])],
    ["by text and number alike", many(3, () => [image(1), image("1")])],
    ["in one long list", [[image(1), image(2), image(3)]]],
    ["next to null and nothing", [[image(1), image(2), image(3)], null, undefined, []]],
    ["with few odd elements", many(4, (n) => [...many(101, (id) => image(id)), ...(n ? [] : [7])])],
    ["with more than a few in a list", [many(100, (id) => image(id))]],
  ])("are made %s", (_, lists) => {
    expect(listed(lists).child?.name).toBe("product_images");
  });

  it.each<readonly [string, readonly Value[], string]>([
    ["no id", many(4, () => [unnamed(1), unnamed(2)]), "no id unique within the record"],
    ["an id twice in a list", [...many(4, () => [image(1)]), [image(1), image(1)]], "no id unique"],
    ["an id twice in a long list", [many(50, (id) => image(id % 49))], "no id unique"],
    ["an id that is an object", many(4, () => [image({ a: 1 })]), "no id unique"],
    ["ids that most lack", many(4, (n) => [n === 0 ? image(1) : { url: 1 }]), "no id unique"],
    ["too few elements", [[image(1)], [image(2)]], "only 2 elements in all lists"],
    ["maps", many(4, (n) => [{ id: 1, [`a${n}`]: 1, [`b${n}`]: 1 }]), "too few names in common"],
    ["many odd elements", many(4, () => [image(1), "odd"]), "4 of 8 elements are no plain objects"],
    ["lists of scalars", many(4, () => [1, 2]), "4 lists"],
    ["empty lists", many(4, () => []), "4 lists"],
  ])("are not made of %s", (_, lists, reason) => {
    const { child, why } = listed(lists);
    expect(child).toBeUndefined();
    expect(why).toContain(reason);
  });

  it("are not made when the property holds something else too", () => {
    const { child, why } = listed([...many(4, () => [image(1)]), "odd"]);
    expect(child).toBeUndefined();
    expect(why).toBe("no one type holds 1 text, 4 lists");
  });

  it("are made of elements that refer to other records", () => {
    const lines = (ids: readonly string[]): Value => ids.map((productId) => ({ productId, n: 1 }));
    const products = many(3, (index) => ({ id: `p${index}` }));
    const orders = many(3, (id) => ({ id, lines: lines(["p0", "p1", "p1"]) }));
    const [, inferred] = inferAll({ products, orders });
    expect(childrenOf(inferred?.layout)[0]).toMatchObject({
      name: "order_lines",
      columns: [{ name: "product_id", codec: "text", to: "products" }, { name: "n" }],
      indexes: [{ columns: ["product_id"] }],
    });
    expect(inferred?.choices.find(({ kind }) => kind === "child")?.why).toBe(
      "3 of 3 have lines: lists of objects whose productId refers to products: " +
        "all 2 distinct values are keys of products",
    );
    // One that leads nowhere, and nothing tells the lines apart.
    const broken = [...orders, { id: 9, lines: lines(["gone"]) }];
    expect(childrenOf(inferAll({ products, orders: broken })[1]?.layout)).toEqual([]);
  });

  it("are made of elements that others refer to", () => {
    const steps = [{ id: "a" }, { id: "b" }, { id: "b" }];
    const data = { flows: many(3, (id) => ({ id, steps })), runs: [{ id: 1, stepId: "b" }] };
    const [flows, runs] = inferAll(data);
    expect(childrenOf(flows?.layout)[0]?.name).toBe("flow_steps");
    // Nothing makes the ids unique over all flows: there is nothing to point a foreign key at.
    expect(runs?.proposals.foreignKeys).toEqual([]);
    expect(runs?.layout.tables[0].indexes).toEqual([{ columns: ["step_id"] }]);
    const without = inferAll({ flows: data.flows })[0];
    expect(childrenOf(without?.layout)).toEqual([]);
  });

  it("go two levels deep", () => {
    const products = many(3, (id) => ({
      id,
      images: many(2, (image) => ({
        id: image,
        versions: many(2, (version) => ({
          id: version,
          layers: many(2, (layer) => ({ id: layer, position: 1, productId: 1 })),
        })),
      })),
    }));
    const auto = childrenOf(inferAll({ products })[0]?.layout);
    expect(auto.map(({ name, parent, path, key }) => [name, parent, path, key])).toEqual([
      ["product_images", 0, ["images"], { by: "place", parent: ["product_id"], place: "position" }],
      [
        "product_image_versions",
        1,
        ["versions"],
        { by: "place", parent: ["product_id", "image_position"], place: "position" },
      ],
    ]);
    expect(auto[1]?.columns.map(({ codec }) => codec)).toEqual(["integer", "jsonb"]);
    const all = childrenOf(inferAll({ products }, { flatten: "all" })[0]?.layout);
    expect(all[2]).toMatchObject({
      name: "product_image_version_layers",
      parent: 2,
      key: { parent: ["product_id", "image_position", "version_position"], place: "position" },
      columns: [
        { name: "id" },
        { name: expect.stringMatching(/^position_[0-9a-f]{8}$/) },
        { name: expect.stringMatching(/^product_id_[0-9a-f]{8}$/) },
      ],
    });
  });

  it("by flatten: all, none", () => {
    const lists = many(1, () => [unnamed(1)]);
    expect(listed(lists, { flatten: "all" }).child?.name).toBe("product_images");
    expect(listed([[1, 2]], { flatten: "all" }).child).toBeUndefined();
    const { child, why } = listed(
      many(4, () => [image(1)]),
      { flatten: "none" },
    );
    expect(child).toBeUndefined();
    expect(why).toBe("4 lists; no list becomes a table (flatten: none)");
  });

  it.each<readonly [string, readonly Value[], "empty" | "absent"]>([
    ["empty", [[], [], undefined], "empty"],
    ["absent", [[], undefined, undefined], "absent"],
    ["never seen", [], "empty"],
  ])("no elements are %s in most records", (_, lists, emptyMeans) => {
    const { child } = listed([...many(4, () => [image(1)]), ...lists]);
    expect(child?.emptyMeans).toBe(emptyMeans);
  });

  it("are named after the key of their parent", () => {
    const keyOf = (name: string, key: string): unknown => {
      const records = many(3, (n) => ({ ...(key === "" ? {} : { [key]: n }), images: [image(1)] }));
      return childrenOf(inferAll({ [name]: records })[0]?.layout)[0]?.key;
    };
    expect(keyOf("users", "userId")).toMatchObject({ parent: ["user_id"] });
    expect(keyOf("users", "_id")).toMatchObject({ parent: ["user_id"] });
    expect(keyOf("categories", "key")).toMatchObject({ parent: ["category_key"] });
    expect(keyOf("people", "")).toMatchObject({ parent: ["person_position"] });
  });

  it("carry the tenant where it is asked for", () => {
    const { child } = listed(
      many(4, () => [{ id: 1, tenant_id: "x" }]),
      { tenantColumn: true },
    );
    expect(child?.tenantColumn).toBe("tenant_id");
    expect(child?.columns[1]?.name).toMatch(/^tenant_id_[0-9a-f]{8}$/);
  });

  it("propose what is unique in them", () => {
    const products = many(10, (id) => ({ id, images: [image(1), image(2)] }));
    const [inferred] = inferAll({ products });
    expect(inferred?.proposals.unique).toEqual([
      { table: "product_images", columns: ["product_id", "id"] },
    ]);
    expect(inferred?.proposals.notNull).toEqual([
      { table: "product_images", column: "id" },
      { table: "product_images", column: "url" },
    ]);
  });
});

describe("indexes", () => {
  const declared = (indexes: readonly string[], records: readonly Value[]) =>
    inferAll({ things: records }, {}, { indexes, declaredKey: "id" })[0] as InferredLayout;

  it("follow what Dexie declares, where there are columns", () => {
    const { layout, choices } = declared(
      ["a", "[a+b]", "[id+b]", "tags", "gone", "[a+gone]", "id", "a"],
      [{ id: 1, a: "x", b: 1, tags: ["t"] }],
    );
    expect(layout.tables[0].indexes).toEqual([
      { columns: ["a"] },
      { columns: ["a", "b"] },
      { columns: ["id", "b"] },
    ]);
    const refused = choices.filter(({ choice }) => choice === "no index");
    expect(refused.map(({ subject }) => subject)).toEqual(["tags", "gone", "[a+gone]"]);
  });

  it("are not made on text that does not fit one", () => {
    const { layout, choices } = declared(["a"], [{ id: 1, a: "x".repeat(801) }]);
    expect(layout.tables[0].indexes).toBeUndefined();
    expect(choices.at(-1)?.why).toContain("texts of 801 characters do not fit an index");
  });
});
