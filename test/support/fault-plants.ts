/** Single changes in the tables of a copied app (see fault-move.ts), each with what a verification must say of it. */
import type { Random } from "./fault-move.ts";

export interface Plant {
  readonly sql: string;
  /** Records that it touches, to put them back. */
  readonly ids: readonly number[];
  /** What verify names: `missing 3`, `different 4`, `extra 9`. Nothing for what only the ledger knows. */
  readonly named: readonly string[];
}

interface Chosen {
  /** Two different records, both with two child rows at least, and the number of a record that is not there. */
  readonly a: number;
  readonly b: number;
  readonly free: number;
}

const one = (a: number, change: string): Plant => ({
  sql: `update people set ${change} where id = ${a}`,
  ids: [a],
  named: [`different ${a}`],
});

const child = (a: number, sql: string): Plant => ({ sql, ids: [a], named: [`different ${a}`] });

const ledger = (sql: string): Plant => ({ sql, ids: [], named: [] });

const both = ({ a, b }: Chosen, sql: string): Plant => ({
  sql,
  ids: [a, b],
  named: [`different ${a}`, `different ${b}`],
});

const FIRST_PEOPLE = "from outgrow.collection c where c.name = 'people' and c.id = r.collection";

export const PLANTS: Readonly<Record<string, (chosen: Chosen) => Plant>> = {
  "a value": ({ a }) => one(a, "name = name || '!'"),
  "null for a text": ({ a }) => one(a, "name = null"),
  "a text for a number in jsonb": ({ a }) => one(a, `tags = '["a","${a}"]'`),
  "a value in the rest": ({ a }) => one(a, `rest = '{"mixed":"other"}'`),
  "the rest taken away": ({ a }) => one(a, "rest = null"),
  "a boolean turned": ({ a }) => one(a, "active = not active"),
  "a number by its last bit": ({ a }) => one(a, "score = score * (1 + 2.3e-16::float8)"),
  "two values swapped": (two) =>
    both(two, swap(two, "name = (select o.name from original o where o.id = OTHER)")),
  "two keys swapped": (two) =>
    both(
      two,
      `update people set id = case id when ${two.a} then ${two.b} else ${two.a} end where id in (${two.a}, ${two.b})`,
    ),
  "a record dropped": ({ a }) => ({
    sql: `delete from people where id = ${a}; delete from person_images where person_id = ${a}`,
    ids: [a],
    named: [`missing ${a}`],
  }),
  "a record dropped without its children": ({ a }) => ({
    sql: `delete from people where id = ${a}`,
    ids: [a],
    named: [`missing ${a}`],
  }),
  "a record added": ({ free }) => ({
    sql: `insert into people (id, name) values (${free}, 'new')`,
    ids: [free],
    named: [`extra ${free}`],
  }),
  "one doubled and one dropped": ({ a, b, free }) => ({
    sql: `delete from people where id = ${a}; delete from person_images where person_id = ${a};
      insert into people select ${free}, name, score, active, tags, rest from people where id = ${b}`,
    ids: [a, free],
    named: [`extra ${free}`, `missing ${a}`],
  }),
  "a row that stands there three times": ({ a }) => ({
    sql: `insert into people select p.* from people p, generate_series(1, 2) where p.id = ${a}`,
    ids: [a],
    named: [`extra ${a}`, `extra ${a}`],
  }),
  "a child's value": ({ a }) =>
    child(a, `update person_images set url = url || '!' where person_id = ${a} and position = 1`),
  "a child dropped": ({ a }) =>
    child(a, `delete from person_images where person_id = ${a} and position = 1`),
  "a child added": ({ a }) =>
    child(
      a,
      `insert into person_images select person_id, 9, id, url from person_images where person_id = ${a} and position = 0`,
    ),
  "two children swapped": ({ a }) =>
    child(
      a,
      `update person_images set position = 1 - position where person_id = ${a} and position < 2`,
    ),
  "a child moved to another parent": (two) =>
    both(
      two,
      `update person_images set person_id = ${two.b}, position = 7 where person_id = ${two.a} and position = 1`,
    ),
  "ledger: a digest": ({ a }) =>
    ledger(
      `update outgrow.record r set digest = sha256('x') ${FIRST_PEOPLE} and r.position = ${a}`,
    ),
  "ledger: a record forgotten": ({ a }) =>
    ledger(
      `delete from outgrow.record r using outgrow.collection c where c.name = 'people' and c.id = r.collection and r.position = ${a}`,
    ),
  "ledger: a revision": ({ a }) =>
    ledger(`update outgrow.record r set revision = '0' ${FIRST_PEOPLE} and r.position = ${a}`),
  "ledger: a checkpoint": () => ledger("delete from outgrow.checkpoint where batch = 1"),
};

function swap({ a, b }: Chosen, change: string): string {
  const half = (to: number, from: number): string =>
    `update people set ${change.replace("OTHER", String(from))} where id = ${to}`;
  return `${half(a, b)}; ${half(b, a)}`;
}

/** Some plant, and where. The first ones go through all kinds. */
export function choosePlant(
  random: Random,
  number: number,
  people: number,
): readonly [string, Plant] {
  const kinds = Object.entries(PLANTS);
  const [kind, make] = kinds[number] ?? random.pick(kinds);
  // Of the app's people, those with a number of 1 or 2 mod 4 have two children and more.
  const some = (): number => 4 * random.below(people / 4) + 1 + random.below(2);
  const a = some();
  let b = some();
  while (b === a) b = some();
  return [kind, make({ a, b, free: people + random.below(1000) })];
}
