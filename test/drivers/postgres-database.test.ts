/** A Postgres server over TCP: values, transactions, and everything that a network does to them. */
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyBinary } from "../../src/drivers/postgres/copy-binary.ts";
import type { SqlDatabase, SqlTransaction } from "../../src/drivers/postgres/database.ts";
import { openPostgres, postgresTarget } from "../../src/drivers/postgres/index.ts";
import { freshDatabase } from "../support/postgres.ts";
import { codeOf, layoutOf, newMove, record, workbench } from "./backends.ts";

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let db: SqlDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = await openPostgres(fresh.url);
  await db.query("create table t (id int primary key, text text)");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await fresh.drop();
});

const insert = (sql: Pick<SqlDatabase, "query">, id: number) =>
  sql.query("insert into t values ($1, 'x')", [String(id)]);
const ids = async (): Promise<string> =>
  (await db.query("select coalesce(string_agg(id::text, ',' order by id), '') from t"))
    .rows[0]?.[0] ?? "";

/** What a proxy does when it sees a COMMIT go by. */
type Fault = "cut before" | "cut after" | "swallow";

/** A way to the server that fails at the first COMMIT once `arm` was called. */
async function proxied(fault: Fault) {
  const target = new URL(fresh.url);
  let armed = false;
  let reached = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let committed = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("data", (data) => {
      if (armed && data.includes("commit\0")) {
        reached++;
        committed = true;
        if (fault === "cut before") return void [client.destroy(), upstream.destroy()];
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!committed) client.write(data);
      else if (fault === "cut after") client.destroy();
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const url = new URL(fresh.url);
  url.port = String(port);
  return {
    url: url.href,
    arm: () => {
      armed = true;
    },
    reached: () => reached,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("values", () => {
  test("law L1: everything arrives as text in one form, whatever the database's own settings are", async () => {
    await db.query(
      `alter database ${new URL(fresh.url).pathname.slice(1)} set timezone = 'Asia/Tokyo'`,
    );
    await db.query(
      `alter database ${new URL(fresh.url).pathname.slice(1)} set datestyle = 'German'`,
    );
    await using other = await openPostgres(fresh.url);
    const { rows, count } = await other.query(
      "select $1::bigint, $2::timestamptz, $3::bytea, $4::float8, $5::json, $6::text, $7::bool",
      [
        "9007199254740993",
        "2020-01-02T03:04:05.5+02:00",
        new Uint8Array([0, 255]),
        "0.1",
        '{"b":1.0,"a":[]}',
        null,
        "true",
      ],
    );
    expect(rows).toEqual([
      [
        "9007199254740993",
        "2020-01-02 01:04:05.5+00",
        "\\x00ff",
        "0.1",
        '{"b":1.0,"a":[]}',
        null,
        "t",
      ],
    ]);
    expect(count).toBe(1);
  });

  test("sec: an address is shown without its password, and so is every error about it", async () => {
    const url = new URL(fresh.url);
    url.password = "hunter2";
    url.searchParams.set("pgbouncer", "true");
    url.searchParams.set("connection_limit", "1");
    await using other = await openPostgres(url.href);
    expect(other.label).not.toContain("hunter2");
    expect(other.label).toContain(url.hostname);
    url.port = "1";
    const failed = await openPostgres(url.href).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "TARGET_UNREACHABLE" });
    expect(JSON.stringify([failed, String(failed)])).not.toContain("hunter2");
    const malformed = await openPostgres("postgres://me:hunter2@[/x").catch(
      (error: unknown) => error,
    );
    expect(malformed).toMatchObject({ code: "TARGET_ADDRESS" });
    expect(String(malformed)).not.toContain("hunter2");
  });
});

describe("transactions", () => {
  test("law T2: a throw rolls back and is rethrown; a transaction that ended is no longer of use", async () => {
    const before = await ids();
    let leaked: SqlTransaction | undefined;
    const work = db.transaction(async (sql) => {
      leaked = sql;
      await insert(sql, 1);
      throw new RangeError("mine");
    });
    await expect(work).rejects.toThrow(new RangeError("mine"));
    await expect(leaked?.query("select 1")).rejects.toThrow(TypeError);
    expect(await ids()).toBe(before);
  });

  test("fault: a failed statement that its caller forgave does not look committed", async () => {
    const work = db.transaction(async (sql) => {
      await insert(sql, 2);
      await sql.query("select 1 / 0").catch(() => {});
    });
    expect(await codeOf(work)).toBe("TARGET_REFUSED");
    expect(await ids()).not.toContain("2");
  });

  test("fault: a refused COPY leaves the connection usable", async () => {
    for (let round = 0; round < 6; round++) {
      const rows = Array.from({ length: 40_000 }, (_, id) => [id % 30_000, "x".repeat(20)]);
      const refused = db.transaction((sql) =>
        sql.copyIn("t", ["id", "text"], copyBinary(["integer", "text"], rows)),
      );
      await expect(refused).rejects.toMatchObject({ sqlState: "23505" });
      const missing = db.transaction((sql) =>
        sql.copyIn("nowhere", ["id"], copyBinary(["integer"], [[1]])),
      );
      await expect(missing).rejects.toMatchObject({ sqlState: "42P01" });
      const torn = db.transaction((sql) =>
        sql.copyIn(
          "t",
          ["id"],
          copyBinary(["integer"], [[1]]).map((chunk) => chunk.subarray(0, -4)),
        ),
      );
      await expect(torn).rejects.toMatchObject({ sqlState: "22P04" });
    }
    expect((await db.query("select 1")).rows).toEqual([["1"]]);
  });

  test("law D3: a cursor streams, and a read-only transaction writes nothing", async () => {
    const sizes: number[] = [];
    await db.transaction(
      async (sql) => {
        for await (const rows of sql.cursor(
          "select * from generate_series(1, $1::int)",
          ["25"],
          10,
        )) {
          sizes.push(rows.length);
        }
      },
      { readOnly: true },
    );
    expect(sizes).toEqual([10, 10, 5]);
    const write = db.transaction((sql) => insert(sql, 3), { readOnly: true });
    await expect(write).rejects.toMatchObject({ sqlState: "25006" });
  });

  test("fault F17: a statement ends at its deadline", async () => {
    await using hasty = await openPostgres(fresh.url, { statementMs: 100 });
    expect(await codeOf(hasty.query("select pg_sleep(20)"))).toBe("TIMEOUT");
    expect((await hasty.query("select 1")).rows).toEqual([["1"]]);
  });

  test.each([
    ["0", "1min", "0"],
    ["2h", "1min", "2h"],
    ["700ms", "700ms", "700ms"],
  ])(
    "fault F51: who is frozen in a transaction that writes holds its locks for a minute at most (server: %s)",
    async (server, writing, reading) => {
      const url = new URL(fresh.url);
      url.searchParams.set("options", `-c idle_in_transaction_session_timeout=${server}`);
      await using other = await openPostgres(url.href);
      const ask = (readOnly: boolean) =>
        other.transaction(
          async (sql) =>
            (await sql.query("select current_setting('idle_in_transaction_session_timeout')"))
              .rows[0]?.[0],
          { readOnly },
        );
      expect([await ask(false), await ask(true)]).toEqual([writing, reading]);
      // Nothing of it stays with the session, which a pooler may give to others.
      expect(await ask(true)).toBe(reading);
    },
  );

  test("fault F51: a session that was ended in its transaction is TARGET_UNREACHABLE, and its locks are free", async () => {
    const url = new URL(fresh.url);
    url.searchParams.set("options", "-c idle_in_transaction_session_timeout=100ms");
    await using frozen = await openPostgres(url.href);
    const slept = frozen.transaction(async (sql) => {
      await insert(sql, 51);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return sql.query("select 1");
    });
    expect(await codeOf(slept)).toBe("TARGET_UNREACHABLE");
    await insert(db, 51);
    await db.query("delete from t where id = 51");
  });

  test("fault: an abort ends a statement that is under way, and nothing of it stays", async () => {
    const stop = new AbortController();
    const work = db.transaction(
      async (sql) => {
        await insert(sql, 4);
        setTimeout(() => stop.abort(), 50);
        await sql.query("select pg_sleep(20)");
      },
      { signal: stop.signal },
    );
    expect(await codeOf(work)).toBe("INTERRUPTED");
    expect(await codeOf(db.transaction(async () => {}, { signal: stop.signal }))).toBe(
      "INTERRUPTED",
    );
    expect(await ids()).not.toContain("4");
  });
});

describe("connections", () => {
  test("fault F09: a connection that the server ends, busy or idle, costs one call and no more", async () => {
    const end = (pid: string | null | undefined) =>
      db.query("select pg_terminate_backend($1::int)", [pid ?? ""]);
    const pid = async (sql: Pick<SqlDatabase, "query">) =>
      (await sql.query("select pg_backend_pid()")).rows[0]?.[0];
    await using other = await openPostgres(fresh.url);
    await end(await pid(other)); // idle in the pool
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await other.query("select 1")).rows).toEqual([["1"]]);
    const between = other.transaction(async (sql) => {
      await insert(sql, 5);
      await end(await pid(sql));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await sql.query("select 1");
    });
    expect(await codeOf(between)).toBe("TARGET_UNREACHABLE");
    const during = other.transaction(async (sql) => {
      const number = await pid(sql);
      setTimeout(() => void end(number), 50);
      await sql.query("select pg_sleep(20)");
    });
    expect(await codeOf(during)).toBe("TARGET_UNREACHABLE");
    expect((await other.query("select 1")).rows).toEqual([["1"]]);
    expect(await ids()).not.toContain("5");
  });

  test.each([
    ["cut before", 6, false],
    ["cut after", 7, true],
  ] as const)(
    "fault F10, F11: %s the server has the COMMIT: OUTCOME_UNKNOWN",
    async (fault, id, there) => {
      await using way = await proxied(fault);
      await using other = await openPostgres(way.url);
      way.arm();
      expect(await codeOf(other.transaction((sql) => insert(sql, id)))).toBe("OUTCOME_UNKNOWN");
      expect(way.reached()).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await ids()).includes(String(id))).toBe(there);
    },
  );

  test("fault F13: a server that says nothing any more is not waited for", async () => {
    await using way = await proxied("swallow");
    await using other = await openPostgres(way.url, { statementMs: 100 });
    way.arm();
    expect(await codeOf(other.transaction((sql) => insert(sql, 8)))).toBe("OUTCOME_UNKNOWN");
  }, 120_000);

  test("fault: a closed database refuses, and closing twice is fine", async () => {
    const other = await openPostgres(fresh.url);
    await other[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    expect(await codeOf(other.query("select 1"))).toBe("STORE_CLOSED");
  });
});

describe("row security", () => {
  test("sec: under forced row security rows go through the staged path, and a policy's refusal stands", async () => {
    await using target = postgresTarget(await openPostgres(fresh.url));
    const role = new URL(fresh.url).pathname.slice(1);
    await target.ledger.create(newMove([layoutOf("seen")], { name: "setup", schema: "setup" }));
    await db.query(`create role ${role} login; grant create on database ${role} to ${role};
      alter schema outgrow owner to ${role}; grant all on all tables in schema outgrow to ${role};
      grant all on all sequences in schema outgrow to ${role}`);
    const url = new URL(fresh.url);
    url.username = role;
    await using app = postgresTarget(await openPostgres(url.href));
    const move = workbench(app);
    const { name, schema, rows } = await move([layoutOf("things", { tenantColumn: "tenant_id" })]);
    await db.query(`alter table "${schema}".things force row level security;
      alter table "${schema}".things enable row level security;
      create policy p on "${schema}".things using (tenant_id = 'default') with check (tenant_id in ('default', 'hidden'))`);
    const driver = await app.open(name);
    const commit = (tenant: string) =>
      driver.commit({
        tenant,
        writes: [{ collection: "things", records: [record("a", { title: "a" })] }],
      });
    expect(await commit("default")).toMatchObject({ applied: 1 });
    expect(await commit("default")).toMatchObject({ duplicate: 1 });
    expect(await rows()).toEqual({ a: { title: "a" } });
    expect(await codeOf(commit("refused"))).toBe("TARGET_REFUSED");
    // A policy that lets write what it does not let see.
    expect(await commit("hidden")).toMatchObject({ applied: 1 });
    expect(await rows({ tenant: "hidden", collection: "things" })).toEqual({});
    await app[Symbol.asyncDispose]();
    await db.query(`drop owned by ${role} cascade; drop role ${role}`);
  });
});
