/** The schema `outgrow`: everything of ours in a target, and nothing of ours anywhere else. */
import { OutgrowError } from "../../errors.ts";
import { LEDGER_VERSION } from "../../store/ledger.ts";
import type { SqlDatabase, SqlTransaction } from "./database.ts";
import { dropWatch } from "./watch.ts";

/** Any number, as long as it is always this one: who makes or drops the schema waits for whoever does so now. */
export async function lockLedger(sql: SqlTransaction): Promise<void> {
  await sql.query("select pg_advisory_xact_lock(7164923041)");
}

// Documents are json, not jsonb: the order of names and every escape stay as written.
const CREATE = `
create schema outgrow;
revoke all on schema outgrow from public;
create table outgrow.meta (version integer not null);
create table outgrow.move (
  id integer generated always as identity primary key,
  name text collate "C" not null unique,
  tenant text not null,
  schema text not null,
  owns_schema boolean not null,
  run integer not null default 1,
  phase text not null default 'copying',
  files json not null,
  lease_number bigint not null default 0,
  lease_holder json,
  heartbeat timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table outgrow.collection (
  id integer generated always as identity primary key,
  move integer not null references outgrow.move on delete cascade,
  name text collate "C" not null,
  layout json not null,
  templates json not null default '{}',
  loading boolean not null default true,
  read bigint not null default 0,
  applied bigint not null default 0,
  duplicate bigint not null default 0,
  stale bigint not null default 0,
  quarantined bigint not null default 0,
  unchanged bigint not null default 0,
  unique (move, name)
);
create table outgrow.record (
  collection integer not null,
  tenant text collate "C" not null,
  key text collate "C" not null,
  revision text collate "C" not null,
  digest bytea,
  state text not null,
  position bigint,
  form json,
  primary key (collection, tenant, key)
);
create table outgrow.rest (
  collection integer not null,
  tenant text collate "C" not null,
  key text collate "C" not null,
  row text collate "C" not null,
  rest json,
  primary key (collection, tenant, key),
  unique (collection, tenant, row)
);
create table outgrow.late (
  collection integer not null,
  tenant text collate "C" not null,
  key text collate "C" not null,
  table_name text not null,
  row text collate "C" not null,
  column_name text not null,
  cell text not null
);
create index on outgrow.late (collection, tenant, key);
create table outgrow.checkpoint (
  move integer not null references outgrow.move on delete cascade,
  run integer not null,
  file integer not null,
  batch integer not null,
  byte_offset bigint not null,
  resume json,
  last boolean not null,
  read json not null,
  primary key (move, run, file, batch)
);
create table outgrow.quarantine (
  id bigint generated always as identity primary key,
  move integer not null references outgrow.move on delete cascade,
  run integer not null,
  collection text collate "C" not null,
  key text collate "C",
  code text not null,
  detail text,
  file text not null,
  byte_offset bigint not null,
  position bigint not null,
  raw bytea not null,
  state text not null default 'open',
  note text
);
create index on outgrow.quarantine (move, run);
create table outgrow.spill (
  collection integer not null references outgrow.collection on delete cascade,
  column_name text not null,
  code text not null,
  count bigint not null,
  primary key (collection, column_name, code)
);
create table outgrow.control (
  move text collate "C" primary key,
  version bigint not null,
  document json not null,
  fence bigint not null default 0,
  updated_at timestamptz not null default now()
);
create table outgrow.process (
  move text collate "C" not null,
  process text collate "C" not null,
  document json not null,
  at timestamptz not null,
  primary key (move, process)
);
create table outgrow.outbox (
  move text collate "C" not null,
  tenant text collate "C" not null,
  collection text collate "C" not null,
  key text collate "C" not null,
  revision text collate "C" not null,
  at timestamptz not null default clock_timestamp(),
  primary key (move, tenant, collection, key)
);
create function outgrow.number_key(number double precision) returns text
  immutable strict parallel safe language sql as $$
  select 'n' || lpad(to_hex(case when bits >= 0 then bits # (-9223372036854775808) else ~bits end), 16, '0')
  from (select ('x' || encode(float8send(case when number = 0 then 0 else number end), 'hex'))::bit(64)::bigint as bits) as sent
$$;
create sequence outgrow.revision;
insert into outgrow.meta values (${LEDGER_VERSION});
`;

const DROP = `
drop table outgrow.meta, outgrow.spill, outgrow.checkpoint, outgrow.quarantine, outgrow.record, outgrow.rest, outgrow.late,
  outgrow.collection, outgrow.move, outgrow.control, outgrow.process, outgrow.outbox;
drop sequence outgrow.revision;
drop function outgrow.number_key(double precision);
drop schema outgrow`;

/** Whether the schema is there. @throws {OutgrowError} LEDGER_VERSION */
export async function hasLedger(database: Pick<SqlDatabase, "query">): Promise<boolean> {
  // Not to_regclass: behind the lock of `ensureLedger` it still remembers what was not there before it waited.
  const { rows } = await database.query(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'outgrow' and c.relname = 'meta')`,
  );
  if (rows[0]?.[0] !== "t") return false;
  const { rows: versions } = await database.query("select max(version) from outgrow.meta");
  const version = Number(versions[0]?.[0]);
  if (version > LEDGER_VERSION) {
    throw new OutgrowError("LEDGER_VERSION", { detail: `${version}, this is ${LEDGER_VERSION}` });
  }
  return true;
}

/**
 * Makes the schema when it is not there, in the caller's transaction. Whoever else makes or drops it waits for
 * that transaction's end. @throws {OutgrowError} LEDGER_VERSION
 */
export async function ensureLedger(sql: SqlTransaction): Promise<void> {
  await lockLedger(sql);
  if (!(await hasLedger(sql))) await sql.query(CREATE);
}

/** Takes the schema away when no move is left in it. The caller holds the lock. */
export async function dropLedgerIfEmpty(sql: SqlTransaction): Promise<void> {
  const { rows } = await sql.query(
    "select (select count(*) from outgrow.move) + (select count(*) from outgrow.control)",
  );
  // Without `cascade`: what somebody else made in our schema, or upon it, is not ours to drop.
  if (rows[0]?.[0] !== "0") return;
  await dropWatch(sql);
  await sql.query(DROP);
}
