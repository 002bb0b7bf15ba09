/** The ledger of a Postgres target: rows of the schema `outgrow`, read and written. */
import { setOwn } from "../../collection/value.ts";
import { OutgrowError } from "../../errors.ts";
import type {
  CheckpointEntry,
  CollectionCounts,
  Lease,
  Ledger,
  Move,
  MoveCollection,
  NewMove,
  Quarantined,
  Settlement,
  SourceFile,
  SpillCount,
} from "../../store/ledger.ts";
import type { SqlDatabase, SqlResult, SqlTransaction } from "./database.ts";
import { acquireLease, LEASE_MS, releaseLease, renewLease } from "./lease.ts";
import { ensureLedger, hasLedger } from "./ledger-schema.ts";
import { isStorable, quote } from "./quote.ts";
import { settleMove, unsettle } from "./settle.ts";
import { analyzeTables, createTables } from "./tables.ts";
import { takeTurn } from "./turn.ts";
import { dropMove, pruneMove } from "./undo.ts";

type Row = SqlResult["rows"][number];
/** An instant as `Date.prototype.toISOString` writes it. */
const isoSql = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const json = <T>(cell: string | null | undefined): T => JSON.parse(cell ?? "null") as T;

export class PostgresLedger implements Ledger {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  moves(): Promise<readonly Move[]> {
    return this.#select(undefined);
  }

  async find(name: string): Promise<Move | undefined> {
    return (await this.#select(name))[0];
  }

  async #select(name: string | undefined): Promise<Move[]> {
    if (!(await hasLedger(this.#database))) return [];
    const { rows } = await this.#database.query(
      `select m.id, m.name, m.tenant, m.schema, m.run, m.phase, m.files,
         ${isoSql("m.created_at")}, ${isoSql("m.updated_at")},
         m.lease_holder is not null and m.heartbeat > now() - interval '${LEASE_MS} milliseconds'
       from outgrow.move m ${name === undefined ? "" : "where m.name = $1"} order by m.id`,
      name === undefined ? [] : [name],
    );
    return Promise.all(rows.map((row) => this.#move(row)));
  }

  async #move(row: Row): Promise<Move> {
    const [id, name, tenant, schema, run, phase, files, createdAt, updatedAt, leased] =
      row as string[];
    const { rows } = await this.#database.query(
      `select name, layout, templates, read, applied, duplicate, stale, quarantined, unchanged
       from outgrow.collection where move = $1 order by id`,
      [id as string],
    );
    const counts: Record<string, CollectionCounts> = {};
    const templates: Record<string, Move["templates"][string]> = {};
    const collections: MoveCollection[] = [];
    for (const cells of rows) {
      const collection = cells[0] as string;
      const [read = 0, applied = 0, duplicate = 0, stale = 0, quarantined = 0, unchanged = 0] =
        cells.slice(3).map(Number);
      collections.push({ name: collection, layout: json(cells[1]) });
      setOwn(templates, collection, json(cells[2]));
      setOwn(counts, collection, {
        ...{ read, applied, duplicate, stale, quarantined },
        ...(unchanged === 0 ? {} : { unchanged }),
      });
    }
    return {
      id: Number(id),
      name: name as string,
      tenant: tenant as string,
      schema: schema as string,
      run: Number(run),
      phase: phase as Move["phase"],
      files: json(files),
      collections,
      templates,
      counts,
      createdAt: createdAt as string,
      updatedAt: updatedAt as string,
      leased: leased === "t",
    };
  }

  async create(move: NewMove): Promise<Move> {
    await this.#database.transaction(async (sql) => {
      await ensureLedger(sql);
      // Not to_regnamespace: see hasLedger.
      const { rows } = await sql.query("select count(*) from pg_namespace where nspname = $1", [
        move.schema,
      ]);
      const makesSchema = rows[0]?.[0] === "0";
      if (makesSchema) await sql.query(`create schema ${quote(move.schema)}`);
      await createTables(
        sql,
        move.schema,
        move.collections.map(({ layout }) => layout),
      );
      const { rows: made } = await sql.query(
        `insert into outgrow.move (name, tenant, schema, owns_schema, files)
         values ($1, $2, $3, $4, $5) returning id`,
        [move.name, move.tenant, move.schema, String(makesSchema), JSON.stringify(move.files)],
      );
      await addCollections(sql, made[0]?.[0] as string, move.collections);
    });
    return (await this.find(move.name)) as Move;
  }

  async startRun(
    name: string,
    files: readonly SourceFile[],
    added: readonly MoveCollection[],
    lease?: Lease,
  ): Promise<Move> {
    const move = await this.#known(name);
    await this.#database.transaction(async (sql) => {
      await takeTurn(sql, name);
      if (lease !== undefined) await renewLease(sql, lease);
      await unsettle(sql, move);
      await createTables(
        sql,
        move.schema,
        added.map(({ layout }) => layout),
      );
      const id = String(move.id);
      await addCollections(sql, id, added);
      await sql.query("delete from outgrow.checkpoint where move = $1", [id]);
      await sql.query(
        "delete from outgrow.spill where collection in (select id from outgrow.collection where move = $1)",
        [id],
      );
      await sql.query(
        `update outgrow.collection set read = 0, applied = 0, duplicate = 0, stale = 0, quarantined = 0,
           unchanged = 0, loading = (id in (select c.id from outgrow.collection c where c.move = $1
             and not exists (select from outgrow.record r where r.collection = c.id)))
         where move = $1`,
        [id],
      );
      await sql.query(
        `update outgrow.move set run = run + 1, phase = 'copying', files = $2, updated_at = now() where id = $1`,
        [id, JSON.stringify(files)],
      );
    });
    return (await this.find(name)) as Move;
  }

  async #known(name: string): Promise<Move> {
    const move = await this.find(name);
    if (move === undefined) throw new OutgrowError("MOVE_UNKNOWN", { detail: name });
    return move;
  }

  async setPhase(name: string, phase: Move["phase"], lease?: Lease): Promise<void> {
    const fence = lease === undefined ? "" : `and lease_number = ${lease.number}`;
    const { count } = await this.#database.query(
      `update outgrow.move set phase = $2, updated_at = now() where name = $1 ${fence}`,
      [name, phase],
    );
    if (count !== 1) throw new OutgrowError("FENCED", { detail: name });
    if (phase === "copied") await analyzeTables(this.#database, await this.#known(name));
  }

  async checkpoints(name: string): Promise<readonly CheckpointEntry[]> {
    const { rows } = await this.#database.query(
      `select p.run, p.file, p.batch, p.byte_offset, p.resume, p.last
       from outgrow.checkpoint p join outgrow.move m on m.id = p.move and m.run = p.run
       where m.name = $1 order by p.file, p.batch`,
      [name],
    );
    return rows.map(([run, file, batch, offset, resume, last]) => ({
      run: Number(run),
      file: Number(file),
      batch: Number(batch),
      offset: Number(offset),
      resume: json(resume),
      last: last === "t",
    }));
  }

  acquire(name: string, ttlMs = LEASE_MS): Promise<Lease> {
    return acquireLease(this.#database, name, ttlMs);
  }

  heartbeat(lease: Lease): Promise<void> {
    return renewLease(this.#database, lease);
  }

  release(lease: Lease): Promise<void> {
    return releaseLease(this.#database, lease);
  }

  async quarantined(
    name: string,
    filter: {
      readonly state?: Quarantined["state"];
      readonly id?: number;
      readonly raw?: boolean;
    } = {},
  ): Promise<readonly Quarantined[]> {
    const parameters = [name];
    let where = "";
    if (filter.state !== undefined) where += ` and q.state = $${parameters.push(filter.state)}`;
    if (filter.id !== undefined) where += ` and q.id = $${parameters.push(String(filter.id))}`;
    const { rows } = await this.#database.query(
      `select q.id, q.run, q.collection, q.key, q.code, q.detail, q.file, q.byte_offset, q.position,
         ${filter.raw === false ? "''::bytea" : "q.raw"}, q.state, q.note
       from outgrow.quarantine q join outgrow.move m on m.id = q.move and m.run = q.run
       where m.name = $1 ${where} order by q.id`,
      parameters,
    );
    return rows.map((row) => ({
      id: Number(row[0]),
      run: Number(row[1]),
      collection: row[2] as string,
      key: row[3] ?? undefined,
      code: row[4] as Quarantined["code"],
      detail: row[5] ?? undefined,
      file: row[6] as string,
      offset: Number(row[7]),
      position: Number(row[8]),
      raw: Buffer.from((row[9] as string).slice(2), "hex"),
      state: row[10] as Quarantined["state"],
      note: row[11] ?? undefined,
    }));
  }

  async updateQuarantined(
    name: string,
    id: number,
    change: Parameters<Ledger["updateQuarantined"]>[2],
  ): Promise<void> {
    const { count } = await this.#database.query(
      `update outgrow.quarantine q set raw = coalesce($3, raw), key = coalesce($4, key),
         state = coalesce($5, state), note = coalesce($6, note)
       where q.id = $2 and q.move = (select id from outgrow.move where name = $1)
         and ($3::bytea is null or q.state = 'open')`,
      [
        name,
        String(id),
        change.raw ?? null,
        change.key ?? null,
        change.state ?? null,
        change.note ?? null,
      ],
    );
    if (count !== 1) throw new OutgrowError("QUARANTINE_UNKNOWN", { detail: String(id) });
  }

  async spills(name: string): Promise<readonly SpillCount[]> {
    const { rows } = await this.#database.query(
      `select c.name, s.column_name, s.code, s.count from outgrow.spill s
       join outgrow.collection c on c.id = s.collection join outgrow.move m on m.id = c.move
       where m.name = $1 order by 1, 2, 3`,
      [name],
    );
    return rows.map(([collection, column, code, count]) => ({
      collection: collection as string,
      column: column as string,
      code: code as string,
      count: Number(count),
    }));
  }

  async settle(name: string, lease: Lease): Promise<Settlement> {
    return settleMove(this.#database, await this.#known(name), lease);
  }

  async prune(name: string, lease: Lease): Promise<number> {
    return pruneMove(this.#database, await this.#known(name), lease);
  }

  async drop(name: string, id?: number): Promise<{ readonly tables: readonly string[] }> {
    const move = await this.#known(name);
    if (id !== undefined && move.id !== id) return { tables: [] };
    if (move.leased) await this.acquire(name); // refuses while a mover is alive
    return dropMove(this.#database, move);
  }
}

async function addCollections(
  sql: SqlTransaction,
  move: string,
  collections: readonly MoveCollection[],
): Promise<void> {
  for (const { name, layout } of collections) {
    if (!isStorable(name)) {
      throw new OutgrowError("COLLECTION_NAME", { detail: "it is not well-formed text" });
    }
    await sql.query("insert into outgrow.collection (move, name, layout) values ($1, $2, $3)", [
      move,
      name,
      JSON.stringify(layout),
    ]);
  }
}
