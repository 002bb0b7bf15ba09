/** Names for code: of tables, columns and relations in Drizzle and Prisma schemas. */

export function camelCase(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  return words.map((word, index) => (index === 0 ? lowerFirst(word) : upperFirst(word))).join("");
}

/** camelCase without anything that is not an ASCII letter or digit; empty when nothing is left. */
export function asciiCamelCase(name: string): string {
  return camelCase(name.normalize("NFKD").replace(/[^\x20-\x7e]/g, ""));
}

export const upperFirst = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);

/** `ID` and `URL` keep their capitals: only the first letter of a name in PascalCase changes. */
function lowerFirst(word: string): string {
  return /^\p{Lu}{2}/u.test(word) ? word : word.slice(0, 1).toLowerCase() + word.slice(1);
}

export function isIdentifier(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name);
}

/** The first of these names that is free, else the last with a number behind it. It joins `taken`. */
export function freeName(taken: Set<string>, names: readonly string[]): string {
  const last = names.at(-1) ?? "name";
  let found = names.find((name) => name !== "" && !taken.has(name));
  for (let number = 2; found === undefined; number++) {
    if (!taken.has(`${last}${number}`)) found = `${last}${number}`;
  }
  taken.add(found);
  return found;
}

/** Words that JavaScript keeps for itself, in modules. */
export const JS_RESERVED: readonly string[] = (
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends " +
  "false finally for function if implements import in instanceof interface let new null package private protected " +
  "public return static super switch this throw true try typeof undefined var void while with yield"
).split(" ");
