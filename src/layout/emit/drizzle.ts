/** The tables of a move as a module for drizzle-orm 0.45 (pg-core). */
import { columnBuilder, type Imports } from "./drizzle-columns.ts";
import { asciiCamelCase, freeName, isIdentifier, JS_RESERVED } from "./property-names.ts";
import { type Relation, relationsOf } from "./relations.ts";
import {
  type DescribedForeignKey,
  type DescribedTable,
  type Description,
  describeTables,
  type EmitInput,
  primaryKeyName,
} from "./tables.ts";

/** What the module may import or declare besides tables. */
const MODULE_NAMES = [
  "pgTable pgSchema pgEnum appSchema AnyPgColumn primaryKey foreignKey index uniqueIndex relations customType t one many",
  "Object Array Date Error Map Number Promise Set String Boolean Symbol module exports require",
  "text varchar char boolean bigint integer smallint doublePrecision real numeric uuid timestamp date jsonb json",
].join(" ");

/** Properties that a table of Drizzle has of its own, and those that an object literal treats apart. */
const TABLE_NAMES =
  "_ $inferSelect $inferInsert enableRLS getSQL shouldOmitSQLParens constructor __proto__";

interface Names {
  /** Constants by SQL name of table. */
  readonly tables: ReadonlyMap<string, string>;
  readonly relations: ReadonlyMap<string, string>;
  readonly enums: ReadonlyMap<string, string>;
  /** By SQL name of table, then of column. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** A TypeScript module: tables, enums and relations, by the app's own names. */
export function drizzleSchema(input: EmitInput): string {
  const description = describeTables(input);
  const imports: Imports = new Set();
  const taken = new Map(
    description.tables.map(({ name }) => [name, new Set(TABLE_NAMES.split(" "))]),
  );
  const names = chooseNames(description, taken);
  const relations = relationsOf(description, taken);
  const blocks = [
    ...schemaBlock(description, imports),
    ...enumBlocks(description, names, imports),
    ...description.tables.map((table) => tableBlock(description, table, names, imports)),
    ...relationBlocks(description, relations, names),
  ];
  const lines = [
    "// Made by outgrow. Columns are called as in the app's records; the SQL names stand beside them.",
    ...boundNote(description),
    ...(relations.length > 0 ? ['import { relations } from "drizzle-orm";'] : []),
    ...importLines(imports),
  ];
  return `${[lines.join("\n"), ...blocks].join("\n\n")}\n`;
}

function boundNote({ bound }: Description): string[] {
  if (bound.length === 0) return [];
  const names = bound.map((name) => JSON.stringify(name)).join(", ");
  return [`// Not here, since they are the app's own already: ${names}.`];
}

function importLines(imports: Imports): string[] {
  if (imports.size === 0) return [];
  const values = [...imports]
    .sort()
    .map((name) => (name === "AnyPgColumn" ? `type ${name}` : name));
  return [
    `import {\n${values.map((name) => `  ${name},\n`).join("")}} from "drizzle-orm/pg-core";`,
  ];
}

function chooseNames(
  { tables, enums }: Description,
  taken: ReadonlyMap<string, Set<string>>,
): Names {
  const constants = new Set([...MODULE_NAMES.split(" "), ...JS_RESERVED]);
  const chosen = new Map<string, string>();
  const columns = new Map<string, ReadonlyMap<string, string>>();
  for (const { name, property, columns: list } of tables) {
    chosen.set(name, constantName(constants, property, name, "Table"));
    const used = taken.get(name) ?? new Set();
    columns.set(
      name,
      new Map(
        list.map((column) => {
          const fallback = asciiCamelCase(column.name) || "column";
          return [column.name, freeName(used, [column.property, fallback])];
        }),
      ),
    );
  }
  const types = enums.map(
    ({ name }) => [name, constantName(constants, name, name, "Enum")] as const,
  );
  const walks = [...chosen].map(([name, constant]) => {
    return [name, freeName(constants, [`${constant}Relations`])] as const;
  });
  return { tables: chosen, relations: new Map(walks), enums: new Map(types), columns };
}

function constantName(
  taken: Set<string>,
  property: string,
  sqlName: string,
  ending: string,
): string {
  const own = isIdentifier(property) ? property : "";
  const camel = asciiCamelCase(property);
  const plain = isIdentifier(camel) ? camel : asciiCamelCase(sqlName);
  const safe = isIdentifier(plain) ? plain : `${ending.toLowerCase()}${plain}`;
  // An enum and a table are often called alike: `Role`, `roles`.
  return freeName(
    taken,
    ending === "Enum" ? [`${safe}${ending}`] : [own, safe, `${safe}${ending}`],
  );
}

function schemaBlock({ schema }: Description, imports: Imports): string[] {
  if (schema === "public") return [];
  imports.add("pgSchema");
  return [`export const appSchema = pgSchema(${JSON.stringify(schema)});`];
}

function enumBlocks({ enums }: Description, names: Names, imports: Imports): string[] {
  return enums.map(({ name, schema, labels }) => {
    const isPublic = schema === "public";
    imports.add(isPublic ? "pgEnum" : "pgSchema");
    const make = isPublic ? "pgEnum" : `pgSchema(${JSON.stringify(schema)}).enum`;
    const values = labels.map((label) => JSON.stringify(label)).join(", ");
    return `export const ${names.enums.get(name)} = ${make}(${JSON.stringify(name)}, [${values}]);`;
  });
}

function tableBlock(
  description: Description,
  table: DescribedTable,
  names: Names,
  imports: Imports,
): string {
  if (description.schema === "public") imports.add("pgTable");
  const make = description.schema === "public" ? "pgTable" : "appSchema.table";
  const [onlyKey, ...moreKeys] = table.primaryKey;
  const columns = table.columns.map((column) => {
    const isKey = moreKeys.length === 0 && column.name === onlyKey;
    const builder = columnBuilder(
      { ...column, nullable: column.nullable || isKey },
      imports,
      names.enums,
    );
    const property = names.columns.get(table.name)?.get(column.name) ?? column.name;
    return `    ${propertyKey(property)}: ${builder}${isKey ? ".primaryKey()" : ""},\n`;
  });
  const extras = tableExtras(description, table, names, imports);
  const extra =
    extras.length === 0
      ? ""
      : `  (t) => [\n${extras.map((line) => `    ${line},\n`).join("")}  ],\n`;
  const start = `export const ${names.tables.get(table.name)} = ${make}(`;
  return `${start}\n  ${JSON.stringify(table.name)},\n  {\n${columns.join("")}  },\n${extra});`;
}

const propertyKey = (name: string): string => (isIdentifier(name) ? name : JSON.stringify(name));

function access(base: string, property: string): string {
  return isIdentifier(property) ? `${base}.${property}` : `${base}[${JSON.stringify(property)}]`;
}

function tableExtras(
  description: Description,
  table: DescribedTable,
  names: Names,
  imports: Imports,
): string[] {
  const own = columnAccess(names, table.name, "t");
  const extras: string[] = [];
  if (table.primaryKey.length > 1) {
    imports.add("primaryKey");
    const name = JSON.stringify(primaryKeyName(table.name));
    extras.push(`primaryKey({ name: ${name}, columns: [${own(table.primaryKey)}] })`);
  }
  for (const foreignKey of description.foreignKeys) {
    if (foreignKey.table !== table.name || !names.tables.has(foreignKey.to.table)) continue;
    imports.add("foreignKey");
    extras.push(foreignKeyCall(description, foreignKey, names, imports));
  }
  for (const { table: of, name, columns, unique } of description.indexes) {
    if (of !== table.name) continue;
    const builder = unique ? "uniqueIndex" : "index";
    imports.add(builder);
    extras.push(`${builder}(${JSON.stringify(name)}).on(${own(columns)})`);
  }
  return extras;
}

function columnAccess(
  names: Names,
  table: string,
  base = names.tables.get(table) ?? table,
): (columns: readonly string[]) => string {
  const properties = names.columns.get(table);
  return (columns) => columns.map((name) => access(base, properties?.get(name) ?? name)).join(", ");
}

function foreignKeyCall(
  { tables }: Description,
  { name, table, columns, to, onDelete }: DescribedForeignKey,
  names: Names,
  imports: Imports,
): string {
  const order = (wanted: string): number => tables.findIndex((one) => one.name === wanted);
  const isSelf = to.table === table;
  const list = `[${columnAccess(names, to.table, isSelf ? "t" : undefined)(to.columns)}]`;
  let foreign = list;
  if (order(to.table) > order(table)) {
    // A table further down may refer back to this one: with a type of its own, neither waits for the other's.
    imports.add("AnyPgColumn");
    const types = to.columns.map(() => "AnyPgColumn").join(", ");
    foreign = `((): [${types}] => ${list})()`;
  }
  const parts = [
    `name: ${JSON.stringify(name)}`,
    `columns: [${columnAccess(names, table, "t")(columns)}]`,
    `foreignColumns: ${foreign}`,
  ];
  const action = onDelete === "no action" ? "" : `.onDelete(${JSON.stringify(onDelete)})`;
  return `foreignKey({ ${parts.join(", ")} })${action}`;
}

function relationBlocks(
  { tables }: Description,
  relations: readonly Relation[],
  names: Names,
): string[] {
  return tables.flatMap(({ name }) => {
    const own = relations.flatMap((relation) => relationLines(relation, name, names));
    if (own.length === 0) return [];
    const constant = names.tables.get(name);
    const helpers = ["one", "many"].filter((helper) =>
      own.some((line) => line.includes(`: ${helper}(`)),
    );
    const fields = own.map((line) => `  ${line},\n`).join("");
    const start = `export const ${names.relations.get(name)} = relations(${constant}, `;
    return [`${start}({ ${helpers.join(", ")} }) => ({\n${fields}}));`];
  });
}

function relationLines(relation: Relation, table: string, names: Names): string[] {
  const { foreignKey, from, to, forth, back, single } = relation;
  const relationName = JSON.stringify(foreignKey.name);
  const here = columnAccess(names, from.name)(foreignKey.columns);
  const there = columnAccess(names, to.name)(foreignKey.to.columns);
  const one = (other: string, fields: string, references: string): string => {
    const options = `relationName: ${relationName}, fields: [${fields}], references: [${references}]`;
    return `one(${names.tables.get(other)}, { ${options} })`;
  };
  const lines: string[] = [];
  if (from.name === table) lines.push(`${propertyKey(forth)}: ${one(to.name, here, there)}`);
  if (to.name === table) {
    const many = `many(${names.tables.get(from.name)}, { relationName: ${relationName} })`;
    // With a name, Drizzle wants the columns of both sides of a `one`.
    lines.push(`${propertyKey(back)}: ${single ? one(from.name, there, here) : many}`);
  }
  return lines;
}
