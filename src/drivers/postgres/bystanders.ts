/**
 * Rows of others that refer to rows which are to go. A database deletes them too, or empties their references, and
 * says nothing of it: so they are looked for beforehand.
 */
import { OutgrowError } from "../../errors.ts";
import type { CompiledLayout } from "../../layout/compile.ts";
import type { SqlTransaction } from "./database.ts";
import { belongs } from "./family.ts";
import { literal, qualified, quote } from "./quote.ts";
import type { RootSql } from "./root-sql.ts";

/** A collection's rows that are to go. */
export interface Going {
  readonly id: number;
  readonly schema: string;
  readonly tenant: string;
  readonly compiled: CompiledLayout;
  readonly root: RootSql;
  /** Temporary: the cells of their keys, and the ledger's texts of these. */
  readonly going: string;
}

interface GoingTable {
  readonly place: string;
  /** The condition on `t` that a row is to go. */
  readonly which: string;
}

function tablesOf({ schema, tenant, compiled, root, going }: Going): GoingTable[] {
  return compiled.layout.tables.map(({ name, tenantColumn }, index) => {
    const place = qualified(schema, name);
    const cells = `select cell from ${going}`;
    if (index === 0) return { place, which: `${root.scope} and ${root.key} in (${cells})` };
    const owner =
      tenantColumn === undefined ? "" : ` and t.${quote(tenantColumn)} = ${literal(tenant)}`;
    return { place, which: belongs({ schema, compiled, tenant }, index, cells) + owner };
  });
}

/** @throws {OutgrowError} DROP_REFUSED with the tables and constraints, and how many rows there are. */
export async function refuseBystanders(sql: SqlTransaction, all: readonly Going[]): Promise<void> {
  const going = all.flatMap(tablesOf);
  const found: string[] = [];
  for (const place of new Set(going.map((table) => table.place))) {
    const { rows } = await sql.query(
      `select k.conname, n.nspname, c.relname,
         (select json_agg(json_build_array(a.attname, b.attname)) from unnest(k.conkey, k.confkey) as pair (own, other)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own
          join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.other)
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       where k.contype = 'f' and k.confrelid = to_regclass($1) and k.conparentid = 0 order by 1`,
      [place],
    );
    for (const [name, schema, table, pairs] of rows as readonly string[][]) {
      const from = qualified(schema as string, table as string);
      const columns = JSON.parse(pairs as string) as (readonly [string, string])[];
      const count = await countReferring(sql, { from, place, columns }, going);
      if (count > 0) found.push(`${count} of ${schema}.${table} (${name}) to ${place}`);
    }
  }
  if (found.length > 0) throw new OutgrowError("DROP_REFUSED", { detail: found.join(", ") });
}

/** Rows that refer to rows which go, and do not go themselves. */
async function countReferring(
  sql: SqlTransaction,
  link: {
    readonly from: string;
    readonly place: string;
    readonly columns: readonly (readonly [own: string, other: string])[];
  },
  going: readonly GoingTable[],
): Promise<number> {
  const { from, place, columns } = link;
  const own = columns.map(([name]) => `r.${quote(name)}`).join(", ");
  const others = columns.map(([, name]) => `t.${quote(name)}`).join(", ");
  const at = (table: string, what: string): string[] =>
    going
      .filter((one) => one.place === table)
      .map(({ which }) => `select ${what} from ${table} t where ${which}`);
  const goes = at(from, "t.tableoid, t.ctid").join(" union all ");
  const { rows } = await sql.query(
    `select count(*) from ${from} r where (${own}) in (${at(place, others).join(" union all ")})
     ${goes === "" ? "" : `and (r.tableoid, r.ctid) not in (${goes})`}`,
  );
  return Number(rows[0]?.[0]);
}

/** Empties the references that can wait, from rows that go later to rows of these collections, which go before. */
export async function letGo(
  sql: SqlTransaction,
  going: Going,
  before: ReadonlySet<string>,
): Promise<void> {
  const tables = tablesOf(going);
  for (const [index, { columns, bound }] of going.compiled.layout.tables.entries()) {
    const table = tables[index];
    const held = columns.filter(({ late, to }) => late === true && before.has(to ?? ""));
    if (!bound || table === undefined || held.length === 0) continue;
    const changes = held.map(({ name }) => `${quote(name)} = null`).join(", ");
    await sql.query(`update ${table.place} t set ${changes} where ${table.which}`);
  }
}
