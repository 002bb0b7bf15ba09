/** What the tables of quirks are written with. */
import type { Row } from "../random.ts";

/** Records by collection. */
export type Lists = Readonly<Record<string, readonly Row[]>>;

export const get = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((part, name) => (part as Row | undefined | null)?.[name], value);
export const rows = (value: unknown, path = ""): Row[] =>
  ((path === "" ? value : get(value, path)) ?? []) as Row[];
export const texts = (list: readonly Row[] | undefined, path: string): string[] =>
  (list ?? []).map((row) => get(row, path)).filter((value) => typeof value === "string");
export const repeats = (values: readonly unknown[]): boolean =>
  new Set(values).size < values.length;
export const has = (list: readonly Row[] | undefined, test: (row: Row) => unknown): boolean =>
  (list ?? []).some((row) => Boolean(test(row)));
export const lone = (text: unknown): boolean => typeof text === "string" && !text.isWellFormed();
export const whole = (value: unknown): boolean => Number.isInteger(value);

/** What must occur in the data of an app, and how to see that it does. */
export type Quirk = readonly [name: string, occurs: (lists: Lists) => boolean];
