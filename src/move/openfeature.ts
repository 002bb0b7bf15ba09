/**
 * A flag of any OpenFeature provider as somebody who may ask for a stage: `outgrow/openfeature`. Nothing of OpenFeature
 * is imported: what is needed of its client is written down here, and clients of every SDK for JavaScript have it.
 */
import type { Wish } from "./follow.ts";
import type { FlagAnswer } from "./requested.ts";

/** What is needed of a client, as `OpenFeature.getClient()` of `@openfeature/server-sdk` gives one. */
export interface FlagClient<Context> {
  getStringDetails(
    flag: string,
    fallback: string,
    context?: Context,
  ): Promise<FlagAnswer> | FlagAnswer;
}

export interface FlagOptions<Context> {
  /** The flag's key. Default: `outgrow-stage`. */
  readonly flag?: string | undefined;
  /** For whom it is evaluated. */
  readonly context?: Context | undefined;
}

/**
 * What a string flag says: a stage's name. A flag that is missing, disabled, of another type, stale, or that fell back
 * to a default in code asks for nothing; a default that the provider itself was given is its word.
 */
export function flagWish<Context>(
  client: FlagClient<Context>,
  { flag = "outgrow-stage", context }: FlagOptions<Context> = {},
): Wish {
  return async () => {
    // The default in code is no stage, so that it cannot be taken for a wish.
    const { value, reason, errorCode } = await client.getStringDetails(flag, "", context);
    if (errorCode !== undefined || reason === "ERROR") return { value: "", reason, errorCode };
    if (value === "" || reason === "DISABLED") return undefined;
    return reason === "DEFAULT" ? { value } : { value, reason };
  };
}
