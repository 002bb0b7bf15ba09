/** Names, the protocol's parser, and that every script stays within one slot of a cluster. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeKey, type Key } from "../../src/collection/key.ts";
import type { RedisConnection } from "../../src/drivers/redis/connection.ts";
import { openRedis, preflight, redisTarget } from "../../src/drivers/redis/index.ts";
import { collectionNames, hashTag } from "../../src/drivers/redis/names.ts";
import {
  encodeCommands,
  RedisReplyError,
  type Reply,
  ReplyParser,
} from "../../src/drivers/redis/resp.ts";
import { TcpConnection } from "../../src/drivers/redis/tcp.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { propertyRuns } from "../support/property.ts";
import { freshRedis } from "../support/redis.ts";
import { layoutOf, record, workbench } from "./backends.ts";

const text = fc.string({ unit: "binary", maxLength: 8 });
const odd = fc.constantFrom(
  "%",
  ":",
  "{",
  "}",
  "\u0000",
  "\u0001",
  "%25",
  "42",
  "%n1",
  "outgrow",
  "\u007f",
);
const texts = fc.oneof(
  text,
  odd,
  fc.tuple(odd, text).map((parts) => parts.join("")),
);
const scalar: fc.Arbitrary<Key> = fc.oneof(
  texts,
  fc.string({ unit: fc.constantFrom("\ud800", "\udc00", "a", "%", "\u0001") }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 5 }),
);
const key: fc.Arbitrary<Key> = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));

test("law L1: names of records are told apart, and lead back to their keys", () => {
  for (const codec of ["text", "integer"] as const) {
    const names = collectionNames("{t}", 1, "things", codec);
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [left, right] = [encodeKey(a), encodeKey(b)];
        expect(names.key(names.record(left))).toBe(left);
        expect(names.record(left) === names.record(right)).toBe(left === right);
        expect(names.record(left)).toMatch(/^[^\u0000-\u001f\u007f]*$/u);
      }),
      propertyRuns(500),
    );
    // Names that others make either are a key's own spelling or no record's.
    fc.assert(
      fc.property(texts, (name) => {
        const found = names.key(names.prefix + name);
        if (found !== undefined) expect(names.record(found)).toBe(names.prefix + name);
      }),
      propertyRuns(500),
    );
  }
});

test("law D4: no tenant's and no collection's name reaches into another's", () => {
  const well = texts.map((one) => one.toWellFormed());
  fc.assert(
    fc.property(fc.tuple(well, well, well), fc.tuple(well, well, well), (a, b) => {
      const prefix = ([schema, tenant, collection]: readonly [string, string, string]): string =>
        collectionNames(hashTag(schema, tenant), 1, collection, "text").prefix;
      const [left, right] = [prefix(a), prefix(b)];
      const same = a.every((part, at) => part === b[at]);
      if (!same) expect(left.startsWith(right) || right.startsWith(left)).toBe(false);
      expect(left).toMatch(/^\{[^{}]+\}:[^:{}]+:$/u);
      expect(left).not.toContain(":outgrow:");
    }),
    propertyRuns(1000),
  );
});

test("fault: replies are read whatever pieces they come in", () => {
  const leaf: fc.Arbitrary<Reply> = fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.string({ unit: "binary" }),
  );
  const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
    reply: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.constant(new RedisReplyError("NOSCRIPT none")),
      fc.array(tie("reply"), { maxLength: 4 }),
    ),
  }));
  const bytesOf = (one: Reply): string => {
    if (one === null) return "$-1\r\n";
    if (typeof one === "number") return `:${one}\r\n`;
    if (one instanceof RedisReplyError) return `-${one.message}\r\n`;
    if (typeof one === "string") return `$${Buffer.byteLength(one)}\r\n${one}\r\n`;
    return `*${one.length}\r\n${one.map(bytesOf).join("")}`;
  };
  fc.assert(
    fc.property(
      fc.array(reply, { maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      (replies, step) => {
        const found: Reply[] = [];
        const parser = new ReplyParser((one) => found.push(one));
        const bytes = Buffer.from(replies.map(bytesOf).join(""));
        for (let from = 0; from < bytes.length; from += step) {
          parser.take(bytes.subarray(from, from + step));
        }
        expect(found).toEqual(replies);
      },
    ),
    propertyRuns(300),
  );
  expect(() => new ReplyParser(() => {}).take(Buffer.from("HTTP/1.1 400\r\n"))).toThrow(TypeError);
});

test("commands are written with the lengths of their bytes, whatever their texts", () => {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    fc.string({ maxLength: 120 }),
    fc.nat({ max: 1200 }).map((length) => "x".repeat(length)),
    fc.nat({ max: 400 }).map((length) => "é€".repeat(length)),
    fc.constantFrom("x".repeat(300_000), "é".repeat(200_000), "\ud800", ""),
  );
  fc.assert(
    fc.property(fc.array(fc.array(any, { minLength: 1, maxLength: 12 })), (commands) => {
      const plain = commands.map((command) => {
        const parts = command.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`);
        return Buffer.from(`*${command.length}\r\n${parts.join("")}`);
      });
      const inBytes = commands.map((command) =>
        command.map((text, index) => (index % 2 === 1 ? Buffer.from(text) : text)),
      );
      for (const given of [commands, inBytes]) {
        expect(Buffer.concat([...encodeCommands(given)]).equals(Buffer.concat(plain))).toBe(true);
      }
    }),
    propertyRuns(60),
  );
});

/** How many scripts there are: each is made by a call of `script`. */
function scriptsInSource(): number {
  const folder = fileURLToPath(new URL("../../src/drivers/redis", import.meta.url));
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  return texts.join("\n").match(/= script\(/g)?.length ?? 0;
}

/** The list of moves, and the stages of one: these stand alone. */
const OWN = /^outgrow:(?:moves$|live:)/;

test("fault F49: every script's keys lie under one hash tag, or are the list of moves, or a move's stages", async () => {
  const { url } = await freshRedis();
  const connection = new TcpConnection(url);
  const seen: (readonly [digest: string, keys: readonly string[]])[] = [];
  const watched: RedisConnection = {
    label: "",
    limits: connection.limits,
    cost: (argument) => connection.cost(argument),
    send(commands) {
      for (const [command, digest = "", count, ...rest] of commands.map((one) => one.map(String))) {
        if (command === "EVALSHA") seen.push([digest, rest.slice(0, Number(count))]);
      }
      return connection.send(commands);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
  await using target = redisTarget(watched, await preflight(connection));
  const live = async (name: string): Promise<void> => {
    const { control, side } = target.live;
    await control.replace(name, 0, {});
    await control.read(name);
    await control.beat(name, "process", {});
    await control.processes(name);
    const { driver, fence, outbox } = await side(name);
    await fence.raise(2);
    await fence.current();
    const records = [record("d", {})];
    const writes = [{ collection: "things", records }];
    await driver.commit({ tenant: "default", writes, epoch: 2, capture: true });
    await outbox.depth();
    await outbox.settle(await outbox.pending(1));
  };
  const things = { tenant: "default", collection: "things" };
  // Names that a layout declares have no tag: those scripts are for one server, and find them in what they read.
  const declared: Layout = {
    ...layoutOf("things"),
    redis: { cells: [{ kind: "object", key: "thing:{id}" }] },
  };
  for (const layout of [layoutOf("things"), declared]) {
    const { put, rows, name, driver } = await workbench(target)([layout]);
    await put([record("{x}", { id: "{x}" }), record("b", {}, { position: 1 })]);
    await put([record("{x}", { other: 1 })]);
    await rows();
    await driver.count(things);
    await driver.read(things, ["sb"]);
    const lease = await target.ledger.acquire(name);
    await target.ledger.setPhase(name, "copied", lease);
    await target.ledger.startRun(name, [], [], lease);
    await target.ledger.prune(name, lease);
    await target.ledger.release(lease);
    await target.ledger.updateQuarantined(name, 1, { note: "seen" });
    await put([record("c", {})]);
    await live(name);
    await target.ledger.drop(name);
    await target.live.control.remove(name);
  }
  expect(new Set(seen.map(([digest]) => digest)).size).toBe(scriptsInSource());
  for (const [, keys] of seen) {
    const tags = new Set(keys.map((one) => (OWN.test(one) ? one : /\{([^}]+)\}/.exec(one)?.[1])));
    expect(tags.size, keys.join(" ")).toBe(1);
  }
});

test("addresses: which are this driver's, and that no password is shown", async () => {
  const bad = ["mysql://x", "http://example.com", "https://:secret@x.example"];
  for (const address of bad) {
    const failed = await openRedis(address).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "TARGET_ADDRESS" });
    expect(String(failed)).not.toContain("secret");
  }
  const closed = await openRedis("redis://:secret@127.0.0.1:1").catch((error: unknown) => error);
  expect(closed).toMatchObject({ code: "TARGET_UNREACHABLE" });
  expect(new TcpConnection("redis://:secret@127.0.0.1:1").label).not.toContain("secret");
});
