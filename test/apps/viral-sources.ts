/** What lies in Viral Dashboard's sources, as the test reads them itself, and what of it a database must refuse. */
import type { Lists } from "./quirks/looking.ts";
import type { Row } from "./random.ts";
import { countBy } from "./seen-by-sql.ts";

/** What dexie-export-import means by a row: `undef` is all that `$types` says here besides what arrays are. */
function revived(row: Row): Row {
  const { $types: types = {}, ...plain } = structuredClone(row);
  for (const [path, type] of Object.entries(types as Record<string, string>)) {
    if (type === "arrayNonindexKeys") continue;
    if (type !== "undef") throw new Error(`${type} at ${path}`);
    const names = path.split(".");
    const last = names.pop() as string;
    const holder = names.reduce((at, name) => at[name] as Row, plain as Row);
    holder[last] = undefined;
  }
  return plain;
}

export function dexieLists(text: string): Lists {
  const { data } = JSON.parse(text) as {
    data: { data: { tableName: string; rows: Row[] }[] };
  };
  return Object.fromEntries(data.data.map(({ tableName, rows }) => [tableName, rows.map(revived)]));
}

export function fileLists(files: Readonly<Record<string, string>>): Lists {
  const parsed = (name: string): unknown => JSON.parse(files[name] as string);
  return {
    critiques: parsed("critiques.json") as Row[],
    insights: parsed("insights.json") as Row[],
    adjustments: parsed("adjustments.json") as Row[],
    entries: (parsed("performance-history.json") as { entries: Row[] }).entries,
  };
}

/** Rows by the reason why they cannot be stored. The server's are there before the browser's. */
export function judge(server: Lists, browser: Lists) {
  const stored = new Set<unknown>();
  const patterns = new Set<string>();
  const one = (lists: Lists): Record<string, Map<Row, string>> => {
    const times = countBy(lists["critiques"] ?? [], ({ id }) => id as string);
    const out: Record<string, Map<Row, string>> = {};
    const set = (name: string, why: (row: Row) => string | undefined): void => {
      out[name] = new Map(
        (lists[name] ?? []).flatMap((row) => {
          const reason = why(row);
          return reason === undefined ? [] : [[row, reason] as const];
        }),
      );
    };
    set("critiques", ({ id }) => {
      if ((times[id as string] ?? 0) > 1) return "ID_CONFLICT";
      stored.add(id);
      return undefined;
    });
    set("insights", ({ category, platform, pattern }) => {
      const unique = [category, platform, pattern].join(" ");
      if (patterns.has(unique)) return "RECORD_REFUSED SQLSTATE 23505";
      patterns.add(unique);
      return undefined;
    });
    set("adjustments", ({ critiqueId }) =>
      stored.has(critiqueId) ? undefined : "RECORD_REFUSED SQLSTATE 23503",
    );
    return out;
  };
  return { server: one(server), browser: one(browser) };
}
