/** Digests from the rows of a COPY where they lie: what they say, and what becomes of them when it ends in the middle. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeKey } from "../../src/collection/key.ts";
import type { Value } from "../../src/collection/value.ts";
import { openTarget } from "../../src/drivers/open-target.ts";
import { copyOut } from "../../src/drivers/postgres/copy-out.ts";
import { quote } from "../../src/drivers/postgres/quote.ts";
import { OutgrowError } from "../../src/errors.ts";
import type { Column } from "../../src/layout/layout.ts";
import type { Driver, Target } from "../../src/store/driver.ts";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { until } from "../support/fault-copy.ts";
import { workplace } from "../support/moving.ts";
import { freshDatabase } from "../support/postgres.ts";
import { sql } from "../support/sql.ts";
import { type Fault, startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { codeOf, layoutOf, type MakeMove, type MoveAtHand, record, workbench } from "./backends.ts";

let database: Awaited<ReturnType<typeof freshDatabase>>;
let target: Target;
let make: MakeMove;

beforeAll(async () => {
  database = await freshDatabase();
  target = await openTarget(database.url);
  make = workbench(target);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await database.drop();
});

const AT = { tenant: "default", collection: "things" };
/** Some 3 MB: more than is on its way at once. */
const MANY = 20_000;
const SOME = 7000;

const tableOf = ({ schema }: MoveAtHand): string => `${quote(schema)}.things`;

/** A move whose table holds so many rows. */
async function filled(count: number): Promise<MoveAtHand> {
  const move = await make();
  await sql(
    database.url,
    `insert into ${tableOf(move)} (id, title)
     select 'k' || n, repeat('x', 100) from generate_series(1, ${count}) n`,
  );
  return move;
}

/** In the middle of its rows the server falls asleep, as one whose disk does not answer. */
async function asleep(move: MoveAtHand): Promise<void> {
  const stored = `${quote(move.schema)}.stored`;
  await sql(
    database.url,
    `alter table ${tableOf(move)} rename to stored;
     create view ${tableOf(move)} as select * from ${stored}
     where case when id = 'k${MANY / 2}' then pg_sleep(60)::text is not null else true end`,
  );
}

/** How many are told when nothing comes in between. */
async function told(driver: Driver): Promise<number> {
  const keys = new Set<string>();
  await driver.digests?.(AT, (key) => keys.add(key));
  return keys.size;
}

describe("texts that COPY escapes", () => {
  const columns: readonly Column[] = [
    { name: "title", codec: "text", path: ["title"], nullMeans: "absent" },
    { name: "note", codec: "text", path: ["note"], nullMeans: "null" },
    { name: "data", codec: "jsonb", path: ["data"], nullMeans: "absent" },
    { name: "count", codec: "integer", path: ["count"], nullMeans: "absent" },
  ];
  const controls = Array.from({ length: 31 }, (_, index) => String.fromCharCode(index + 1));
  const TEXTS = [
    ...controls,
    "",
    ...["\\", "\\\\", "\\\\\\", "\\.", "\\n", "\\t", "\\x41", "\\101", "C:\\new\\table\\0"],
    ...["\\N", "N", "\\\\N", "a\\Nb", "\\N\\N", "\t\\N\t", "\\N\n"],
    ...["\ta\t\tb\t", "\na\r\n\rb\n", "\b\f\v\u007f", "a\tb\\\nc\\"],
    ...["😀", "é\t😀\\😀\n", "\u{10ffff}", "\u2028\ufeff", "\ufeffbehind a mark", "\ufeff"],
    ...['"', '{"a":"\\\\n"}', "null", "t", "f"],
    `${"\\N\t\n\\😀".repeat(100)}end`,
  ];
  const LONG = "0123456789\\\t\n\r\\N😀é".repeat(10_000);

  const expectAll = async (values: Readonly<Record<string, Value>>): Promise<void> => {
    const move = await make([layoutOf("things", { columns })]);
    await move.put(Object.entries(values).map(([key, value]) => record(key, value)));
    // Which holds the digests against those of what is rebuilt.
    const ledgerText = (key: string): string => encodeKey(key).slice(1);
    expect(await move.rows()).toEqual(
      Object.fromEntries(Object.entries(values).map(([key, value]) => [ledgerText(key), value])),
    );
  };
  const each = (made: (text: string) => Value): Record<string, Value> =>
    Object.fromEntries(TEXTS.map((text, index) => [`k${index}`, made(text)]));

  it("law L1: in a text, beside NULL and beside an empty one", async () => {
    await expectAll(each((text) => ({ title: text, note: text, count: 1 })));
    await expectAll(each((text) => ({ title: text, note: null })));
    await expectAll(each((text) => ({ note: text })));
    await expectAll(each((text) => ({ title: "", note: text })));
  });

  it("law L1: in JSON: as a value, in a list, as a name", async () => {
    await expectAll(each((text) => ({ note: null, data: { [`n${text}`]: [text, { text }] } })));
    await expectAll(each((text) => ({ note: text, data: [text, "", null, `\\"${text}`] })));
    await expectAll(each((text) => ({ note: "", data: [{ [text]: "\\" }] })));
  });

  it("law L1: as the key", async () => {
    const keys = TEXTS.filter((text) => text !== "");
    await expectAll(Object.fromEntries(keys.map((text) => [text, { note: null, title: text }])));
  });

  it("law L1: beside what only the rest can say", async () => {
    await expectAll(each((text) => ({ note: text, more: text, data: [text] })));
    await expectAll(each((text) => ({ note: `${text}\0`, title: text })));
    await expectAll(each((text) => ({ note: null, count: text, title: text })));
  });

  it("law L1: in texts of 200 KB, among short ones", async () => {
    await expectAll({
      a: { note: "a" },
      b: { note: LONG, title: "\\N" },
      c: { note: null, data: [LONG, { [LONG.slice(0, 70_000)]: LONG }] },
      d: { note: "\\N", title: LONG },
      e: { note: null },
    });
    await expectAll({ a: { note: "x".repeat(200_000) } });
  });
});

describe("whoever takes them gives up", () => {
  it("fault: what it throws is what it is told, whether the rest is still on its way or there", async () => {
    for (const count of [1, 3, MANY]) {
      const { driver } = await filled(count);
      // More often than the pool has connections: none of them may stay behind.
      for (const at of new Set([1, Math.ceil(count / 3), Math.ceil(count / 2), count])) {
        for (const thrown of [new RangeError("no more"), new OutgrowError("TARGET_FULL")]) {
          let seen = 0;
          const taken = driver.digests?.(AT, () => {
            if (++seen === at) throw thrown;
          });
          const caught = await taken?.catch((error: unknown) => error);
          expect(caught, `${at} of ${count}`).toBe(thrown);
          expect(seen).toBe(at);
        }
      }
      expect(await told(driver)).toBe(count);
    }
  });

  it("fault: it is interrupted from within, at any row, even the last", async () => {
    for (const count of [3, MANY]) {
      const { driver } = await filled(count);
      for (const at of [1, Math.ceil(count / 2), count]) {
        const giveUp = new AbortController();
        let seen = 0;
        const take = () => {
          if (++seen === at) giveUp.abort();
        };
        const taken = driver.digests?.(AT, take, { signal: giveUp.signal }) as Promise<void>;
        expect(await codeOf(taken), `${at} of ${count}`).toBe("INTERRUPTED");
        expect(seen).toBe(at);
      }
      expect(await told(driver)).toBe(count);
    }
  });

  it("fault: what it throws is told before the server has sent all", async () => {
    const move = await filled(MANY);
    await asleep(move);
    let seen = 0;
    const taken = move.driver.digests?.(AT, () => {
      if (++seen === SOME) throw new OutgrowError("TARGET_FULL");
    });
    const startedAt = performance.now();
    expect(await codeOf(taken as Promise<void>)).toBe("TARGET_FULL");
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });

  it("fault: it is interrupted while the server says nothing", async () => {
    const move = await filled(MANY);
    await asleep(move);
    const giveUp = new AbortController();
    let seen = 0;
    const take = () => {
      if (++seen === SOME) setImmediate(() => giveUp.abort());
    };
    const taken = move.driver.digests?.(AT, take, { signal: giveUp.signal }) as Promise<void>;
    expect(await codeOf(taken)).toBe("INTERRUPTED");
    expect(seen).toBeLessThan(MANY);
    expect(await move.driver.read(AT, ["s-"])).toEqual([undefined]);
  });
});

/** A cut, and the like, in front of a row in the middle. */
function midway(deed: Fault["deed"]): Fault {
  let rows = 0;
  const at: Fault["at"] = ({ type }) => type === "d" && ++rows === SOME;
  return { direction: "down", at, when: "before", deed };
}

describe("the server is lost in the middle", () => {
  it("fault F09: it ends the session: an error that may be tried again", async () => {
    const move = await filled(MANY);
    await asleep(move);
    let seen = 0;
    const taken = move.driver.digests?.(AT, () => seen++) as Promise<void>;
    taken.catch(() => {});
    await until("rows have come", async () => seen > SOME);
    const ended = await sql(
      database.url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where query like 'copy (%${quote(move.schema)}%'`,
    );
    expect(ended).toHaveLength(1);
    await expect(taken).rejects.toMatchObject({ code: "TARGET_UNREACHABLE", retry: true });
    expect(seen).toBeLessThan(MANY);
    await sql(database.url, `drop view ${tableOf(move)}`);
    await sql(database.url, `alter table ${quote(move.schema)}.stored rename to things`);
    expect(await told(move.driver)).toBe(MANY);
  });

  it("fault F09: the way to it is cut: an error that may be tried again, and no verify is clean", async () => {
    await using place = await workplace();
    const things = Array.from({ length: MANY }, (_, id) => ({ id, title: `${id} `.repeat(20) }));
    const source = `json:${await place.file("app.json", JSON.stringify({ things }))}`;
    await copy(source, place.target, { move: "m" });
    await using proxy = await startProxy(place.url);
    await using through = await openTarget(proxy.through(place.url));
    const driver = await through.open("m");
    for (const deed of ["cut", "reset"] as const) {
      proxy.arm(midway(deed));
      const lost = { code: "TARGET_UNREACHABLE", retry: true };
      await expect(told(driver), deed).rejects.toMatchObject(lost);
      expect(proxy.reached).toHaveLength(1);
      proxy.arm(midway(deed));
      await expect(verify(source, through, { move: "m" }), deed).rejects.toMatchObject(lost);
      expect(proxy.reached).toHaveLength(1);
      expect((await place.target.ledger.find("m"))?.phase).toBe("copied");
    }
    expect(await told(driver)).toBe(MANY);
    expect((await verify(source, through, { move: "m" })).clean).toBe(true);
  });
});

describe("a server that says nothing", () => {
  const ROWS = `select n, repeat('x', 100) from generate_series(1, ${MANY}) n`;

  /** A client of a pool as the driver's is. */
  const pooled = async (
    url: string,
    work: (client: pg.PoolClient) => Promise<void>,
  ): Promise<pg.Pool> => {
    const pool = new pg.Pool({ connectionString: url, query_timeout: 400 });
    pool.on("connect", (client) => client.on("error", () => {}));
    const client = await pool.connect();
    try {
      await work(client);
    } finally {
      client.release(true);
      await pool.end();
    }
    return pool;
  };

  const sessions = (proxy: TcpProxy): Promise<boolean> =>
    until("the server's end of it has ended", async () => {
      const [found] = await sql<{ n: number }>(
        database.url,
        `select count(*)::int as n from pg_stat_activity
         where datname = current_database() and query like 'copy (select n,%'`,
      );
      return proxy.connections === 1 && found?.n === 0;
    });

  it.each([
    ["from the first byte on", { direction: "down", at: 1, when: "before", deed: "hang" }],
    ["in the middle of its rows", midway("hang")],
    ["when all rows have come", { ...midway("hang"), at: ({ type }) => type === "c" }],
  ] as const satisfies readonly (readonly [string, Fault])[])(
    "fault: %s is given up, and nothing is left of it",
    async (_, fault) => {
      await using proxy = await startProxy(database.url);
      await pooled(proxy.through(database.url), async (client) => {
        await client.query("select 1");
        proxy.arm(fault);
        const startedAt = performance.now();
        await expect(copyOut(client, ROWS, () => {}, 700)).rejects.toMatchObject({
          code: "TARGET_UNREACHABLE",
        });
        expect(proxy.reached).toHaveLength(1);
        const took = performance.now() - startedAt;
        expect([took > 600, took < 15_000]).toEqual([true, true]);
        await expect(client.query("select 1")).rejects.toThrow();
      });
      await sessions(proxy);
    },
  );

  it("input: a table that takes long is read to its end, as long as something comes", async () => {
    // 2 seconds in all, 200 ms of silence at the most; a whole answer may take 400 ms otherwise.
    const slow = `select n, repeat('x', 100), pg_sleep(case when n % 256 = 0 then 0.2 else 0 end)
      from generate_series(1, ${10 * 256}) n`;
    let rows = 0;
    await pooled(database.url, async (client) => {
      await copyOut(client, slow, () => rows++, 1200);
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    });
    expect(rows).toBe(10 * 256);
  });
});
