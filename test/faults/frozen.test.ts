/** Servers that say nothing, take too long, or throw their clients out (A6): every call ends, and then it goes on. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CopyTry, goOn, LOST, tryCopy, until } from "../support/fault-copy.ts";
import { isCommit, type Message, says } from "../support/fault-framing.ts";
import { appFile, onServer, reached, seeded, stateOf, times } from "../support/fault-move.ts";
import { startMover } from "../support/fault-mover.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type Fault, startProxy } from "../support/tcp-proxy.ts";

/** A statement's deadline and the grace for its reply (5 s), eight attempts, and what lies between them. */
const SHORT: CopyTry = { move: "m", schema: "m", statementMs: 400, connectMs: 300 };
const LIMIT_MS = 30_000;

const checkpoint = (message: Message): boolean => says(message, "insert into outgrow.checkpoint");

interface Case {
  readonly place: Workplace;
  readonly source: string;
  readonly expected: Record<string, string>;
}

async function aCase(place: Workplace): Promise<Case> {
  const source = await place.file("app.json", appFile({ people: 20 }));
  await goOn(place.url, source, { move: "clean", schema: "m" });
  const expected = await stateOf(place.url, "clean");
  await place.target.ledger.drop("clean");
  return { place, source, expected };
}

/** It ends within its limit, and the same call then goes on to the end of an undisturbed one. */
async function endsAndGoesOn(
  { place, source, expected }: Case,
  url: string,
  ended: readonly string[],
  after: () => Promise<void> | void,
): Promise<string> {
  const startedAt = performance.now();
  const how = await tryCopy(url, source, SHORT);
  expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
  expect(ended).toContain(how);
  await after();
  await goOn(url, source, { ...SHORT, statementMs: 20_000, connectMs: 10_000 });
  expect(await stateOf(place.url, "m")).toEqual(expected);
  return how;
}

describe.concurrent("anchor A6: silence", () => {
  const PLACES: readonly (readonly [
    string,
    Fault["direction"],
    Fault["deed"],
    (message: Message) => boolean,
  ])[] = [
    ["to a COPY", "down", "hang", ({ type }) => type === "G"],
    ["to a checkpoint", "up", "mute", checkpoint],
    ["to a COMMIT of a batch", "up", "mute", commitBehind(checkpoint)],
  ];
  it.each(PLACES)(
    "fault F13: no reply %s: given up in time, and done again",
    async (_, direction, deed, at) => {
      await using place = await workplace();
      const one = await aCase(place);
      await using proxy = await startProxy(place.url);
      proxy.arm({ direction, at, when: direction === "up" ? "after" : "before", deed });
      await endsAndGoesOn(one, proxy.through(place.url), ["done"], () => {});
      expect(proxy.reached.length).toBe(1);
    },
  );

  it("fault F13: the command line ends although its connection never does", async () => {
    await using place = await workplace();
    const { source, expected } = await aCase(place);
    await using proxy = await startProxy(place.url);
    const at = (message: Message): boolean => {
      if (checkpoint(message)) proxy.refuse(true);
      return checkpoint(message);
    };
    proxy.arm({ direction: "up", at, when: "after", deed: "freeze" });
    const url = `${proxy.through(place.url)}?query_timeout=1000`;
    const startedAt = performance.now();
    const mover = startMover([
      "copy",
      source,
      "--to",
      url,
      "--move",
      "m",
      "--schema",
      "m",
      "--json",
    ]);
    const { code, stdout } = await mover.ended;
    expect([code, JSON.parse(stdout).error.code]).toEqual([1, "TARGET_UNREACHABLE"]);
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    proxy.cutAll();
    await goOn(place.url, source, SHORT);
    expect(await stateOf(place.url, "m")).toEqual(expected);
  });

  it("fault F15: the whole server freezes: the copy ends with a code, and goes on when it thaws", async () => {
    await using place = await workplace();
    const one = await aCase(place);
    await using proxy = await startProxy(place.url);
    const at = (message: Message): boolean => {
      if (checkpoint(message)) proxy.freeze(true);
      return checkpoint(message);
    };
    proxy.arm({ direction: "up", at, when: "after", deed: "freeze" });
    await endsAndGoesOn(one, proxy.through(place.url), ["TARGET_UNREACHABLE"], () =>
      proxy.freeze(false),
    );
  });

  it("fault F15: Ctrl-C while the server is frozen: asked once it waits for the batch, asked twice it ends", async () => {
    await using place = await workplace();
    const { source, expected } = await aCase(place);
    await using proxy = await startProxy(place.url);
    proxy.arm({ direction: "up", at: checkpoint, when: "after", deed: "freeze" });
    const to = ["--move", "m", "--schema", "m"];
    const mover = startMover(["copy", source, "--to", proxy.through(place.url), ...to]);
    while (proxy.reached.length === 0) await sleep(10);
    await sleep(300);
    mover.signal("SIGINT");
    await sleep(300);
    expect(mover.running).toBe(true);
    const asked = performance.now();
    mover.signal("SIGINT");
    expect((await mover.ended).code).toBe(3);
    expect(performance.now() - asked).toBeLessThan(2000);
    proxy.cutAll();
    await goOn(place.url, source, SHORT);
    expect(await stateOf(place.url, "m")).toEqual(expected);
  });

  it("fault F17: a statement that waits longer than it may is TIMEOUT, and the copy goes on later", async () => {
    await using place = await workplace();
    const one = await aCase(place);
    await using holder = await locking(place.url, "m.people");
    await endsAndGoesOn(one, place.url, ["TIMEOUT"], () => holder.end());
  });

  it("fault F16: a lock that the server's lock_timeout gives up on is TARGET_BUSY, and is waited out", async () => {
    await using place = await workplace();
    const one = await aCase(place);
    const database = new URL(place.url).pathname.slice(1);
    await onServer(place.url, (query) =>
      query(`alter database ${database} set lock_timeout = '100ms'`),
    );
    await using first = await locking(place.url, "m.people");
    expect(await endsAndGoesOn(one, place.url, ["TARGET_BUSY"], () => first.end())).toBe(
      "TARGET_BUSY",
    );
    await place.target.ledger.drop("m");
    await using second = await locking(place.url, "m.people");
    void second.locked.then(() => sleep(300)).then(() => second.end());
    expect(await endsAndGoesOn(one, place.url, ["done"], () => {})).toBe("done");
  });

  it("fault F22: idle connections that the server closes are replaced", async () => {
    await using place = await workplace();
    const { source, expected } = await aCase(place);
    await using proxy = await startProxy(place.url);
    const thrown = proxy.watch(
      ({ direction, type, bytes }) =>
        direction === "down" && type === "E" && bytes.includes("57P05"),
    );
    proxy.pace({ delayMs: 1 });
    // Of this copy's connections alone: our own look at the server may be idle for longer.
    const url = `${proxy.through(place.url)}?options=${encodeURIComponent("-c idle_session_timeout=5ms")}`;
    const how = await tryCopy(url, source, SHORT);
    expect(["done", ...LOST]).toContain(how);
    await goOn(place.url, source, SHORT);
    expect(await stateOf(place.url, "m")).toEqual(expected);
    expect(thrown.count).toBeGreaterThan(0);
  });

  it("anchor A6, fault F09: pg_terminate_backend at random moments of a copy", async () => {
    const random = seeded(20261130);
    await using place = await workplace();
    const one = await aCase(place);
    await using proxy = await startProxy(place.url);
    const counts = { terminated: 0, ended: 0 };
    for (let round = 0; round < times(12); round++) {
      let killed: Promise<unknown> = Promise.resolve();
      const moment = 10 + random.below(370);
      const at = (_: Message, number: number): boolean => {
        if (number === moment) {
          counts.terminated++;
          killed = onServer(place.url, (query) =>
            query(
              "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outgrow' and datname = current_database()",
            ),
          );
        }
        return false;
      };
      proxy.arm({ direction: "up", at, when: "before", deed: "cut" });
      await endsAndGoesOn(one, proxy.through(place.url), ["done", ...LOST], () =>
        killed.then(() => {}),
      );
      counts.ended++;
      await place.target.ledger.drop("m");
    }
    reached("A6 terminate", random.seed, counts);
  });
});

/** The COMMIT of a transaction in which such a message was. */
function commitBehind(matches: (message: Message) => boolean): (message: Message) => boolean {
  const had = new Set<number>();
  return (message) => {
    if (matches(message)) had.add(message.connection);
    return isCommit(message) && had.delete(message.connection);
  };
}

/** A session of somebody else's that locks a table as soon as it is there. */
async function locking(url: string, table: string) {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => {
    ended ??= client.end();
    return ended;
  };
  const locked = until(`${table} is there`, async () => {
    const { rows } = await client.query("select to_regclass($1) as found", [table]);
    return rows[0].found !== null;
  }).then(() => client.query(`begin; lock table ${table} in share mode`));
  locked.catch(() => {});
  return { locked, end, [Symbol.asyncDispose]: end };
}

describe("a backend that is stopped", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it("anchor A6, fault F16: SIGSTOP of the backend that holds the move's lock: a code in time; woken, it rolls back", async () => {
    await using place = await workplace();
    const { source, expected } = await aCase(place);
    await using proxy = await startProxy(server.url);
    const pids = new Map<number, number>();
    const stopped: number[] = [];
    const at = (message: Message): boolean => {
      const { type, direction, bytes, connection } = message;
      // BackendKeyData says which process serves the connection.
      if (direction === "down" && type === "K") pids.set(connection, bytes.readInt32BE(5));
      return false;
    };
    proxy.watch(at);
    proxy.watch((message) => {
      const pid = pids.get(message.connection);
      if (!checkpoint(message) || pid === undefined || stopped.length > 0) return false;
      process.kill(pid, "SIGSTOP");
      return stopped.push(pid) > 0;
    });
    const startedAt = performance.now();
    const how = await tryCopy(proxy.through(server.url), source, SHORT);
    expect([how, stopped.length]).toEqual(["TIMEOUT", 1]);
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    for (const pid of stopped) process.kill(pid, "SIGCONT");
    await goOn(server.url, source, { move: "m", schema: "m" });
    expect(await stateOf(server.url, "m")).toEqual(expected);
  });
});
