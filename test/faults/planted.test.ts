/** Planted corruption (A8): whatever single thing is changed in the tables, verify finds it and names it, and only it. */
import { expect, it } from "vitest";
import { copy } from "../../src/transfer/copy.ts";
import { verify } from "../../src/transfer/verify.ts";
import { appFile, onServer, reached, seeded, times } from "../support/fault-move.ts";
import { choosePlant, PLANTS } from "../support/fault-plants.ts";
import { workplace } from "../support/moving.ts";

const PEOPLE = 1200;

const BEFORE = `
  alter table person_images drop constraint if exists person_images_person_id_fkey;
  alter table orders drop constraint if exists orders_person_id_fkey;
  alter table person_images drop constraint person_images_pkey;
  alter table people drop constraint people_pkey;
  create table original as table people;
  create table original_images as table person_images;
  create table original_record as table outgrow.record;
  create table original_checkpoint as table outgrow.checkpoint;`;

/** Puts the records back, and the ledger when that was touched. */
function undo(ids: readonly number[]): string {
  if (ids.length === 0) {
    return `truncate outgrow.record, outgrow.checkpoint; insert into outgrow.record table original_record;
      insert into outgrow.checkpoint table original_checkpoint`;
  }
  const list = ids.join(", ");
  return `delete from people where id in (${list}); insert into people select * from original where id in (${list});
    delete from person_images where person_id in (${list}) or position = 7;
    insert into person_images select * from original_images where person_id in (${list})`;
}

it(
  "anchor A8, law P11: every planted change is found and named, and nothing else is; the ledger's own does not matter",
  async () => {
    const random = seeded(20261204);
    await using place = await workplace();
    const source = await place.file("app.json", appFile({ people: PEOPLE }));
    await copy(source, place.target);
    await onServer(place.url, (query) => query(BEFORE));
    expect((await verify(source, place.target)).clean).toBe(true);
    const counts: Record<string, number> = Object.fromEntries(
      Object.keys(PLANTS).map((kind) => [kind, 0]),
    );
    const many = Math.max(times(100), Object.keys(PLANTS).length);
    for (let number = 0; number < many; number++) {
      const [kind, { sql, ids, named }] = choosePlant(random, number, PEOPLE);
      const what = `seed=${random.seed} number ${number}, ${kind}: ${sql}`;
      await onServer(place.url, (query) => query(sql));
      const { clean, differences } = await verify(source, place.target, { only: ["people"] });
      expect(differences.map(({ kind: how, key }) => `${how} ${key}`).sort(), what).toEqual(
        [...named].sort(),
      );
      expect(clean, what).toBe(named.length === 0);
      await onServer(place.url, (query) => query(undo(ids)));
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    expect((await verify(source, place.target)).clean).toBe(true);
    reached("A8", random.seed, { planted: many, ...counts });
  },
  60_000 * Math.max(2, Number(process.env["RUNS"] ?? 1)),
);
