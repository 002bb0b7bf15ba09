/**
 * What the keys of a localStorage dump hold, and which of them make a collection together.
 *
 * A family is two or more keys with a common prefix that ends in a separator, each of which holds a JSON object: the
 * rest of the key tells its members apart. The longest prefix comes first, so that `campaign_draft_…` is not taken
 * for `campaign_…`. Ids must not become prefixes: behind its first word a prefix has no digits, and no word of it
 * stands twice (`campaign_draft_campaign_17`: the second one begins the id).
 */

/** `broken` begins as JSON does and is none. */
export type Holding = "array" | "object" | "json" | "text" | "broken";

const separator = /[_\-:./]/;
const endsInSeparator = /[_\-:./]+$/;

/** All prefixes of a key that could be a family's, shortest first. */
function prefixesOf(key: string): string[] {
  const prefixes: string[] = [];
  const words = new Set<string>();
  let start = 0;
  for (let at = 0; at < key.length; at++) {
    if (!separator.test(key[at] as string)) continue;
    const word = key.slice(start, at);
    if (word !== "" && words.has(word)) break;
    if (words.size > 0 && /\d/.test(word)) break;
    if (word !== "") words.add(word);
    start = at + 1;
    const prefix = key.slice(0, start);
    if (familyName(prefix) !== "") prefixes.push(prefix);
  }
  return prefixes;
}

/** A family's own name: its prefix without what separates. */
export function familyName(prefix: string): string {
  return prefix.replace(endsInSeparator, "");
}

/** @param keys those that hold objects. @returns key -> the prefix of its family, for keys that have one. */
export function findFamilies(keys: readonly string[]): Map<string, string> {
  const byPrefix = new Map<string, string[]>();
  for (const key of keys) {
    for (const prefix of prefixesOf(key)) {
      const members = byPrefix.get(prefix);
      if (members === undefined) byPrefix.set(prefix, [key]);
      else members.push(key);
    }
  }
  const found = new Map<string, string>();
  for (const prefix of [...byPrefix.keys()].sort((a, b) => b.length - a.length)) {
    const members = new Set(byPrefix.get(prefix)?.filter((key) => !found.has(key)));
    if (members.size < 2) continue;
    for (const key of members) found.set(key, prefix);
  }
  return found;
}
