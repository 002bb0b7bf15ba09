/** What the whole run shares: one Postgres (the one that DATABASE_URL names, else our own) and a Chromium. */
import { provideChromium } from "./chromium-binary.ts";
import { execute, SERVER_VARIABLE, startPostgres } from "./postgres.ts";

/** @returns what vitest calls when all tests have ended. */
export async function setup(): Promise<() => Promise<void>> {
  // Once, before the workers start: two of them would be in each other's way with the packages.
  process.env["CHROMIUM_PATH"] = provideChromium();
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
