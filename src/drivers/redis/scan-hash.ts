/** A hash of any size, read while others may write it. */
import { ask, type RedisConnection } from "./connection.ts";

/** Fields that are asked for at a time. */
const COUNT = "1000";

/** All fields with their values. One may come twice while the hash grows; those that are there throughout do come. */
export async function* scanHash(
  connection: RedisConnection,
  key: string,
): AsyncGenerator<readonly [field: string, value: string]> {
  let cursor = "0";
  do {
    const reply = (await ask(connection, "HSCAN", key, cursor, "COUNT", COUNT)) as [
      unknown,
      string[],
    ];
    cursor = String(reply[0]);
    const [, flat] = reply;
    for (let at = 0; at + 1 < flat.length; at += 2) {
      yield [flat[at] as string, flat[at + 1] as string];
    }
  } while (cursor !== "0");
}
