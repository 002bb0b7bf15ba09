/** The options that all commands with a source share, brought together with the configuration. */
import type { OutgrowConfig } from "../config.ts";
import { OutgrowError } from "../errors.ts";
import type { SourceOptions } from "../transfer/source.ts";
import { loadConfig } from "./load-config.ts";
import type { CommandContext, CommonOptions } from "./run.ts";

export interface ReadingOptions extends CommonOptions {
  readonly only?: readonly string[];
  readonly exclude?: readonly string[];
  readonly limit?: number;
  readonly repair?: boolean;
  readonly dupKeys?: "quarantine" | "last";
  readonly config?: string;
  readonly move?: string;
}

export interface Reading {
  readonly spec: string | readonly string[];
  readonly options: SourceOptions;
  readonly config: OutgrowConfig;
  readonly move: string | undefined;
}

/** @throws {OutgrowError} USAGE when neither the command nor the configuration names a source. */
export async function reading(
  named: readonly string[],
  given: ReadingOptions,
  context: CommandContext,
): Promise<Reading> {
  const config = await loadConfig(given.config);
  const spec = named.length > 0 ? named : config.source;
  if (spec === undefined) throw new OutgrowError("USAGE", { detail: "no source was named" });
  return {
    spec,
    config,
    move: given.move ?? config.move,
    options: {
      only: given.only ?? config.only,
      exclude: given.exclude ?? config.exclude,
      limit: given.limit,
      repair: given.repair,
      duplicateNames: given.dupKeys,
      signal: context.signal,
      onProgress: context.onProgress,
    },
  };
}
