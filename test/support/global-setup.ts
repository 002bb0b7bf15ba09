import { startPostgres } from "./postgres.ts";

/** One Postgres for the whole run, ended with it. */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined) {
    process.env["OUTGROW_TEST_POSTGRES"] = given;
    return async () => {};
  }
  const server = await startPostgres();
  process.env["OUTGROW_TEST_POSTGRES"] = server.url;
  return () => server.stop();
}
