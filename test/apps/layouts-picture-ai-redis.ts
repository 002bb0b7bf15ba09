/** How PictureAi's `outgrow.config.ts` names the keys of its seed, in which its Redis expects the data. */
import type { RedisLayout } from "../../src/layout/redis-layout.ts";

/** INCR comes before an id is used, so a counter holds the last one that was given, and the file the next one. */
const last = (property: string): RedisLayout["cells"][number] => ({
  kind: "counter",
  key: `counters:${property}`,
  property,
  offset: -1,
});

export const PICTURE_AI_KEYS: Readonly<Record<string, RedisLayout>> = {
  users: {
    cells: [
      { kind: "object", key: "user:{email}" },
      { kind: "pointer", key: "user_id:{id}", value: "{email}" },
      { kind: "counter", key: "credits:{id}", property: "credits" },
    ],
  },
  // As LPUSH leaves them: the newest one in front.
  transactions: { cells: [{ kind: "list", key: "transactions:{user_id}", push: "first" }] },
  creditPackages: { cells: [{ kind: "object", key: "credit_package:{id}" }] },
  // What is left of the file: its counters.
  document: { cells: [last("nextUserId"), last("nextTransactionId"), last("nextPackageId")] },
};
