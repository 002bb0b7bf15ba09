/** `outgrow.config.ts`: what an app decided, where the defaults and the inference were not to its liking. */
import type { FileCollection } from "./drivers/json-file/contents.ts";
import type { BindOptions } from "./layout/bind.ts";
import type { Layout } from "./layout/layout.ts";
import type { RedisLayout } from "./layout/redis-layout.ts";
import type { Rules } from "./layout/rules.ts";
import type { GateLimits } from "./move/gates.ts";

export interface OutgrowConfig {
  /** The source, as on the command line; used when a command names none. */
  readonly source?: string | readonly string[];
  /** The target's address. Prefer DATABASE_URL: this file is code that lies in a repository. */
  readonly target?: string;
  readonly move?: string;
  readonly schema?: string;
  readonly tenant?: string;
  readonly only?: readonly string[];
  readonly exclude?: readonly string[];
  /** Layouts by collection. One that is given here is not inferred. */
  readonly layouts?: Readonly<Record<string, Layout>>;
  /** Collections that go into tables which are there already. */
  readonly bind?: "auto" | Readonly<Record<string, BindOptions>>;
  /** In a Redis: the keys under which the app expects a collection's records. */
  readonly redis?: Readonly<Record<string, RedisLayout>>;
  /** Rules for properties: `{ "campaigns.price": "money" }`. */
  readonly rules?: Rules;
  /** A move with stages, under an app that goes on writing: `outgrow stage`. */
  readonly live?: LiveConfig;
}

export interface LiveConfig {
  /** The JSON file that the app leaves, from where the command runs. */
  readonly jsonFile: string;
  readonly collections: readonly FileCollection[];
  /** What gates ask for, where the defaults are not to your liking. */
  readonly limits?: Partial<GateLimits>;
  /** Folder of the backup that the last gate wants. Default: `.outgrow/backups`. */
  readonly backups?: string;
}

/** Gives the configuration its type. */
export function defineConfig(config: OutgrowConfig): OutgrowConfig {
  return config;
}
