/** Which column of a table that is there already holds a collection's keys, and how. */
import { chooseCodec, sqlTypeOf } from "./bind-codec.ts";
import { matchNames } from "./bind-names.ts";
import type { BindOptions, Findings } from "./bind-types.ts";
import type { CatalogColumn, CatalogKey, CatalogTable } from "./catalog.ts";
import { inferKey } from "./infer-key.ts";
import type { KeyColumn, KeyRule } from "./layout.ts";
import type { CollectionProfile, KeyProfile, PropertyProfile } from "./profile.ts";
import type { Kind } from "./profile-properties.ts";

export interface BoundKey {
  readonly rule: KeyRule;
  readonly column: KeyColumn;
  readonly tenantColumn: string | undefined;
}

/** The names that a leading key column may have to be taken for the tenant's without being told. */
const TENANT = /^tenant_?(id)?$/i;

export function bindKey(
  profile: CollectionProfile,
  table: CatalogTable,
  options: BindOptions,
  findings: Findings,
): BoundKey | undefined {
  const parts = keyParts(table, options, findings);
  if (parts === undefined) return undefined;
  const { tenant, key } = parts;
  const inferred = namedKey(profile, options) ?? inferKey(profile);
  const { rule } = inferred;
  if (options.key !== undefined && rule.from === "property") {
    findings.choose(
      table.name,
      `known by ${rule.path.join(".")}`,
      `it lies in ${key.name}, which the options name`,
    );
  }
  if (rule.from === "position") {
    findings.choose(table.name, "known by their place", "no property of the records is a key");
  }
  const column = keyColumn(profile, table, key, inferred, options, findings);
  if (column === undefined) return undefined;
  sayWhatCounts(key, findings, table);
  return { rule, column, tenantColumn: tenant };
}

/** The property that lies in the column which the options name; `undefined` where the records have none for it. */
function namedKey(
  profile: CollectionProfile,
  { key, columns }: BindOptions,
): KeyAtHand | undefined {
  if (key === undefined) return undefined;
  const said = columns?.[key] ?? undefined;
  const named = matchNames([key], [...profile.properties.keys()]).pairs.get(key);
  const path = said ?? (named === undefined ? undefined : [named]);
  if (path === undefined) return undefined;
  const rule: KeyRule = { from: "property", path };
  const seen = profile.keys.find((one) => one.path.join("\u0000") === path.join("\u0000"));
  const property = path.length === 1 ? profile.properties.get(path[0] as string) : undefined;
  return { rule, profile: seen ?? (property && keysIn(property, profile)) };
}

/** What was seen of a property, as of a key. */
function keysIn({ name, kinds, uuids }: PropertyProfile, { notices }: CollectionProfile): SeenKeys {
  const of = (kind: Kind): number => kinds.get(kind) ?? 0;
  const noticed = notices.get(name);
  return {
    strings: of("string"),
    integers: of("integer"),
    numbers: of("number"),
    others: of("date") + of("array"),
    uuids,
    unclean: (noticed?.get("STR_NUL") ?? 0) + (noticed?.get("STR_SURROGATE") ?? 0),
  };
}

/** The tenant's and the key's columns, out of the primary key or of what the options name. */
function keyParts(
  table: CatalogTable,
  options: BindOptions,
  findings: Findings,
): { readonly tenant: string | undefined; readonly key: CatalogColumn } | undefined {
  const unique = uniqueKey(table, options, findings);
  if (unique === undefined) return undefined;
  const { columns, deferrable } = unique;
  const [first = "", second] = columns;
  const tenant =
    options.tenantColumn ??
    (columns.length === 2 && options.key === undefined && TENANT.test(first) ? first : undefined);
  const name = tenant === undefined ? first : second;
  const column = table.columns.find((one) => one.name === name);
  if (
    columns.length !== (tenant === undefined ? 1 : 2) ||
    column === undefined ||
    (tenant ?? first) !== first
  ) {
    findings.problem("COMPOUND_KEY", table.name, undefined, {
      message: `The key of ${table.name} is (${columns.join(", ")}), and a record has one key${tenant === undefined ? "" : `, behind the tenant in ${tenant}`}.`,
      next: "Name a unique column that holds the records' key (key), or the tenant's column that leads it (tenantColumn).",
    });
    return undefined;
  }
  if (deferrable) {
    findings.problem("NO_KEY", table.name, name, {
      message: `${unique.name} is deferrable, and Postgres cannot decide by it whether a record is there already.`,
      next: "Make it not deferrable, or name another unique column (key).",
    });
    return undefined;
  }
  return isTenant(table, tenant, findings) ? { tenant, key: column } : undefined;
}

function isTenant(table: CatalogTable, tenant: string | undefined, findings: Findings): boolean {
  if (tenant === undefined) return true;
  const column = table.columns.find(({ name }) => name === tenant);
  const isText =
    column !== undefined && sqlTypeOf(column) === "text" && column.base !== "character";
  if (!isText || column.enumLabels !== undefined) {
    findings.problem("KEY_TYPE", table.name, tenant, {
      message: `A tenant's name is text, and ${tenant} is ${column?.type ?? "not there"}.`,
      next: "Bind to a table whose tenant's column is text.",
    });
    return false;
  }
  findings.choose(`${table.name}.${tenant}`, "the tenant", "it leads the key");
  return true;
}

function uniqueKey(
  table: CatalogTable,
  { key, tenantColumn }: BindOptions,
  findings: Findings,
): CatalogKey | undefined {
  const all = [table.primaryKey, ...table.unique].filter((one) => one !== undefined);
  const isJust = (columns: readonly string[], ...wanted: readonly string[]): boolean =>
    columns.length === wanted.length && wanted.every((name, at) => name === columns[at]);
  const ending = all.filter(({ columns }) => columns.at(-1) === key && columns.length <= 2);
  // Unique by itself says more than unique beside another; beside the tenant is what a tenant's table wants.
  const wanted = [...(tenantColumn === undefined ? [] : [tenantColumn]), key ?? ""];
  const found =
    key === undefined
      ? table.primaryKey
      : (ending.find(({ columns }) => isJust(columns, ...wanted)) ?? ending[0]);
  if (found !== undefined) return found;
  findings.problem("NO_KEY", table.name, key, {
    message:
      key === undefined
        ? `${table.name} has no primary key: nothing would say which row is which record's.`
        : `${key} is not unique in ${table.name}: nothing would say which row is which record's.`,
    next:
      key === undefined
        ? "Give it a primary key, or name a unique column that holds the records' key (key)."
        : `Make it so: alter table ${table.name} add unique (${key}).`,
  });
  return undefined;
}

/** What was seen of keys. */
type SeenKeys = Pick<
  KeyProfile,
  "strings" | "integers" | "numbers" | "others" | "uuids" | "unclean"
>;

/** The records' key, and what was seen of it. */
type KeyAtHand = { readonly rule: KeyRule; readonly profile: SeenKeys | undefined };

const NOT_SEEN: SeenKeys = {
  strings: 0,
  integers: 0,
  numbers: 0,
  others: 0,
  uuids: 0,
  unclean: 0,
};

function keyColumn(
  profile: CollectionProfile,
  table: CatalogTable,
  column: CatalogColumn,
  { rule, profile: seen = NOT_SEEN }: KeyAtHand,
  options: BindOptions,
  findings: Findings,
): KeyColumn | undefined {
  const keys = rule.from === "position" ? { ...NOT_SEEN, integers: profile.records } : seen;
  const { name } = column;
  const type = column.enumLabels === undefined && !column.generated ? sqlTypeOf(column) : undefined;
  const where = `${table.name}.${name}`;
  const all = keys.strings + keys.integers + keys.numbers + keys.others;
  const refuse = (message: string, isSome = false): undefined => {
    const others = isSome ? "; or set them aside: setAsideKeys: true" : "";
    findings.problem("KEY_TYPE", table.name, name, {
      message,
      next: `Bind to a table whose key is text or a UUID, or name a unique column that holds the records' key (key)${others}.`,
    });
    return undefined;
  };
  /** Whether the options have those set aside whose keys the column cannot hold, and others are left. */
  const spared = (misfits: number, is: string, are: string): boolean => {
    const some = `${misfits} of ${all} keys ${misfits === 1 ? is : are}, and ${where} is ${column.type}`;
    if (!options.setAsideKeys || misfits === all) {
      refuse(`${some}: those records would be set aside.`, misfits < all);
      return false;
    }
    findings.note("KEY_TYPE", table.name, name, {
      message: `${some}: those records are set aside.`,
      next: "Look at them in quarantine (KEY_TYPE) behind the copy.",
    });
    return true;
  };
  switch (type) {
    case "text":
      return textKey(profile, table, column, rule, keys, findings, refuse);
    case "uuid":
      return uuidKey(name, where, all, keys.uuids, findings);
    case "bigint":
    case "integer":
    case "smallint": {
      const misfits = all - keys.integers;
      if (misfits > 0 && !spared(misfits, "is no whole number", "are no whole numbers")) {
        return undefined;
      }
      const range = type === "bigint" ? "" : `; records with keys beyond ${type} are set aside`;
      const which = misfits > 0 ? `${keys.integers} of ${all}` : "all";
      findings.choose(where, "integer", `${which} keys are whole numbers${range}`);
      return type === "bigint" ? { name, codec: "integer" } : { name, codec: "integer", type };
    }
    case "double precision":
    case "real": {
      const misfits = keys.strings + keys.others;
      if (misfits > 0 && !spared(misfits, "is no number", "are no numbers")) return undefined;
      const which = misfits > 0 ? `${all - misfits} of ${all}` : "all";
      findings.choose(where, "number", `${which} keys are numbers`);
      return type === "real" ? { name, codec: "number", type } : { name, codec: "number" };
    }
    default:
      return refuse(
        `No key is written to ${column.type}${column.generated ? ", which the database computes" : ""} (${where}).`,
      );
  }
}

function uuidKey(
  name: string,
  where: string,
  all: number,
  uuids: number,
  findings: Findings,
): KeyColumn {
  if (all > 0 && uuids === all) {
    findings.choose(where, "uuid", "all keys are UUIDs");
    return { name, codec: "uuid" };
  }
  const others = `${all - uuids} of ${all} keys are no UUIDs: one made from the key stands for each`;
  const none = "no key was seen; a UUID stands for what is none";
  findings.choose(where, "derived-uuid", all === 0 ? none : others);
  return { name, codec: "derived-uuid" };
}

function textKey(
  profile: CollectionProfile,
  table: CatalogTable,
  column: CatalogColumn,
  rule: KeyRule,
  keys: SeenKeys,
  findings: Findings,
  refuse: (message: string) => undefined,
): KeyColumn | undefined {
  const { name, limit, base } = column;
  const where = `${table.name}.${name}`;
  if (base === "character" && limit !== undefined) {
    return refuse(`${where} is ${column.type}, which pads keys with blanks.`);
  }
  if (base === "citext" || column.looseEquality) {
    findings.note("UNIQUE", table.name, name, {
      message: `To ${where}, keys that differ in their case or accents may be the same: the second record is refused.`,
      next: "Nothing, if the app sees it that way.",
    });
  }
  const isText = keys.integers + keys.numbers + keys.others + keys.unclean === 0;
  const codec = isText && rule.from !== "position" ? "text" : "ledger-key";
  const property = rule.from === "property" ? rule.path.join(".") : "";
  const longest = profile.properties.get(property)?.longestText ?? 0;
  if (limit !== undefined && (codec === "ledger-key" || longest > limit)) {
    return refuse(`${where} is ${column.type}, and keys may be longer than that.`);
  }
  const choice = chooseCodec(column, undefined);
  const sqlType = "written" in choice ? choice.written.sqlType : undefined;
  const why = isText
    ? "keys are text"
    : "keys of several types are held in tagged form, such as n for numbers";
  findings.choose(where, codec, why);
  if (!isText) {
    findings.note("KEY_TYPE", table.name, name, {
      message: `${keys.integers + keys.numbers + keys.others} keys are no text: ${where} holds all keys in tagged form, which the app does not know.`,
      next: "Bind to a table whose key is of the records' own type, if the app is to read it by SQL.",
    });
  }
  return sqlType === undefined ? { name, codec } : { name, codec, sqlType };
}

function sayWhatCounts(column: CatalogColumn, findings: Findings, table: CatalogTable): void {
  if (column.sequence === undefined && column.identity === undefined) return;
  findings.choose(
    column.sequence ?? `${table.name}.${column.name}`,
    "raised to the highest key behind the copy",
    `${table.name}.${column.name} counts by itself, and the records bring their own keys`,
  );
}
