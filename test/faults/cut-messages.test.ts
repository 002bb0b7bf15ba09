/** A connection that is cut at every message of a copy, in both directions (A5); and how often it is then tried. */
import { expect, it } from "vitest";
import { goOn, LOST, tryCopy } from "../support/fault-copy.ts";
import {
  type Direction,
  isCommit,
  isCommitted,
  type Message,
  says,
} from "../support/fault-framing.ts";
import { appFile, reached, seeded, stateOf, times } from "../support/fault-move.ts";
import { type Workplace, workplace } from "../support/moving.ts";
import { sql } from "../support/sql.ts";
import { type Fault, startProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const DEEDS = ["cut", "reset", "half-close"] as const;
const MOVE = "m";

interface Cuts extends AsyncDisposable {
  readonly proxy: TcpProxy;
  readonly counts: Record<string, number>;
  /** Copies under this fault and checks what becomes of it. `false` when the copy never came to it. */
  under(fault: Fault): Promise<boolean>;
}

/** A move of a small app by way of a proxy, undone after each case: each begins with an empty database. */
async function cuts(place: Workplace, seed: number): Promise<Cuts> {
  const source = await place.file("app.json", appFile({ people: 20 }));
  const proxy = await startProxy(place.url);
  const through = proxy.through(place.url);
  const options = { move: MOVE, schema: MOVE };
  await goOn(place.url, source, options);
  const expected = await stateOf(place.url, MOVE);
  await place.target.ledger.drop(MOVE);
  const counts = { cuts: 0, "commit unknown": 0, "ended by itself": 0, "with a code": 0 };
  const under = async (fault: Fault): Promise<boolean> => {
    proxy.arm(fault);
    const before = proxy.connections;
    const ended = await tryCopy(through, source, options);
    const [message] = proxy.reached;
    if (message === undefined) {
      expect(ended).toBe("done");
    } else {
      const what = `seed=${seed} ${JSON.stringify({ ...fault, type: message.type })}`;
      counts.cuts++;
      counts[ended === "done" ? "ended by itself" : "with a code"]++;
      if (ended !== "done") expect(LOST, what).toContain(ended);
      if (isUnknown(fault, message)) counts["commit unknown"]++;
      expect(proxy.connections - before, what).toBeLessThanOrEqual(8);
    }
    proxy.arm();
    if (ended !== "done") await goOn(through, source, options);
    expect(await stateOf(place.url, MOVE), JSON.stringify(fault)).toEqual(expected);
    await place.target.ledger.drop(MOVE);
    return message !== undefined;
  };
  return { proxy, counts, under, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
}

/** Cut where the client cannot know: its COMMIT is on the way, or the answer to it. */
function isUnknown(fault: Fault, message: Message): boolean {
  return (
    (isCommit(message) && fault.when === "after") ||
    (isCommitted(message) && fault.when === "before")
  );
}

const SIDES = (["up", "down"] as const).flatMap((direction) =>
  (["before", "after"] as const).map((when) => [direction, when] as const),
);

/** How many messages of each direction and side the test run tries; a campaign comes to all of them. */
const EACH = 8;

it(
  "anchor A5, fault F12: cut at the n-th message, n = 1.. until the copy ends without it: the end is that of a clean one",
  async () => {
    const random = seeded(20261125);
    await using place = await workplace();
    await using one = await cuts(place, random.seed);
    // Some way to go for the counter loops: the messages of one copy.
    one.proxy.arm();
    await one.under({ direction: "up", at: Number.MAX_SAFE_INTEGER, when: "after", deed: "cut" });
    for (const [direction, when] of SIDES) {
      const many = times(EACH);
      const total = direction === "up" ? 380 : 600;
      const step = Math.max(1, Math.floor(total / many));
      for (let at = 1 + random.below(step); ; at += step) {
        if (!(await one.under({ direction, when, at, deed: random.pick(DEEDS) }))) break;
      }
    }
    const { cuts: all, "ended by itself": itself, "with a code": code } = one.counts;
    reached("A5 n-th message", random.seed, {
      cuts: all ?? 0,
      "ended by itself": itself ?? 0,
      "with a code": code ?? 0,
    });
  },
  60_000 * Math.max(2, Number(process.env["RUNS"] ?? 1)),
);

it(
  "anchor A5, faults F10 and F11: cut before and after every COMMIT and before its reply: applied once",
  async () => {
    const random = seeded(20261126);
    await using place = await workplace();
    await using one = await cuts(place, random.seed);
    const ways: readonly (readonly [
      Direction,
      Fault["when"],
      (message: Message) => boolean,
      number,
    ])[] = [
      ["up", "after", isCommit, times(1) > 1 ? 1 : 3],
      ["down", "before", isCommitted, times(1) > 1 ? 1 : 3],
      ["up", "before", isCommit, times(1) > 1 ? 1 : 5],
    ];
    for (const [direction, when, matches, step] of ways) {
      for (let wanted = 1 + random.below(step); ; wanted += step) {
        let number = 0;
        const at = (message: Message): boolean => matches(message) && ++number === wanted;
        if (!(await one.under({ direction, when, at, deed: random.pick(DEEDS) }))) break;
      }
    }
    // The commits of batches are those that the loop itself finds out about: each of them, whatever the steps above.
    for (const when of ["before", "after"] as const) {
      for (let wanted = 1; ; wanted++) {
        if (!(await one.under({ direction: "up", when, at: commitOfBatch(wanted), deed: "cut" })))
          break;
      }
    }
    reached("A5 commit", random.seed, one.counts);
  },
  60_000 * Math.max(2, Number(process.env["RUNS"] ?? 1)),
);

/** The n-th COMMIT of a transaction that wrote a checkpoint. */
function commitOfBatch(wanted: number): (message: Message) => boolean {
  const writing = new Set<number>();
  let number = 0;
  return (message) => {
    if (says(message, "insert into outgrow.checkpoint")) writing.add(message.connection);
    return isCommit(message) && writing.delete(message.connection) && ++number === wanted;
  };
}

it("fault F12: retries live in one layer: at most eight attempts at a batch, seven look-ups, and then a code", async () => {
  await using place = await workplace();
  const source = await place.file("app.json", appFile({ people: 20 }));
  await using proxy = await startProxy(place.url);
  const attempts = proxy.watch((message) => says(message, "select run from outgrow.move where id"));
  const lookUps = proxy.watch((message) => says(message, "from outgrow.checkpoint p join"));
  const whenWriting = (message: Message): boolean =>
    says(message, "insert into outgrow.checkpoint");
  proxy.arm({ direction: "up", at: whenWriting, when: "before", deed: "cut", times: 1000 });
  expect(await tryCopy(proxy.through(place.url), source, { move: MOVE })).toBe(
    "TARGET_UNREACHABLE",
  );
  // The first look-up is the copy's own: where it stands.
  expect([attempts.count, lookUps.count]).toEqual([8, 1 + 7]);
  proxy.arm();
  await goOn(proxy.through(place.url), source, { move: MOVE });
});

it("fault F09: a server that refuses every new connection ends the copy with a code, after at most eight attempts", async () => {
  await using place = await workplace();
  const source = await place.file("app.json", appFile({ people: 20 }));
  await using proxy = await startProxy(place.url);
  let refusing = 0;
  const at = (message: Message): boolean => {
    if (!says(message, "insert into outgrow.checkpoint")) return false;
    proxy.refuse(true);
    refusing = proxy.connections;
    return true;
  };
  proxy.arm({ direction: "up", at, when: "before", deed: "reset" });
  expect(await tryCopy(proxy.through(place.url), source, { move: MOVE })).toBe(
    "TARGET_UNREACHABLE",
  );
  // Eight attempts are seven more commits and seven look-ups; and then the lease is given back, or not.
  expect(proxy.connections - refusing).toBeLessThanOrEqual(7 + 7 + 1);
  proxy.refuse(false);
  await goOn(place.url, source, { move: MOVE });
  expect((await sql(place.url, "select 1 from people")).length).toBe(20);
});

it("fault F14: a link of single bytes, and one with delays, only take longer", async () => {
  await using place = await workplace();
  const source = await place.file("app.json", appFile({ people: 20 }));
  await goOn(place.url, source, { move: "clean", schema: "clean" });
  const expected = await stateOf(place.url, "clean");
  for (const pace of [{ trickle: true }, { delayMs: 1 }]) {
    await using proxy = await startProxy(place.url);
    proxy.pace(pace);
    await goOn(proxy.through(place.url), source, { move: MOVE, schema: MOVE });
    expect(await stateOf(place.url, MOVE)).toEqual(expected);
    await place.target.ledger.drop(MOVE);
  }
});
