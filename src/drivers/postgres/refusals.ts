/**
 * Which records of a batch the database refuses, found in one go: their rows are copied beside, and then tried one by
 * one inside of the server, each in a subtransaction of its own. A refusal costs microseconds there; by halving the
 * batch it costs a dozen round trips.
 *
 * Only records that nothing is known of are tried, in the sidecar or in the table: what would become of the others
 * is for the sidecar to judge. Nothing is stored.
 */
import { OutgrowError } from "../../errors.ts";
import type { CompiledTable } from "../../layout/compile.ts";
import type { Commit, RecordWrite } from "../../store/driver.ts";
import type { CommitCollection, CommitContext } from "./commit.ts";
import { type CopyValue, copyBinary } from "./copy-binary.ts";
import type { SqlTransaction } from "./database.ts";
import { EncodedRows } from "./encoded-rows.ts";
import { renewLease } from "./lease.ts";
import { literal, qualified } from "./quote.ts";
import { sqlError } from "./sql-error.ts";
import { columnList } from "./tables.ts";

/**
 * A record may refer to one that comes later: who was refused is tried again behind the others. In so many rounds
 * at most, as a chain that stands upside down would take as many as it is long.
 */
const ROUNDS = 8;

export type Refusals = ReadonlyMap<RecordWrite, OutgrowError>;
const NONE: Refusals = new Map();

/** Carries what was found out of the transaction that it rolls back. */
class Tried extends Error {
  readonly refused: Refusals;
  constructor(refused: Refusals) {
    super("tried");
    this.refused = refused;
  }
}

/** A collection's part of a batch, as it is tried. */
interface Trial {
  readonly schema: string;
  readonly tenant: string;
  readonly collection: CommitCollection;
  readonly records: readonly RecordWrite[];
}

/** @throws {OutgrowError} FENCED, TARGET_* */
export async function refusalsOf(context: CommitContext, commit: Commit): Promise<Refusals> {
  const [write] = commit.writes;
  const collection = context.collections.get(write?.collection ?? "");
  if (write === undefined || collection === undefined || commit.writes.length > 1) return NONE;
  const records = write.records.filter(({ state }) => state === "present");
  const trial = { schema: context.move.schema, tenant: commit.tenant, collection, records };
  try {
    return await context.database.transaction(async (sql) => {
      if (commit.lease !== undefined) await renewLease(sql, commit.lease);
      // What is looked at when a transaction ends is looked at after each record.
      await sql.query("set constraints all immediate");
      await stage(sql, trial);
      throw new Tried(await tryEach(sql, trial));
    });
  } catch (error) {
    if (error instanceof Tried) return error.refused;
    // A cell that not even its type takes: its record is not told from the others here.
    if (OutgrowError.is(error, "RECORD_REFUSED")) return NONE;
    throw error;
  }
}

const staged = (index: number): string => `outgrow_tried_${index}`;

/** Copies the rows into temporary tables with the app's types and without its constraints. */
async function stage(sql: SqlTransaction, trial: Trial): Promise<void> {
  const { compiled } = trial.collection;
  const encoded = new EncodedRows(compiled, trial.tenant);
  for (const record of trial.records) encoded.add(record.key, record, () => {});
  for (const [index, table] of compiled.tables.entries()) {
    const place = qualified(trial.schema, table.name);
    const columns = columnList(table);
    await sql.query(
      `create temporary table ${staged(index)} on commit drop as
       select 0 as outgrow_seq, ''::text as outgrow_key, ${columns.join(", ")} from ${place} limit 0`,
    );
    const rows = trial.records.flatMap(({ key }, seq) =>
      encoded.of(index, [seq]).map((cells): CopyValue[] => [seq, key, ...cells]),
    );
    const types = table.columns.map(({ type }) => type);
    await sql.copyIn(
      staged(index),
      ["outgrow_seq", "outgrow_key", ...columns],
      copyBinary(["integer", "text", ...types], rows),
    );
    await sql.query(`create index on ${staged(index)} (outgrow_seq)`);
  }
}

async function tryEach(sql: SqlTransaction, trial: Trial): Promise<Refusals> {
  const { compiled, id } = trial.collection;
  const [root] = compiled.tables as [CompiledTable];
  const sameRow = columnList(root)
    .slice(0, root.keyWidth)
    .map((column) => `t.${column} = s.${column}`);
  // Each key by its index: see judge in staged.ts.
  await sql.query(
    `create temporary table outgrow_waiting on commit drop as
     select s.outgrow_seq as seq, null::text as state, null::text as on_constraint, null::text as on_table,
       null::text as on_column
     from ${staged(0)} s
     where (select true from outgrow.record r where r.collection = ${id}
         and r.tenant = ${literal(trial.tenant)} and r.key = s.outgrow_key limit 1) is null
       and (select true from ${qualified(trial.schema, root.name)} t
         where ${sameRow.join(" and ")} limit 1) is null`,
  );
  await sql.query(`do ${literal(loop(trial))}`);
  const { rows } = await sql.query(
    "select seq, state, on_constraint, on_table, on_column from outgrow_waiting where state is not null",
  );
  return new Map(
    rows.map(([seq, sqlState, constraint, table, column]) => {
      const { site } = sqlError({ code: sqlState, constraint, table, column });
      const why = new OutgrowError("RECORD_REFUSED", site, { sqlState: sqlState as string });
      return [trial.records[Number(seq)] as RecordWrite, why];
    }),
  );
}

/** Tries whoever waits, until nobody else is accepted. Who still waits then is refused. */
function loop({ schema, collection }: Trial): string {
  const inserts = collection.compiled.tables.map((table, index) => {
    const columns = columnList(table).join(", ");
    return `insert into ${qualified(schema, table.name)} (${columns}) overriding system value
          select ${columns} from ${staged(index)} where outgrow_seq = one;`;
  });
  return `
  declare
    one integer;
    accepted integer;
    said outgrow_waiting;
  begin
    for round in 1 .. ${ROUNDS} loop
      accepted := 0;
      for one in select seq from outgrow_waiting order by seq loop
        begin
          ${inserts.join("\n          ")}
          delete from outgrow_waiting where seq = one;
          accepted := accepted + 1;
        exception when integrity_constraint_violation or data_exception or program_limit_exceeded then
          get stacked diagnostics said.state = returned_sqlstate, said.on_constraint = constraint_name,
            said.on_table = table_name, said.on_column = column_name;
          update outgrow_waiting set state = said.state, on_constraint = said.on_constraint,
            on_table = said.on_table, on_column = said.on_column where seq = one;
        end;
      end loop;
      exit when accepted = 0 or not exists (select from outgrow_waiting);
    end loop;
  end`;
}
