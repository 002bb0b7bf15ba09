/** Stores that break what is said of reading: scans (D3), answers, issued revisions, queries. */
import { encodeKey } from "../../../src/collection/key.ts";
import { dumpRevision } from "../../../src/collection/revision.ts";
import type { Value } from "../../../src/collection/value.ts";
import { OutgrowError } from "../../../src/errors.ts";
import type { Driver, Stored } from "../../../src/store/driver.ts";
import { propertyOf, runQuery } from "../../../src/store/query.ts";
import { type Broken, driver, records, scanned, swallowing } from "./wrap.ts";

/** All records of a scan, in pages made anew. */
const paged = (sort: (all: Stored[]) => Stored[]) =>
  driver((good) => ({
    async *scan(from, { size = 100, ...options } = {}) {
      let all: Stored[] = [];
      for await (const batch of good.scan(from, options)) all.push(...batch);
      if (options.order !== "position") all = sort(all);
      for (let first = 0; first < all.length; first += size) yield all.slice(first, first + size);
    },
  }));

/** Pages by how many came before: what is deleted meanwhile moves the others up. */
const byCount = driver((good) => ({
  async *scan(from, { size = 100, ...options } = {}) {
    for (let first = 0; ; first += size) {
      const all: Stored[] = [];
      for await (const batch of good.scan(from, options)) all.push(...batch);
      const page = all.slice(first, first + size);
      if (page.length === 0) return;
      yield page;
    }
  },
}));

const BY_KEY = "law D3: a scan gives each key once, by ascending key, in batches of any size";
const WHILE_WRITING = "law D3: while others write, a scan gives what stays exactly once";
const BY_POSITION = "law D3: a scan by position gives the source's order";

const SCANS: readonly Broken[] = [
  {
    name: "a scan repeats a key",
    fails: BY_KEY,
    wrap: scanned((batch, number) => (number === 1 ? [...batch, batch[0] as Stored] : batch)),
  },
  {
    name: "a scan skips what stands at the end of a page",
    fails: BY_KEY,
    wrap: scanned((batch, number) => (number === 1 ? batch.slice(0, -1) : batch)),
  },
  {
    name: "a scan is in no order",
    fails: BY_KEY,
    wrap: scanned((batch) => [...batch].reverse()),
  },
  {
    name: "a scan is in the order of UTF-16",
    fails: "law D3: a scan is by ascending key where the table's key is text",
    wrap: paged((all) => all.sort((a, b) => (a.key < b.key ? -1 : 1))),
  },
  { name: "a scan goes on by a count", fails: WHILE_WRITING, wrap: byCount },
  {
    name: "a scan by position is by key",
    fails: BY_POSITION,
    wrap: driver((good) => ({
      scan: (from, options) => good.scan(from, { ...options, order: "key" }),
    })),
  },
  {
    name: "positions are forgotten",
    fails: BY_POSITION,
    wrap: records((list) => list.map((one) => ({ ...one, position: undefined }))),
  },
  {
    name: "a scan gives what is in conflict, and tombstones",
    fails: "law D3: tombstones and conflicts are in no scan",
    wrap: driver((good) => ({
      async *scan(from, options) {
        yield* good.scan(from, options);
        const known = await good.read(from, ["a", "b"].map(encodeKey));
        const gone = known.flatMap((one) => (one?.state === "deleted" ? [one] : []));
        if (gone.length > 0) yield gone;
      },
    })),
  },
  {
    name: "a scan cannot be interrupted",
    fails: "law D3: a scan that is left or interrupted holds nothing up",
    wrap: driver((good) => ({
      scan: (from, options) => good.scan(from, { ...options, signal: undefined }),
    })),
  },
];

const ASKED = "contract: read answers in the order asked, tombstones too";
const ISSUED = "contract: issued revisions rise, above every copy's";

/** Revisions that come from elsewhere. */
const issuing = (
  numbers: (good: Driver, count: number) => Promise<readonly Stored["revision"][]>,
) => driver((good) => ({ issue: (count) => numbers(good, count) }));

const READING: readonly Broken[] = [
  {
    name: "read answers in its own order",
    fails: ASKED,
    wrap: driver((good) => ({ read: (from, keys) => good.read(from, [...keys].sort()) })),
  },
  {
    name: "read answers each key once",
    fails: ASKED,
    wrap: driver((good) => ({ read: (from, keys) => good.read(from, [...new Set(keys)]) })),
  },
  {
    name: "issue gives a revision again",
    fails: ISSUED,
    wrap: (() => {
      let last: Stored["revision"] | undefined;
      return issuing(async (good, count) => {
        const some = [...(await good.issue(count))];
        if (last !== undefined && some.length > 0) some[0] = last;
        last = some.at(-1) ?? last;
        return some;
      });
    })(),
  },
  {
    name: "issues what a copy may outrank",
    fails: ISSUED,
    wrap: (() => {
      let last = 0;
      return issuing(async (_, count) => Array.from({ length: count }, () => dumpRevision(++last)));
    })(),
  },
  {
    name: "issues all revisions in one epoch",
    fails: "contract: revisions are issued in the epoch that is asked for",
    wrap: issuing((good, count) => good.issue(count)),
  },
  {
    name: "stores a write whatever it expects",
    fails: "contract: a write that expects a revision is stored only upon that",
    wrap: driver((good) => ({
      commit: ({ expects: _, ...heedless }) => good.commit(heedless),
    })),
  },
  {
    name: "looks for what is expected before it writes",
    fails: "contract: of writers that expect the same revision one succeeds",
    wrap: driver((good) => ({
      async commit({ expects = [], ...heedless }) {
        for (const { collection, key, revision } of expects) {
          const [there] = await good.read({ tenant: heedless.tenant, collection }, [key]);
          if (revision === (there?.revision ?? null)) continue;
          throw new OutgrowError("WRITE_CONFLICT", { collection, key });
        }
        return good.commit(heedless);
      },
    })),
  },
  {
    name: "a large batch is cut",
    fails: "contract: a batch of the size that the driver says",
    wrap: swallowing((one, list) => list.indexOf(one) < 1900),
  },
];

const CONDITIONS = "contract: a query's conditions tell null, absent and kinds apart";
const KINDS = "contract: a query orders values of every kind, ties by key";
const PAGES = "contract: a query's pages hold as many as the limit says, none twice";

const isText = (value: Value): value is string => typeof value === "string";

const QUERIES: readonly Broken[] = [
  {
    name: "a query forgets where it was",
    fails: PAGES,
    wrap: driver((good) => ({
      query: (from, plan) => good.query(from, { ...plan, after: undefined }),
    })),
  },
  {
    name: "a page holds one more than its limit",
    fails: PAGES,
    wrap: driver((good) => ({
      query: (from, plan) => good.query(from, { ...plan, limit: plan.limit + 1 }),
    })),
  },
  {
    name: "a query sorts text by locale",
    fails: KINDS,
    wrap: driver((good) => ({
      async query(from, plan) {
        const { records: found, next } = await good.query(from, plan);
        const [{ property, descending } = { property: "", descending: false }] = plan.order;
        const sorted = [...found].sort((one, other) => {
          const [a, b] = [propertyOf(one.value, property), propertyOf(other.value, property)];
          return isText(a) && isText(b) ? a.localeCompare(b, "en") * (descending ? -1 : 1) : 0;
        });
        return { records: sorted, next };
      },
    })),
  },
  {
    name: "a query breaks ties the other way",
    fails: KINDS,
    wrap: driver((good) => ({
      async query(from, plan) {
        const page = await runQuery(good.scan(from), plan);
        const isTie = plan.order.some(({ property }) => property === "extra");
        return isTie ? { ...page, records: [...page.records].reverse() } : page;
      },
    })),
  },
  {
    name: "to a query, null and absent are the same",
    fails: CONDITIONS,
    wrap: driver((good) => ({
      query: (from, plan) =>
        good.query(from, {
          ...plan,
          where: plan.where.map((one) => ({
            ...one,
            tests: one.tests.map((test) =>
              test.op === "in" && test.values.includes(null)
                ? { ...test, values: [...test.values, undefined] }
                : test,
            ),
          })),
        }),
    })),
  },
  {
    name: "a query ignores its second condition",
    fails: CONDITIONS,
    wrap: driver((good) => ({
      query: (from, plan) => good.query(from, { ...plan, where: plan.where.slice(0, 1) }),
    })),
  },
];

export const BROKEN_READING: readonly Broken[] = [...SCANS, ...READING, ...QUERIES];
