/** A plain script with a server of its own, for the test that ends it by a signal. */
import { startPostgres } from "./postgres.ts";

const server = await startPostgres();
console.log(server.url);
// Kept open by its input, which the test never ends.
process.stdin.resume();
