/** Stores that break what is said of records: who wins (D1), and that each comes back as it was (L1). */
import { digest } from "../../../src/collection/canonical.ts";
import { encodeKey } from "../../../src/collection/key.ts";
import { dumpRevision } from "../../../src/collection/revision.ts";
import { isPlainObject, type Value } from "../../../src/collection/value.ts";
import { propertyOf } from "../../../src/store/query.ts";
import {
  type Broken,
  coerced,
  coercedText,
  driver,
  isSame,
  records,
  scanned,
  swallowing,
  winning,
} from "./wrap.ts";

const HIGHEST = "law D1: the highest revision stays in any order and repetition of writes";
const TOMBSTONE = "law D1: a deletion wins and loses by its revision, and leaves a tombstone";
const BOTH = "law D1: equal revision and other content: both are quarantined, and a third";

const ORDER: readonly Broken[] = [
  {
    name: "loses the last write of a batch",
    fails: HIGHEST,
    wrap: swallowing((one, list) => one !== list.at(-1)),
  },
  {
    name: "a later revision loses",
    fails: HIGHEST,
    wrap: swallowing(({ revision }) => revision <= dumpRevision(2)),
  },
  {
    name: "applies stale revisions",
    fails: HIGHEST,
    wrap: winning((before, one) => before.revision > one.revision),
  },
  {
    name: "ignores deletions",
    fails: TOMBSTONE,
    wrap: swallowing((one) => one.state !== "deleted"),
  },
  {
    name: "a tombstone forgets its revision",
    fails: TOMBSTONE,
    wrap: winning((before) => before.state === "deleted"),
  },
  {
    name: "forgets tombstones",
    fails: TOMBSTONE,
    wrap: driver((good) => ({
      async read(from, keys) {
        const found = await good.read(from, keys);
        return found.map((one) => (one?.state === "deleted" ? undefined : one));
      },
    })),
  },
  {
    name: "overwrites a conflict in silence",
    fails: BOTH,
    wrap: winning(
      (before, one) => before.revision === one.revision && !isSame(before.digest, one.digest),
    ),
  },
  {
    name: "does not mark a key that stands twice",
    fails: "law D1: a key that stands twice in a batch is in conflict from then on",
    wrap: swallowing((one) => one.state !== "conflict"),
  },
  {
    name: "a later run with the same content leaves the record as it was",
    fails: "law D1: a later run with the same content takes the revision over",
    wrap: scanned((batch) =>
      batch.map((one) =>
        one.revision === dumpRevision(3) ? { ...one, revision: dumpRevision(1) } : one,
      ),
    ),
  },
  {
    name: "count is off by one",
    fails: HIGHEST,
    wrap: driver((good) => ({ count: async (of) => (await good.count(of)) + 1 })),
  },
  {
    name: "count counts tombstones",
    fails: TOMBSTONE,
    wrap: driver((good) => ({
      async count(of) {
        const known = await good.read(of, ["a", "b", "c"].map(encodeKey));
        const gone = known.filter((one) => one?.state === "deleted").length;
        return (await good.count(of)) + gone;
      },
    })),
  },
];

const VALUES_BACK = "law L1: every value comes back exactly";

/** Remembers what was written, and takes that for what is there. */
function remembering(): Broken["wrap"] {
  const written = new Map<string, Value>();
  const place = (...parts: readonly unknown[]): string => JSON.stringify(parts);
  const isAltered = (value: Value): boolean => propertyOf(value, "title") === "altered";
  return driver((good, move) => ({
    commit(commit) {
      for (const { collection, records: list } of commit.writes) {
        for (const { key, value } of list) {
          written.set(place(move, commit.tenant, collection, key), value);
        }
      }
      return good.commit(commit);
    },
    async *rebuild(from, options) {
      for await (const batch of good.rebuild(from, options)) {
        yield batch.map((one) => {
          const known = written.get(place(move, from.tenant, from.collection, one.key));
          return isAltered(one.value) ? { ...one, value: known } : one;
        });
      }
    },
  }));
}

const VALUES: readonly Broken[] = [
  {
    name: "a number becomes text",
    fails: VALUES_BACK,
    wrap: coerced((value) => (value === 1 ? "1" : value)),
  },
  {
    name: "-0 becomes 0",
    fails: VALUES_BACK,
    wrap: coerced((value) => (Object.is(value, -0) ? 0 : value)),
  },
  { name: "undefined becomes null", fails: VALUES_BACK, wrap: coerced((value) => value ?? null) },
  {
    name: "an absent property becomes null",
    fails: VALUES_BACK,
    wrap: records((list) =>
      list.map((one) =>
        isPlainObject(one.value) && !Object.hasOwn(one.value, "title")
          ? { ...one, value: { title: null, ...one.value } }
          : one,
      ),
    ),
  },
  {
    name: "a Date becomes text",
    fails: VALUES_BACK,
    wrap: coerced((value) =>
      value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value,
    ),
  },
  {
    name: "a bigint becomes a number",
    fails: VALUES_BACK,
    wrap: coerced((value) => (value === 1n ? 1 : value)),
  },
  {
    name: "NUL is cut out",
    fails: VALUES_BACK,
    wrap: coercedText((text) => text.replaceAll("\u0000", "")),
  },
  {
    name: "half a pair becomes U+FFFD",
    fails: VALUES_BACK,
    wrap: coercedText((text) => text.toWellFormed()),
  },
  {
    name: "text is put into its composed form",
    fails: VALUES_BACK,
    wrap: coercedText((text) => text.normalize()),
  },
  {
    name: "keys are read without their case",
    fails: "law L1: every kind of key leads to its own record",
    wrap: driver((good) => ({
      read: (from, keys) =>
        good.read(
          from,
          keys.map((key) => (key === encodeKey("A") ? encodeKey("a") : key)),
        ),
    })),
  },
  {
    name: "a rebuild answers from memory",
    fails: "law L1: rebuild says what the app's own tables say",
    wrap: remembering(),
  },
  {
    name: "digests are told of keys alone",
    fails: "law L1: rebuild says what the app's own tables say",
    wrap: driver((good) => ({
      async digests(from, take) {
        for await (const batch of good.rebuild(from)) {
          for (const { key } of batch) take(key, digest(key), false);
        }
      },
    })),
  },
  {
    name: "orders of names are forgotten",
    fails: "law L1: places and orders of names come back",
    wrap: records((list) => list.map((one) => ({ ...one, exception: undefined }))),
  },
];

export const BROKEN_RECORDS: readonly Broken[] = [...ORDER, ...VALUES];
