/**
 * In which order collections go into tables that somebody else made: what a foreign key there wants to find comes
 * before what refers to it. Cells that wait for their record (late) want nothing, and our own tables get their
 * foreign keys behind the load.
 */
import type { Layout } from "./layout.ts";

/** Collections whose rows have to be there before those of this one. */
function wants({ collection, tables }: Layout, lateToo: boolean): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const { bound, columns } of tables) {
    if (!bound) continue;
    for (const { to, late } of columns) {
      if (to !== undefined && to !== collection && (lateToo || late !== true)) wanted.add(to);
    }
  }
  return wanted;
}

/**
 * Sorts things that hold collections, such as files: as they are, but for those that others have to precede. In a
 * circle, they stay as they are.
 *
 * @param late whether references that can wait count as well.
 */
export function inReferenceOrder<Thing>(
  things: readonly Thing[],
  collectionsOf: (thing: Thing) => readonly string[],
  layouts: readonly Layout[],
  late?: "late too",
): Thing[] {
  const wanted = new Map(
    layouts.map((layout) => [layout.collection, wants(layout, late !== undefined)]),
  );
  const left = [...things];
  const sorted: Thing[] = [];
  while (left.length > 0) {
    const free = left.findIndex((thing) => {
      const own = collectionsOf(thing);
      const others = new Set(left.filter((one) => one !== thing).flatMap(collectionsOf));
      for (const name of own) others.delete(name);
      return own.every((name) => ![...(wanted.get(name) ?? [])].some((one) => others.has(one)));
    });
    sorted.push(...left.splice(Math.max(free, 0), 1));
  }
  return sorted;
}
