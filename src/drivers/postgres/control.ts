/**
 * The stage machine's documents in Postgres. They lie in `outgrow.control`, apart from `outgrow.move`: stages begin
 * before the first copy makes the move, and outlive a copy that is dropped and begun anew.
 */
import type { Beat, Control, Versioned } from "../../store/control.ts";
import type { SqlDatabase } from "./database.ts";
import { dropLedgerIfEmpty, ensureLedger, hasLedger, lockLedger } from "./ledger-schema.ts";

const DOCUMENT = `select version, document::text, extract(epoch from clock_timestamp()) * 1000
  from outgrow.control where move = $1`;

function versioned(row: readonly (string | null)[] | undefined): Versioned<unknown> | undefined {
  if (row === undefined) return undefined;
  const [version, document, now] = row;
  return {
    version: Number(version),
    document: JSON.parse(document as string) as unknown,
    now: Math.floor(Number(now)),
  };
}

export function postgresControl(database: SqlDatabase): Control {
  return {
    async read(move) {
      if (!(await hasLedger(database))) return undefined;
      return versioned((await database.query(DOCUMENT, [move])).rows[0]);
    },

    async replace(move, version, document) {
      if (version > 0 && !(await hasLedger(database))) return false;
      return database.transaction(async (sql) => {
        if (version === 0) await ensureLedger(sql);
        const { rows } =
          version === 0
            ? await sql.query(
                `insert into outgrow.control (move, version, document) values ($1, 1, $2)
                 on conflict do nothing returning version`,
                [move, JSON.stringify(document)],
              )
            : await sql.query(
                `update outgrow.control set version = version + 1, document = $3, updated_at = now()
                 where move = $1 and version = $2 returning version`,
                [move, String(version), JSON.stringify(document)],
              );
        return rows.length === 1;
      });
    },

    // `for share`: whoever reads the document without a change that is being announced is found among the processes
    // by whoever announces it.
    async beat(move, process, document) {
      if (!(await hasLedger(database))) return undefined;
      const { rows } = await database.query(
        `with beat as (
           insert into outgrow.process (move, process, document, at)
           select $1, $2, $3, clock_timestamp() where exists (select from outgrow.control where move = $1)
           on conflict (move, process) do update set document = excluded.document, at = excluded.at
         )
         ${DOCUMENT} for share`,
        [move, process, JSON.stringify(document)],
      );
      return versioned(rows[0]);
    },

    async processes(move) {
      if (!(await hasLedger(database))) return [];
      const { rows } = await database.query(
        `select process, document::text, extract(epoch from clock_timestamp() - at) * 1000
         from outgrow.process where move = $1 order by process`,
        [move],
      );
      return rows.map(([process, document, age]): Beat<unknown> => {
        return {
          process: process as string,
          document: JSON.parse(document as string) as unknown,
          ageMs: Math.max(0, Number(age)),
        };
      });
    },

    async forget(move, process) {
      await database.query("delete from outgrow.process where move = $1 and process = $2", [
        move,
        process,
      ]);
    },

    async remove(move) {
      await database.transaction(async (sql) => {
        await lockLedger(sql);
        if (!(await hasLedger(sql))) return;
        for (const table of ["process", "outbox", "control"]) {
          await sql.query(`delete from outgrow.${table} where move = $1`, [move]);
        }
        await dropLedgerIfEmpty(sql);
      });
    },
  };
}
