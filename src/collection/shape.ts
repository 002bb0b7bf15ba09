/**
 * The smallest schema there is: the kind of each property. Enough for what `outgrow init` writes; any other
 * Standard Schema validator says more.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";

export type ShapeKind = "string" | "number" | "boolean" | "object" | "array" | "null" | "unknown";
/** The kinds that a property may have; `?` among them lets it be absent. */
export type Shape = Readonly<Record<string, readonly (ShapeKind | "?")[]>>;

/**
 * A schema that checks the kinds of the named properties and lets others pass.
 *
 * @example
 * const user = shape<User>({ id: ["number"], email: ["string"], name: ["string", "null", "?"] });
 */
export function shape<T>(properties: Shape): StandardSchemaV1<T, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "outgrow",
      validate(value) {
        if (typeof value !== "object" || value === null || Array.isArray(value)) {
          return { issues: [{ message: "an object is wanted" }] };
        }
        const issues = Object.entries(properties)
          .filter(([name, kinds]) => !fits(value as Record<string, unknown>, name, kinds))
          .map(([name, kinds]) => ({ message: `${kinds.join(" or ")} is wanted`, path: [name] }));
        return issues.length === 0 ? { value: value as T } : { issues };
      },
    },
  };
}

function fits(value: Record<string, unknown>, name: string, kinds: Shape[string]): boolean {
  if (!Object.hasOwn(value, name)) return kinds.includes("?");
  return kinds.includes("unknown") || kinds.includes(kindOf(value[name]));
}

function kindOf(value: unknown): ShapeKind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const kind = typeof value;
  return kind === "string" || kind === "number" || kind === "boolean" || kind === "object"
    ? kind
    : "unknown";
}
