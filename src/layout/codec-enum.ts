/** Labels of enums: which text each stands for, and which one a text means that is spelt in another way. */

type Labels = Readonly<Record<string, string>>;

const inverses = new WeakMap<object, ReadonlyMap<string, string>>();

/** The record's text for a label; a label that SQL wrote, and nobody named, is its own. */
export function textFor(label: string, labels: Labels): string {
  let map = inverses.get(labels);
  if (map === undefined) {
    map = new Map(Object.entries(labels).map(([text, own]) => [own, text]));
    inverses.set(labels, map);
  }
  return map.get(label) ?? label;
}

/** What a label is without its case and without what stands between its words. */
export const bare = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

const looseLabels = new WeakMap<object, ReadonlyMap<string, string | undefined>>();

/** The label that a text means, by its letters and digits; `undefined` where there is none, or more than one. */
export function labelFor(text: string, labels: Labels): string | undefined {
  let known = looseLabels.get(labels);
  if (known === undefined) {
    const found = new Map<string, string | undefined>();
    for (const [own, label] of Object.entries(labels)) {
      for (const name of [bare(own), bare(label)]) {
        found.set(name, found.has(name) && found.get(name) !== label ? undefined : label);
      }
    }
    known = found;
    looseLabels.set(labels, known);
  }
  return known.get(bare(text));
}
