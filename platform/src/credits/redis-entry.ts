/**
 * An entry as it lies in a Redis list. It has the names of the seed's own entries (`id`, `user_id`, `type`, `credits`,
 * `created_at`), so that whoever reads those reads these; what the seed itself wrote has no `source`.
 */
import type { Book, Entry, Kind } from "./credits.ts";
import { creditsOf } from "./opening.ts";

/** Everything but place and date, as it stands inside of the braces. */
export function importedText(kind: string, credits: number, imported: string | undefined): string {
  const book = kind === "initial" ? "granted" : kind;
  const [source, destination] = credits < 0 ? ["available", book] : [book, "available"];
  const moved = Math.abs(credits);
  const text = JSON.stringify({ type: kind, credits, moved, source, destination }).slice(1, -1);
  return imported === undefined ? text : `${text},"imported":${imported}`;
}

/** What is no JSON is the text that it is. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

interface Stored {
  readonly type: Kind;
  readonly moved: number;
  readonly source: Book;
  readonly destination: Book;
  readonly hold?: string;
  readonly of?: number;
  readonly payment?: string;
  readonly note?: string;
  readonly imported?: unknown;
  readonly created_at: string;
}

export function entryOf(text: string, place: number): Entry {
  const value = parsed(text);
  return isStored(value) ? own(value, place) : seeds(value, place);
}

function own({ type, moved, created_at, ...rest }: Stored, place: number): Entry {
  const { source, destination, hold, of, payment, note } = rest;
  const gained = destination === "available" ? moved : 0;
  return {
    place,
    kind: type,
    source,
    destination,
    amount: moved,
    credits: source === "available" ? -moved : gained,
    ...(hold === undefined ? {} : { hold }),
    ...(of === undefined ? {} : { of }),
    ...(payment === undefined ? {} : { payment }),
    ...(note === undefined ? {} : { note }),
    ...("imported" in rest ? { imported: rest.imported } : {}),
    at: new Date(created_at),
  };
}

/** What was in the list before: it counts as much as it did when it was imported. */
function seeds(imported: unknown, place: number): Entry {
  const credits = creditsOf(imported) ?? 0;
  const isLess = credits < 0;
  return {
    place,
    kind: "imported",
    source: isLess ? "available" : "imported",
    destination: isLess ? "imported" : "available",
    amount: Math.abs(credits),
    credits,
    imported,
  };
}

function isStored(value: unknown): value is Stored {
  const { moved, source, destination, created_at } = (value ?? {}) as Partial<Stored>;
  return (
    Number.isSafeInteger(moved) &&
    typeof source === "string" &&
    typeof destination === "string" &&
    typeof created_at === "string"
  );
}
