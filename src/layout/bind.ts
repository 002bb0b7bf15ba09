/**
 * A layout for tables that are there already, made by somebody else and left as they are. Names and types decide
 * what lies where; whatever no column holds stays in the rest. What may go wrong is said before anything is written.
 */
import type { ParentTable } from "./bind-child-key.ts";
import { ChildBinder } from "./bind-children.ts";
import { chooseCodec, sqlTypeOf } from "./bind-codec.ts";
import { bindColumns } from "./bind-column.ts";
import { fillCell } from "./bind-fill.ts";
import { type BoundKey, bindKey } from "./bind-key.ts";
import { tablesFor } from "./bind-names.ts";
import { sayWhatMayConflict } from "./bind-notes.ts";
import { type BindOptions, type Bound, Findings } from "./bind-types.ts";
import type { Catalog, CatalogTable } from "./catalog.ts";
import type { Column, ConstantColumn, Layout } from "./layout.ts";
import type { CollectionProfile } from "./profile.ts";

export type { BindOptions, BindProblem, Bound } from "./bind-types.ts";

/** @param options.collections of all collections of the move: they say what foreign keys refer to. */
export function bindLayout(
  profile: CollectionProfile,
  catalog: Catalog,
  options: BindOptions = {},
): Bound {
  const findings = new Findings();
  const table = findTable(profile.name, catalog, options, findings);
  const key = table && bindKey(profile, table, options, findings);
  const layout =
    table === undefined || key === undefined
      ? undefined
      : layoutFor(profile, catalog, withItself(options, table, profile.name), findings, table, key);
  return { layout, problems: findings.problems, choices: findings.choices };
}

/** A table may refer to itself. */
function withItself(options: BindOptions, table: CatalogTable, collection: string): BindOptions {
  return { ...options, collections: { ...options.collections, [table.name]: collection } };
}

function findTable(
  name: string,
  { tables, schema }: Catalog,
  { table, collections = {} }: BindOptions,
  findings: Findings,
): CatalogTable | undefined {
  const said = table ?? Object.keys(collections).find((one) => collections[one] === name);
  const free = tables.map((one) => one.name).filter((one) => collections[one] === undefined);
  const found = said === undefined ? tablesFor(name, free) : [said];
  const [first] = found;
  const at = tables.find((one) => one.name === first);
  if (at !== undefined && found.length === 1) {
    findings.choose(name, at.name, said === undefined ? "by its name" : "as the options say");
    return at;
  }
  const next = `Name it: table: ${JSON.stringify(found[0] ?? "…")}.`;
  findings.problem("NO_TABLE", first ?? name, undefined, {
    message:
      found.length > 1
        ? `${name} may lie in ${found.join(" or ")}.`
        : `There is no table ${first ?? `that ${name} would lie in`} in the schema ${schema}.`,
    next,
  });
  return undefined;
}

function layoutFor(
  profile: CollectionProfile,
  catalog: Catalog,
  options: BindOptions,
  findings: Findings,
  table: CatalogTable,
  { rule, column: key, tenantColumn }: BoundKey,
): Layout {
  const constants = constantsOf(table, options, findings);
  const rest = restOf(table, key.codec === "derived-uuid", options, findings);
  const special = [key.name, tenantColumn, rest, ...constants.map(({ name }) => name)];
  const used = new Set(special.filter((name) => name !== undefined));
  const shape = profile.records === 0 ? undefined : profile;
  const root: ParentTable = {
    table,
    shape,
    key: [key.name],
    tenant: tenantColumn,
    called: [table.name, profile.name],
    path: [],
    isSingle: true,
    isCounted: false,
  };
  const binder = new ChildBinder(catalog, options, findings, table);
  const children = binder.choose(root);
  const columns = bindColumns({
    table,
    shape,
    owners: profile.records,
    paths: options.columns ?? {},
    used,
    children: children.map((child) => ({ path: child.path, table: child.table.name })),
    own: rule.from === "property" && rule.path.length === 1 ? rule.path[0] : undefined,
    tenant: tenantColumn,
    isSimple: table.primaryKey?.columns.length === 1 && table.primaryKey.columns[0] === key.name,
    catalog,
    prefix: "",
    options,
    findings,
  });
  for (const child of children) binder.add(child, 0);
  binder.sayWhatIsLeft();
  note(table, [...used], columns, key.name, findings);
  for (const [at, child] of binder.tables.entries()) {
    const own = child.key.by === "own" ? [child.key.column, child.key.parent] : child.key.parent;
    const leading = [...own, child.key.place, child.tenantColumn].filter(
      (name) => name !== undefined,
    );
    note(binder.bound[at] as CatalogTable, leading, child.columns, own[0] as string, findings);
  }
  return {
    version: 2,
    collection: profile.name,
    key: rule,
    tables: [
      {
        name: table.name,
        bound: true,
        ...(tenantColumn === undefined ? {} : { tenantColumn }),
        key,
        ...(constants.length === 0 ? {} : { constants }),
        columns,
        ...(rest === undefined ? {} : { restColumn: rest }),
      },
      ...binder.tables,
    ],
  };
}

function note(
  table: CatalogTable,
  leading: readonly string[],
  columns: readonly Column[],
  key: string,
  findings: Findings,
): void {
  const written = new Set([...leading, ...columns.map(({ name }) => name)]);
  const filled = columns.filter(({ fill }) => fill !== undefined).map(({ name }) => name);
  sayWhatMayConflict(table, written, new Set(filled), key, findings);
}

function constantsOf(
  table: CatalogTable,
  { constants = {} }: BindOptions,
  findings: Findings,
): ConstantColumn[] {
  return Object.entries(constants).flatMap(([name, said]): ConstantColumn[] => {
    const column = table.columns.find((one) => one.name === name);
    const type = column === undefined ? undefined : sqlTypeOf(column);
    const choice = column === undefined ? undefined : chooseCodec(column, undefined);
    if (column === undefined || type === undefined) {
      findings.problem("NO_COLUMN", table.name, name, {
        message: `${table.name} has no column ${name} of a type that we write.`,
        next: "Correct its name in `constants`.",
      });
      return [];
    }
    const written = choice !== undefined && "written" in choice ? choice.written : undefined;
    const cell = written === undefined ? undefined : fillCell(said, column, written);
    if (cell === undefined || column.generated) {
      findings.problem("FILL", table.name, name, {
        message: `The constant for ${name} is nothing that ${column.type} holds.`,
        next: "Correct it in `constants`.",
      });
      return [];
    }
    findings.choose(`${table.name}.${name}`, "the same in all rows", "as the options say");
    return [{ name, type, cell }];
  });
}

/** Where a UUID stands for a key, only the ledger knows the key, and it keeps it beside the rest. */
function restOf(
  table: CatalogTable,
  isDerived: boolean,
  { rest }: BindOptions,
  findings: Findings,
): string | undefined {
  if (rest === undefined) {
    findings.choose(table.name, "the rest lies in outgrow.rest", "the table has no column for it");
    return undefined;
  }
  const column = table.columns.find(({ name }) => name === rest);
  // jsonb would lose the order of names, and cannot hold all that the rest says.
  if (column?.base === "json" && !column.notNull && !isDerived) return rest;
  findings.problem("TYPE", table.name, rest, {
    message: isDerived
      ? `The rest cannot lie in ${rest} while UUIDs stand for keys: the ledger keeps both together.`
      : `The rest needs a column of type json that takes NULL, and ${rest} is ${column?.type ?? "not there"}.`,
    next: "Leave `rest` out: the rest then lies in outgrow.rest.",
  });
  return undefined;
}
