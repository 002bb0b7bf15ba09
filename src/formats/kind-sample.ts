/**
 * Are these objects of one kind? Records of one collection have most of their names in common, even when each of
 * them leaves some out; the parts of a settings object, or a map whose names are data, do not.
 */

/** Objects that are looked at: enough to tell, few enough to be parsed by the way. */
const SAMPLE_OBJECTS = 50;
/** Names that are looked at of each object. */
export const SAMPLE_NAMES = 100;

export class KindSample {
  #objects = 0;
  /** Name -> in how many objects. */
  readonly #names = new Map<string, number>();

  get full(): boolean {
    return this.#objects >= SAMPLE_OBJECTS;
  }

  add(names: readonly string[]): void {
    if (this.full) return;
    this.#objects++;
    for (const name of new Set(names.slice(0, SAMPLE_NAMES))) {
      this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
    }
  }

  /** Whether more than half of all names are names that at least half of the objects have. */
  get oneKind(): boolean {
    let all = 0;
    let common = 0;
    for (const count of this.#names.values()) {
      all += count;
      if (count * 2 >= this.#objects) common += count;
    }
    return this.#objects > 0 && common * 2 > all;
  }
}
