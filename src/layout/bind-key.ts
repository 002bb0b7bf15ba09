/** Which column of a table that is there already holds a collection's keys, and how. */
import { chooseCodec, sqlTypeOf } from "./bind-codec.ts";
import type { BindOptions, Findings } from "./bind-types.ts";
import type { CatalogColumn, CatalogKey, CatalogTable } from "./catalog.ts";
import { type InferredKey, inferKey } from "./infer-key.ts";
import type { KeyColumn, KeyRule } from "./layout.ts";
import type { CollectionProfile, KeyProfile } from "./profile.ts";

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
  const inferred = inferKey(profile);
  const { rule } = inferred;
  if (rule.from === "position") {
    findings.choose(table.name, "known by their place", "no property of the records is a key");
  }
  const column = keyColumn(profile, table, key, inferred, options, findings);
  if (column === undefined) return undefined;
  sayWhatCounts(key, findings, table);
  return { rule, column, tenantColumn: tenant };
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
  { key }: BindOptions,
  findings: Findings,
): CatalogKey | undefined {
  const found =
    key === undefined
      ? table.primaryKey
      : [table.primaryKey, ...table.unique].find(
          (one) => one?.columns.at(-1) === key && one.columns.length <= 2,
        );
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

/** What was seen of keys, where something was. */
interface SeenKeys {
  readonly strings: number;
  readonly integers: number;
  readonly other: number;
  readonly uuids: number;
  readonly unclean: number;
}

const NOT_SEEN: SeenKeys = { strings: 0, integers: 0, other: 0, uuids: 0, unclean: 0 };

function seenKeys(
  profile: CollectionProfile,
  rule: KeyRule,
  seen: KeyProfile | undefined,
): SeenKeys {
  if (rule.from === "position") return { ...NOT_SEEN, integers: profile.records };
  if (seen === undefined) return NOT_SEEN;
  const { strings, integers, numbers, others, uuids, unclean } = seen;
  return { strings, integers, other: numbers + others, uuids, unclean };
}

function keyColumn(
  profile: CollectionProfile,
  table: CatalogTable,
  column: CatalogColumn,
  { rule, profile: seen }: InferredKey,
  options: BindOptions,
  findings: Findings,
): KeyColumn | undefined {
  const keys = seenKeys(profile, rule, seen);
  const { name } = column;
  const type = column.enumLabels === undefined && !column.generated ? sqlTypeOf(column) : undefined;
  const where = `${table.name}.${name}`;
  const all = keys.strings + keys.integers + keys.other;
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
      if (all > 0 && keys.uuids === all) {
        findings.choose(where, "uuid", "all keys are UUIDs");
        return { name, codec: "uuid" };
      }
      findings.choose(
        where,
        "derived-uuid",
        all === 0
          ? "no key was seen; a UUID stands for what is none"
          : `${all - keys.uuids} of ${all} keys are no UUIDs: one made from the key stands for each`,
      );
      return { name, codec: "derived-uuid" };
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
      const misfits = keys.strings + (seen?.others ?? 0);
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
  const isText = keys.integers + keys.other + keys.unclean === 0;
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
      message: `${keys.integers + keys.other} keys are no text: ${where} holds all keys in tagged form, which the app does not know.`,
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
