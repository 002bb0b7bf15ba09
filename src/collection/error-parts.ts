import type { ObjectValue, Value } from "./value.ts";

const NAMES: readonly string[] = ["name", "message", "stack", "cause"];

/** What an Error says, as an object: its name, message, stack and cause where it has them, and its own properties. */
export function errorParts(error: Error): ObjectValue {
  const parts: Record<string, Value> = {
    name: error.name,
    message: error.message,
  };
  if (Object.hasOwn(error, "stack") && typeof error.stack === "string")
    parts["stack"] = error.stack;
  if (Object.hasOwn(error, "cause")) parts["cause"] = error.cause as Value;
  for (const name of Object.keys(error)) {
    if (!NAMES.includes(name)) parts[name] = (error as unknown as Record<string, Value>)[name];
  }
  return parts;
}

/** The Error that these parts describe. Without a stack among them it has none, rather than one of ours. */
export function makeError(parts: ObjectValue): Error {
  const error = new Error(String(parts["message"] ?? ""));
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, {
      value,
      enumerable: !NAMES.includes(name),
      configurable: true,
      writable: true,
    });
  };
  Reflect.deleteProperty(error, "stack");
  for (const name of Object.keys(parts)) define(name, parts[name]);
  return error;
}
