/** Postgres as a target: a server, or whatever else serves the same waist (`SqlDatabase`). */
export type { SqlDatabase, SqlParameter, SqlResult, SqlTransaction } from "./database.ts";
export { openPostgres, type PostgresOptions } from "./pg-database.ts";
export { postgresTarget } from "./target.ts";
