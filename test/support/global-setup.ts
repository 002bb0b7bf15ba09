/** One Postgres for the whole run: the one that DATABASE_URL names, else one of our own. */
import { execute, SERVER_VARIABLE, startPostgres } from "./postgres.ts";

/** @returns what vitest calls when all tests have ended. */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined && given !== "") {
    await execute(given, "select 1");
    process.env[SERVER_VARIABLE] = given;
    return async () => {};
  }
  const server = await startPostgres();
  process.env[SERVER_VARIABLE] = server.url;
  return () => server.stop();
}
