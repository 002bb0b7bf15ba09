/**
 * Records as JSON text, as the source had them: names in their order, numbers beyond a double with their digits,
 * -0 as `-0`. A user's object that looks like a tag stays as it is: JSON formats never revive tags. What JSON has
 * no word for (dates, undefined, bytes) becomes a tag, and is counted.
 */
import { type NamesOf, type Path, toTaggedJson } from "./tagged-json.ts";
import { ExactNumber, isPlainObject, type ObjectValue, type Value } from "./value.ts";

export class JsonWriter {
  /** Values written as tags so far. */
  tagged = 0;

  /** @param path where the value stands in its record; `names` is asked for the places below it. */
  write(value: Value, names: NamesOf | undefined, path: Path = undefined): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value);
      case "boolean":
        return value ? "true" : "false";
      case "number":
        if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
        return this.#tag(value);
      case "object":
        if (value === null) return "null";
        if (Array.isArray(value)) return this.#array(value, names, path);
        if (isPlainObject(value)) return this.#object(value, names, path);
        return value instanceof ExactNumber ? value.text : this.#tag(value, names);
      default:
        return this.#tag(value);
    }
  }

  #object(object: ObjectValue, names: NamesOf | undefined, path: Path): string {
    let text = "{";
    for (const name of names?.(object, path) ?? Object.keys(object)) {
      if (text.length > 1) text += ",";
      text += `${JSON.stringify(name)}:${this.write(object[name], names, { parent: path, name })}`;
    }
    return `${text}}`;
  }

  #array(array: readonly Value[], names: NamesOf | undefined, path: Path): string {
    const inner: Path = { parent: path, name: 0 };
    let text = "[";
    for (let index = 0; index < array.length; index++) {
      if (array[index] === undefined && !Object.hasOwn(array, index)) return this.#tag(array);
      if (index > 0) text += ",";
      text += this.write(array[index], names, inner);
    }
    return `${text}]`;
  }

  #tag(value: Value, names?: NamesOf): string {
    this.tagged++;
    return toTaggedJson(value, names === undefined ? {} : { names });
  }
}
