/** The TypeScript that `outgrow init` writes: configuration, collections with their types, and a storage.ts. */
import type { InspectedCollection, InspectedProperty, Inspection } from "../transfer/inspect.ts";

const identifier = /^[A-Za-z_$][\w$]*$/;

function words(name: string): string[] {
  return name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
}

function pascal(name: string): string {
  const joined = words(name)
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join("");
  return /^[A-Z]/.test(joined) ? joined : `Collection${joined}`;
}

function camel(name: string): string {
  const joined = pascal(name);
  return `${joined[0]?.toLowerCase()}${joined.slice(1)}`;
}

/** `entries` -> `Entry`, `users` -> `User`: what one record is called. */
function singular(name: string): string {
  return pascal(name)
    .replace(/ies$/, "y")
    .replace(/([^s])s$/, "$1");
}

/** Names in the order of the collections, told apart where two fall together. */
function unique(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let candidate = name;
    for (let number = 2; taken.has(candidate); number++) candidate = `${name}${number}`;
    taken.add(candidate);
    return candidate;
  });
}

interface Names {
  readonly collection: InspectedCollection;
  readonly type: string;
  readonly variable: string;
}

function named(inspection: Inspection): Names[] {
  const types = unique(inspection.collections.map(({ name }) => singular(name)));
  const variables = unique(inspection.collections.map(({ name }) => camel(name)));
  return inspection.collections.map((collection, index) => ({
    collection,
    type: types[index] as string,
    variable: variables[index] as string,
  }));
}

export function configModule(sources: readonly string[], inspection: Inspection): string {
  const layouts = Object.fromEntries(
    inspection.collections.map(({ name, layout }) => [name, layout]),
  );
  const source = sources.length === 1 ? sources[0] : sources;
  return `import { defineConfig } from "outgrow";

// How the records of each collection lie in Postgres, as inferred. A column may be renamed or taken out: what no
// column holds is kept in the column \`rest\`, so every record can be rebuilt exactly whatever you choose.
export default defineConfig({
  source: ${JSON.stringify(source)},
  move: ${JSON.stringify(inspection.name)},
  layouts: ${JSON.stringify(layouts, null, 2).replaceAll("\n", "\n  ")},
});
`;
}

export function collectionsModule(inspection: Inspection): string {
  const parts = named(inspection).map(({ collection, type, variable }) => {
    const { key, name, properties } = collection;
    const keyOf =
      key.from === "property" && key.path.length === 1
        ? JSON.stringify(key.path[0])
        : `() => {\n    throw new TypeError(${JSON.stringify(`Records of ${name} have no key of their own: decide on one here.`)});\n  }`;
    return `export interface ${type} {
${properties.map((property) => `  ${member(property, collection)}`).join("\n")}
}

export const ${variable} = collection(${JSON.stringify(name)}, {
  schema: shape<${type}>({
${properties.map((property) => `    ${propertyName(property.name)}: ${JSON.stringify(kinds(property, collection))},`).join("\n")}
  }),
  key: ${keyOf},
});
`;
  });
  return `import { collection, shape } from "outgrow";\n\n${parts.join("\n")}`;
}

function propertyName(name: string): string {
  return identifier.test(name) ? name : JSON.stringify(name);
}

const TYPES: Readonly<Record<string, string>> = {
  string: "string",
  integer: "number",
  number: "number",
  boolean: "boolean",
  null: "null",
  object: "object",
  array: "unknown[]",
};
const KINDS: Readonly<Record<string, string>> = { integer: "number" };

function isOptional(property: InspectedProperty, { records }: InspectedCollection): boolean {
  const present = Object.values(property.kinds).reduce((sum, times) => sum + times, 0);
  return present < records || property.kinds["undefined"] !== undefined;
}

function member(property: InspectedProperty, collection: InspectedCollection): string {
  const optional = isOptional(property, collection) ? "?" : "";
  const types = Object.keys(property.kinds)
    .filter((kind) => kind !== "undefined")
    .map((kind) => TYPES[kind] ?? "unknown");
  const type = [...new Set(types)].join(" | ") || "undefined";
  return `${propertyName(property.name)}${optional}: ${type};`;
}

function kinds(property: InspectedProperty, collection: InspectedCollection): string[] {
  const found = Object.keys(property.kinds).map((kind) =>
    TYPES[kind] === undefined ? "unknown" : (KINDS[kind] ?? kind),
  );
  return [...new Set(found), ...(isOptional(property, collection) ? ["?"] : [])];
}

export function storageModule(inspection: Inspection): string {
  const names = named(inspection);
  const functions = names.map(({ type, variable }) => {
    const plural = pascal(variable);
    return `export async function get${type}(key: Key): Promise<${type} | undefined> {
  return (await store()).collection(${variable}).get(key);
}

export async function save${type}(record: ${type}): Promise<${type}> {
  return (await store()).collection(${variable}).put(record);
}

export async function delete${type}(key: Key): Promise<boolean> {
  return (await store()).collection(${variable}).delete(key);
}

export async function all${plural}(): Promise<${type}[]> {
  const records: ${type}[] = [];
  for await (const batch of (await store()).collection(${variable}).batches()) records.push(...batch);
  return records;
}
`;
  });
  const imports = names.flatMap(({ type, variable }) => [`type ${type}`, variable]).join(", ");
  return `import { type Key, openStore, openTarget, type Store } from "outgrow";
import { ${imports} } from "./collections.js";

let opened: Promise<Store> | undefined;

function store(): Promise<Store> {
  opened ??= openTarget(process.env["DATABASE_URL"] || "pglite:.outgrow/data").then((target) =>
    openStore(target, { move: ${JSON.stringify(inspection.name)} }),
  );
  return opened;
}

${functions.join("\n")}`;
}
