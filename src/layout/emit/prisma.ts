/** The tables of a move as a Prisma schema, for Prisma 6 and 7. */
import { prismaDefault, prismaText, prismaType } from "./prisma-columns.ts";
import { asciiCamelCase, freeName, JS_RESERVED, upperFirst } from "./property-names.ts";
import { isKeyOf, type Relation, relationsOf } from "./relations.ts";
import {
  type DescribedColumn,
  type DescribedTable,
  type Description,
  describeTables,
  type EmitInput,
  primaryKeyName,
} from "./tables.ts";

export interface PrismaOptions {
  readonly version: 6 | 7;
  /** Where the client is generated, seen from the schema file. Prisma 6 puts it into node_modules without. */
  readonly output?: string | undefined;
}

/** Types that Prisma knows, names that its client takes, and globals which a generated class would hide. */
const MODEL_NAMES = [
  "String Boolean Int BigInt Float Decimal DateTime Json Bytes Unsupported Prisma PrismaClient Client",
  "Object Array Record Promise Date Error Map Set Symbol Function Number Math Buffer Uint8Array Partial Pick Omit",
  "Enumerable TypeMap NullTypes AnyNull DbNull JsonNull Models Enums Then AND OR NOT",
].join(" ");

/** Words of a `where` and an aggregate that a field would hide. */
const FIELD_NAMES = "AND OR NOT constructor prototype toString valueOf hasOwnProperty";

interface Names {
  /** By SQL name of table. */
  readonly models: ReadonlyMap<string, string>;
  readonly enums: ReadonlyMap<string, string>;
  /** By SQL name of table, then of column. */
  readonly fields: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The text of a schema.prisma. */
export function prismaSchema(input: EmitInput, options: PrismaOptions): string {
  const description = describeTables(input);
  const taken = new Map(
    description.tables.map(({ name }) => [name, new Set(FIELD_NAMES.split(" "))]),
  );
  const names = chooseNames(description, taken);
  const relations = relationsOf(description, taken).filter(
    ({ foreignKey, from, to }) =>
      isKeyOf(description, to, foreignKey.to.columns) &&
      !isIgnored(from) &&
      !isIgnored(to) &&
      foreignKey.columns.every(isQuotable),
  );
  const blocks = [
    header(description),
    generatorBlock(options),
    datasourceBlock(description, options),
    ...enumBlocks(description, names),
    ...description.tables.map((table) => modelBlock(description, table, relations, names)),
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** Prisma puts names between quotes as they are: one that holds a quote would break every query. */
const isQuotable = (name: string): boolean => !name.includes('"');

const isIgnored = ({ name, primaryKey }: DescribedTable): boolean =>
  ![name, ...primaryKey].every(isQuotable);

function header({ bound }: Description): string {
  const lines = [
    "// Made by outgrow. Fields are called as in the app's records; @map gives their SQL names.",
  ];
  if (bound.length > 0) {
    lines.push(
      `// Not here, since they are the app's own already: ${bound.map(prismaText).join(", ")}.`,
    );
  }
  return lines.join("\n");
}

function generatorBlock({ version, output }: PrismaOptions): string {
  const lines =
    version === 7
      ? ['provider = "prisma-client"', `output   = ${prismaText(output ?? "./generated/prisma")}`]
      : [
          'provider   = "prisma-client-js"',
          // The client runs without a binary of Prisma's, on a driver adapter: as Prisma 7 does.
          'engineType = "client"',
          ...(output === undefined ? [] : [`output     = ${prismaText(output)}`]),
        ];
  return block("generator client", lines);
}

function datasourceBlock(description: Description, { version }: PrismaOptions): string {
  const schemas = namedSchemas(description).map(prismaText);
  return block("datasource db", [
    'provider = "postgresql"',
    // Prisma 7 wants the address in prisma.config.ts, and refuses it here.
    ...(version === 6 ? ['url      = env("DATABASE_URL")'] : []),
    ...(schemas.length === 0 ? [] : [`schemas  = [${schemas.join(", ")}]`]),
  ]);
}

const block = (head: string, lines: readonly string[]): string =>
  `${head} {\n${lines.map((line) => (line === "" ? "\n" : `  ${line}\n`)).join("")}}`;

function chooseNames(
  { tables, enums }: Description,
  taken: ReadonlyMap<string, Set<string>>,
): Names {
  const used = new Set([...MODEL_NAMES.split(" "), ...JS_RESERVED]);
  const models = new Map<string, string>();
  const files = new Set<string>();
  const fields = new Map<string, ReadonlyMap<string, string>>();
  for (const { name, property, columns } of tables) {
    const model = upperFirst(prismaName(property, name, "Model"));
    // Each model gets a file: on some systems `Id.ts` is `ID.ts`.
    const apart = [model, `${model}Model`].filter((one) => !files.has(one.toLowerCase()));
    const chosenModel = freeName(used, apart.length > 0 ? apart : [`${model}Model${files.size}`]);
    files.add(chosenModel.toLowerCase());
    models.set(name, chosenModel);
    const own = taken.get(name) ?? new Set();
    const wanted = columns.map((column) => {
      const field = prismaName(column.property, column.name, "field");
      return { column, field, isExact: field === column.property };
    });
    // What needs no change is not changed for the sake of what does.
    wanted.sort((one, other) => Number(other.isExact) - Number(one.isExact));
    const sqlNames = new Set(columns.map((column) => column.name));
    const chosen = wanted.map(({ column, field }) => {
      // No field may be called what another one is mapped to.
      const fits = (called: string): boolean => called === column.name || !sqlNames.has(called);
      const names = [field, `${field}Field`, `${field}Value`].filter(fits);
      return [column.name, freeName(own, names)] as const;
    });
    fields.set(name, new Map(chosen));
  }
  const types = enums.map(({ name }) => {
    const type = upperFirst(prismaName(name, name, "Enum"));
    return [name, freeName(used, [type, `${type}Enum`])] as const;
  });
  return { models, enums: new Map(types), fields };
}

/** Letters, digits and underscores behind a letter: the app's name where it is one. */
function prismaName(property: string, sqlName: string, prefix: string): string {
  const fits = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_]*$/.test(name);
  const found = [property, asciiCamelCase(property), asciiCamelCase(sqlName)].find(fits);
  return found ?? `${prefix}${upperFirst(asciiCamelCase(property) || asciiCamelCase(sqlName))}`;
}

function enumBlocks(description: Description, names: Names): string[] {
  return description.enums.map(({ name, schema, labels }) => {
    const model = names.enums.get(name) ?? name;
    const used = new Set(JS_RESERVED);
    const values = labels.map((label) => {
      const value = freeName(used, [prismaName(label, label, "value")]);
      return value === label ? value : `${value} @map(${prismaText(label)})`;
    });
    const map = model === name ? [] : [`@@map(${prismaText(name)})`];
    return block(`enum ${model}`, [
      ...values,
      ...withBlank([...map, ...schemaLine(description, schema)]),
    ]);
  });
}

/** Where there are others than the one that goes without saying, Prisma wants all to be said. */
function namedSchemas({ schema, enums }: Description): string[] {
  const all = [...new Set([schema, ...enums.map((type) => type.schema)])];
  return all.every((name) => name === "public") ? [] : all;
}

const schemaLine = (description: Description, schema: string): string[] =>
  namedSchemas(description).length === 0 ? [] : [`@@schema(${prismaText(schema)})`];

const withBlank = (lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ["", ...lines];

function modelBlock(
  description: Description,
  table: DescribedTable,
  relations: readonly Relation[],
  names: Names,
): string {
  const model = names.models.get(table.name) ?? table.name;
  const fields = table.columns.map((column) => columnLine(table, column, names));
  const walks = relations.flatMap((relation) => relationLines(relation, table, names));
  const list = fieldList(names, table.name);
  const attributes: string[] = [];
  if (table.primaryKey.length > 1) {
    const map = prismaText(primaryKeyName(table.name));
    attributes.push(`@@id([${list(table.primaryKey)}], map: ${map})`);
  }
  for (const { table: of, name, columns, unique } of description.indexes) {
    if (of !== table.name) continue;
    const kind = unique ? "@@unique" : "@@index";
    attributes.push(`${kind}([${list(columns)}], map: ${prismaText(name)})`);
  }
  if (isIgnored(table)) attributes.push("@@ignore");
  if (model !== table.name) attributes.push(`@@map(${prismaText(table.name)})`);
  attributes.push(...schemaLine(description, description.schema));
  return block(`model ${model}`, [...fields, ...withBlank(walks), ...withBlank(attributes)]);
}

function columnLine(table: DescribedTable, column: DescribedColumn, names: Names): string {
  const field = names.fields.get(table.name)?.get(column.name) ?? column.name;
  const { type, native } = prismaType(column, names.enums);
  const isKey = table.primaryKey.length === 1 && table.primaryKey[0] === column.name;
  const parts = [
    field,
    type,
    isKey ? "@id" : undefined,
    prismaDefault(column),
    field === column.name ? undefined : `@map(${prismaText(column.name)})`,
    native,
    isKey || isQuotable(column.name) ? undefined : "@ignore",
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}

function fieldList(names: Names, table: string): (columns: readonly string[]) => string {
  const fields = names.fields.get(table);
  return (columns) => columns.map((name) => fields?.get(name) ?? name).join(", ");
}

function relationLines(relation: Relation, table: DescribedTable, names: Names): string[] {
  const { foreignKey, from, to, forth, back, single, optional } = relation;
  const name = prismaText(foreignKey.name);
  const lines: string[] = [];
  if (from.name === table.name) {
    const parts = [
      name,
      `fields: [${fieldList(names, from.name)(foreignKey.columns)}]`,
      `references: [${fieldList(names, to.name)(foreignKey.to.columns)}]`,
      `onDelete: ${deleteAction(relation)}`,
      "onUpdate: NoAction",
      `map: ${name}`,
    ];
    const type = `${names.models.get(to.name)}${optional ? "?" : ""}`;
    lines.push(`${forth} ${type} @relation(${parts.join(", ")})`);
  }
  if (to.name === table.name) {
    const type = `${names.models.get(from.name)}${single ? "?" : "[]"}`;
    lines.push(`${back} ${type} @relation(${name})`);
  }
  return lines;
}

function deleteAction({ foreignKey: { onDelete, setNull } }: Relation): string {
  if (onDelete === "cascade") return "Cascade";
  // Prisma cannot say that only some columns are set: the database does it all the same.
  return onDelete === "set null" && setNull === undefined ? "SetNull" : "NoAction";
}

export interface PrismaConfigOptions {
  /** The schema file, seen from prisma.config.ts. */
  readonly schema?: string | undefined;
  /** Prisma 6 only. `js` needs no binary of Prisma's; `migrate` and `db` are experimental with it. */
  readonly engine?: "classic" | "js" | undefined;
}

/** The text of a prisma.config.ts. */
export function prismaConfig(version: 6 | 7, options: PrismaConfigOptions = {}): string {
  const { schema = "prisma/schema.prisma", engine = "classic" } = options;
  const note =
    "// For generate and migrate: the direct address, since a pooler refuses what they do.";
  const address = 'process.env["DIRECT_URL"] ?? process.env["DATABASE_URL"] ?? ""';
  const isAdapter = version === 6 && engine === "js";
  const imports = [
    ...(isAdapter ? ['import { PrismaPg } from "@prisma/adapter-pg";'] : []),
    'import { defineConfig } from "prisma/config";',
  ];
  const fields = [
    `schema: ${JSON.stringify(schema)}`,
    ...(version === 6 ? [`engine: ${JSON.stringify(engine)}`] : []),
    ...(isAdapter
      ? [
          "experimental: { adapter: true }",
          "adapter: async () => new PrismaPg({ connectionString: url })",
        ]
      : ["datasource: { url }"]),
  ];
  const config = `export default defineConfig({\n${fields.map((field) => `  ${field},\n`).join("")}});`;
  return `${imports.join("\n")}\n\n${note}\nconst url = ${address};\n\n${config}\n`;
}
