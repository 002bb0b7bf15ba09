/** What tests of whole apps ask a database, and what they reckon themselves to hold its answers against. */
import type { Row } from "./random.ts";

/** All that a schema says of its tables, and what else lies in it. */
export const SCHEMA = `
  select 'column' as kind, to_jsonb(c)::text as said from information_schema.columns c where table_schema = 'public'
  union all select 'index', to_jsonb(i)::text from pg_indexes i where schemaname = 'public'
  union all select 'constraint', concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace
  union all select 'relation', concat_ws(' ', relname, relkind, relrowsecurity, relhastriggers)
    from pg_class where relnamespace = 'public'::regnamespace
  union all select 'type', concat_ws(' ', typname, typtype) from pg_type where typnamespace = 'public'::regnamespace
  union all select 'function', proname from pg_proc where pronamespace = 'public'::regnamespace
  order by 1, 2`;

/** Rows with the transaction that wrote them: a row that was written anew is another. By the tables' names. */
export const contentsOf = (tables: readonly string[]): string =>
  `${tables
    .map(
      (table) =>
        `select '${table}' as name, count(*)::int as rows, md5(string_agg(t::text || t.xmin::text, ' ' order by t::text)) as sum from "${table}" t`,
    )
    .join(" union all ")} order by 1`;

/** A double's shortest digits as a decimal, rounded half away from zero, as numeric does it: in units of the last digit. */
export function units(value: number, scale: number): bigint {
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const shift = Number(exponent) - fraction.length + scale;
  const digits = BigInt(whole + fraction);
  const by = 10n ** BigInt(Math.abs(shift));
  const size = shift >= 0 ? digits * by : (digits * 2n + by) / (by * 2n);
  return value < 0 ? -size : size;
}

/** So many units of the last digit, as numeric writes them. */
export function decimal(sum: bigint, scale: number): string {
  const digits = (sum < 0n ? -sum : sum).toString().padStart(scale + 1, "0");
  return `${sum < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The sum of a property as numeric(…, scale) gives it. */
export function sumOf(rows: readonly Row[], property: string, scale: number): string {
  const sum = rows.reduce((all, row) => all + units((row[property] ?? 0) as number, scale), 0n);
  return decimal(sum, scale);
}

export function countBy<T>(rows: readonly T[], of: (row: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) counts[of(row)] = (counts[of(row)] ?? 0) + 1;
  return counts;
}

/** Whether a number has more digits behind the point than that. */
export const isLonger = (value: unknown, scale: number): boolean =>
  Number((value as number).toFixed(scale)) !== value;
