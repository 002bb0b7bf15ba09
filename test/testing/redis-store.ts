/** What the suites over Redis have in common, whichever way they reach it. */
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { AlteredRow, SuiteOptions } from "../../src/testing/index.ts";

/** As an app does: `GET`, and `SET` of the same record with another title. */
export const redisAlter =
  (url: () => Promise<string>): NonNullable<SuiteOptions["alter"]> =>
  async ({ move, collection, tenant, key, title }: AlteredRow) => {
    const name = `{${move.schema}:${tenant}}:${collection}:${key.slice(1)}`;
    await using connection = new TcpConnection(await url());
    const [text] = await connection.send([["GET", name]]);
    const changed = { ...(JSON.parse(String(text)) as object), title };
    await connection.send([["SET", name, JSON.stringify(changed)]]);
  };

export const REDIS_GAPS: Readonly<Record<string, string>> = {};
