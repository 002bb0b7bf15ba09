/** The options that say how records lie in tables, brought together with the configuration. */
import type { OutgrowConfig } from "../config.ts";
import { OutgrowError } from "../errors.ts";
import type { LayoutOptions } from "../transfer/layouts.ts";

export interface LayoutFlags {
  readonly schema?: string;
  readonly bind?: true | readonly string[];
  readonly rule?: readonly string[];
  readonly flatten?: "none" | "auto" | "all";
  readonly tenant?: string;
}

type Chosen = LayoutOptions & Pick<LayoutFlags, "flatten"> & { readonly tenantColumn?: boolean };

/** @throws {OutgrowError} RULE_INVALID, USAGE */
export function layoutOptions(flags: LayoutFlags, config: OutgrowConfig): Chosen {
  const rules = { ...config.rules, ...rulesOf(flags.rule ?? []) };
  const bind = bindOf(flags.bind, config.bind);
  return {
    schema: flags.schema ?? config.schema,
    layouts: config.layouts,
    ...(config.redis === undefined ? {} : { redis: config.redis }),
    ...(Object.keys(rules).length === 0 ? {} : { rules }),
    ...(bind === undefined ? {} : { bind }),
    ...(flags.flatten === undefined ? {} : { flatten: flags.flatten }),
    ...(flags.tenant === undefined ? {} : { tenantColumn: true }),
  };
}

function rulesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((rule) => {
      // A property's name may hold `=`, a rule does not.
      const at = rule.lastIndexOf("=");
      if (at <= 0) throw new OutgrowError("RULE_INVALID", { detail: rule });
      return [rule.slice(0, at), rule.slice(at + 1)];
    }),
  );
}

function bindOf(
  flag: LayoutFlags["bind"],
  configured: OutgrowConfig["bind"],
): LayoutOptions["bind"] {
  if (flag === undefined) return configured;
  if (flag === true) return configured ?? "auto";
  const known = typeof configured === "object" ? configured : {};
  return Object.fromEntries(flag.map((name) => [name, known[name] ?? {}]));
}
