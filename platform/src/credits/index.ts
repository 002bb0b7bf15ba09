/** Credits that are never oversold, lost or applied twice, in Postgres, PGlite or Redis: see credits.ts. */
export { ERRORS, type ErrorCode, PlatformError, type Site } from "../errors.ts";
export type * from "./credits.ts";
export type { Finding, FindingCode } from "./findings.ts";
export type { LedgerOptions } from "./ledger.ts";
export {
  installCredits,
  type PostgresCreditsOptions,
  postgresCredits,
  type SqlConnection,
} from "./postgres.ts";
export { creditsSchema } from "./postgres-schema.ts";
export { existingAccount, type RedisCreditsOptions, redisCredits } from "./redis.ts";
export { ioredisCommands, type RedisConnection, redisCommands } from "./redis-connection.ts";
export { type RedisNames, SEED_NAMES } from "./redis-names.ts";
export type { RedisPreflightOptions } from "./redis-preflight.ts";
export type { RetryOptions } from "./retry.ts";
