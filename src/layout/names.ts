/**
 * SQL names for names of any kind: snake_case, at most 63 bytes, unique within their table or move. Where a name
 * had to be cut, or nothing of it was left, or two fell together, a suffix made from the original name keeps it
 * stable: the same name gets the same SQL name whatever else the file holds, unless two clash.
 */
const MAX_BYTES = 63;

/** Words that would have to be quoted in every query a person writes, though we always quote. */
const RESERVED = new Set(
  (
    "all analyse analyze and any array as asc authorization between binary both case cast check collate column " +
    "constraint create cross current_date current_role current_time current_timestamp current_user default " +
    "deferrable desc distinct do else end except false fetch for foreign from full grant group having in initially " +
    "inner intersect into is join lateral leading left like limit localtime natural not null offset on only or order " +
    "outer overlaps placing primary references returning right select session_user similar some symmetric table " +
    "then to trailing true union unique user using variadic verbose when where window with"
  ).split(" "),
);

/** Eight hex digits that stand for a name: FNV-1a. */
function mark(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x0100_0193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function snakeCase(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
}

/** The SQL name for `name`, different from all in `taken`, which it joins. */
export function sqlName(name: string, taken: Set<string>, prefix = "column"): string {
  let base = snakeCase(name);
  const letters = name.replace(/[^\p{L}\p{N}]/gu, "").length;
  // Most of a non-Latin name is lost in ASCII: without a mark, different names would look alike.
  const lossy = base === "" || base.replaceAll("_", "").length < letters;
  if (base === "") base = prefix;
  if (/^\d/.test(base)) base = `${prefix}_${base}`;
  let candidate = lossy || base.length > MAX_BYTES ? suffixed(base, mark(name)) : base;
  if (RESERVED.has(candidate)) candidate = `${candidate}_`;
  if (taken.has(candidate)) candidate = suffixed(base, mark(name));
  for (let number = 2; taken.has(candidate); number++) {
    candidate = suffixed(base, `${mark(name)}_${number}`);
  }
  taken.add(candidate);
  return candidate;
}

function suffixed(base: string, suffix: string): string {
  return `${base.slice(0, MAX_BYTES - suffix.length - 1)}_${suffix}`;
}
