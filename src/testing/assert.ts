/** What the suites claim with: small, so that they run under any test runner, and in a browser. */
import { canonicalText } from "../collection/canonical.ts";
import { digestHex } from "../collection/digest-sum.ts";
import { isPlainObject, type Value } from "../collection/value.ts";
import type { ErrorCode } from "../errors.ts";

/** A claim that does not hold. Its name is the one that test runners know. */
export class ConformanceError extends Error {
  override readonly name = "AssertionError";
}

export function fail(message: string): never {
  throw new ConformanceError(message);
}

export function check(condition: unknown, message: string): asserts condition {
  if (!condition) fail(message);
}

/**
 * A text that is the same for two structures which say the same: bytes by their content, a property that is
 * `undefined` like one that is absent. Values of records are told apart more finely: give their canonical text.
 */
function told(structure: unknown): string {
  return canonicalText(plain(structure));
}

function plain(structure: unknown): Value {
  if (structure instanceof Uint8Array) return `bytes ${digestHex(structure)}`;
  if (structure instanceof Map) return plain([...structure]);
  if (Array.isArray(structure)) return structure.map(plain);
  if (!isPlainObject(structure)) return structure as Value;
  const held = Object.entries(structure).filter(([, value]) => value !== undefined);
  // An own `__proto__` stays a property.
  return held.map(([name, value]) => [name, plain(value)]).sort(byName);
}

function byName(a: Value, b: Value): number {
  const [left, right] = [a as readonly string[], b as readonly string[]].map(
    ([name]) => name ?? "",
  );
  return (left as string) < (right as string) ? -1 : 1;
}

const SHOWN = 600;

/** As a person reads it in a failure's message; the values of the suites are nobody's secret. */
function show(structure: unknown): string {
  const text = JSON.stringify(structure, (_, held: unknown) => {
    if (held instanceof Uint8Array) return `bytes ${digestHex(held)}`;
    if (held instanceof Map) return [...held];
    return typeof held === "bigint" || typeof held === "undefined" ? String(held) : held;
  });
  const shown = text ?? String(structure);
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
}

export function same(actual: unknown, expected: unknown, what: string): void {
  if (told(actual) !== told(expected)) {
    fail(`${what}: ${show(actual)} instead of ${show(expected)}`);
  }
}

/** The named properties of `actual`, and only those, are what `expected` says. */
export function includes<T extends object>(actual: T, expected: Partial<T>, what: string): void {
  const names = Object.keys(expected) as (keyof T)[];
  same(Object.fromEntries(names.map((name) => [name, actual[name]])), expected, what);
}

/** What a failed call says: all of it that reaches a screen or a log. */
function wordsOf(error: unknown): string {
  const words: string[] = [];
  for (
    let one = error;
    one !== undefined && one !== null;
    one = (one as { cause?: unknown }).cause
  ) {
    const { message, site } = one as { message?: unknown; site?: unknown };
    words.push(String(one), String(message), JSON.stringify(site ?? null));
    if (words.length > 30) break;
  }
  return words.join("\n");
}

/** The code of what a call fails with: `undefined` when it fails without one. */
export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : undefined;
}

/** The error that a call fails with. */
export async function failure(call: () => Promise<unknown>, what: string): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return fail(`${what}: it was not refused`);
}

/**
 * The call fails with one of these codes, and its message holds none of `secrets`.
 * Compared by code, not by class: a driver may come with a copy of this package of its own.
 */
export async function refused(
  call: () => Promise<unknown>,
  codes: ErrorCode | readonly ErrorCode[],
  what: string,
  secrets: readonly string[] = [],
): Promise<void> {
  const error = await failure(call, what);
  if (error instanceof ConformanceError) throw error;
  const wanted: readonly string[] = typeof codes === "string" ? [codes] : codes;
  const code = codeOf(error);
  if (code === undefined || !wanted.includes(code)) {
    fail(`${what}: refused with ${code ?? String(error)} instead of ${wanted.join(" or ")}`);
  }
  withoutSecrets(error, secrets, what);
}

/** Errors name places, codes and limits; what a record holds is in none of them. */
export function withoutSecrets(error: unknown, secrets: readonly string[], what: string): void {
  const words = wordsOf(error);
  const leaked = secrets.filter((secret) => words.includes(secret));
  check(leaked.length === 0, `${what}: the error tells what the record holds`);
}
