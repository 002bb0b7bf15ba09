/** What names say of each other: `productId` is about `products`, `images` holds one `image` each. */

/** Words of a name in lower case: `primaryUserID` -> primary, user, id. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

const IRREGULAR: Readonly<Record<string, string>> = {
  children: "child",
  people: "person",
  men: "man",
  women: "woman",
  media: "media",
  series: "series",
  news: "news",
};

/** Words whose singular ends in `ie`. */
const IE = /(?:mov|cook|calor|zomb|self|brown|hood|smooth|rook|gen|^t|^p|^l|^d)ies$/i;

/** The singular of the last word of a name, its case kept: `productImages` -> `productImage`. */
export function singularOf(name: string): string {
  const last = /[A-Z]?[a-z]+$/.exec(name)?.[0];
  const known = last === undefined ? undefined : IRREGULAR[last.toLowerCase()];
  if (last !== undefined && known !== undefined) {
    const first = last.slice(0, 1);
    const singular = first === first.toLowerCase() ? known : first + known.slice(1);
    return name.slice(0, -last.length) + singular;
  }
  if (/(?:ss|us|is)$/i.test(name) || name.length < 3) return name;
  if (/[^aeiou]ies$/i.test(name) && !IE.test(name)) return name.replace(/ies$/i, "y");
  if (/(?:ss|sh|x|zz|[tnr]ch|[eo]ach|[bt]us|irus|ampus|onus)es$/i.test(name))
    return name.slice(0, -2);
  return name.replace(/s$/i, "");
}

/** What a collection or a list is called when names are compared: in one word, singular and as it is. */
export function stemsOf(name: string): readonly string[] {
  return [...new Set([wordsOf(singularOf(name)).join(""), wordsOf(name).join("")])].filter(
    (stem) => stem !== "",
  );
}

const ID_WORDS = new Set(["id", "uuid", "key"]);

/** What a property's name may refer to. */
export interface NameFit {
  /** The stems, the longest first. */
  readonly stems: readonly string[];
  /** Whether the name says that it is an id (`productId`), not the thing itself (`product`). */
  readonly id: boolean;
}

export function fitOf(property: string): NameFit {
  const words = wordsOf(property);
  const last = words.at(-1) ?? "";
  if (words.length > 1 && ID_WORDS.has(last)) {
    const base = words.slice(0, -1);
    return { stems: base.map((_, index) => base.slice(index).join("")), id: true };
  }
  // `userid`, in one word.
  if (words.length === 1 && last.length > 4 && last.endsWith("id")) {
    return { stems: [last.slice(0, -2), last], id: true };
  }
  return { stems: words.length === 0 ? [] : [words.join("")], id: false };
}
