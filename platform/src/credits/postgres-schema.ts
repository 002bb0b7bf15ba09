/**
 * The ledger in a Postgres: three tables that are the truth (`transfer`, `hold`, `payment`), the balances beside them
 * (`account`), the answers by key (`request`), and one function per change, so that a change is one statement.
 *
 * A transfer is one row with a source and a destination: that it sums to zero is its form, not a promise. The view
 * `entry` shows its two sides. The operator's books have no balances of their own: a row that every spend of every user
 * writes would have them wait for each other.
 */
import { PlatformError } from "../errors.ts";
import { creditsFunctions } from "./postgres-functions.ts";
import { creditsPost } from "./postgres-post.ts";
import { creditsSpend } from "./postgres-spend.ts";
import { creditsPosts } from "./postgres-together.ts";

const MOST = Number.MAX_SAFE_INTEGER;

/**
 * The SQL that makes the ledger's schema, or brings it up to date: one statement, to be run by whoever may create
 * schemas. It can run again at any time, and beside itself.
 *
 * @throws {PlatformError} REQUEST_INVALID for a name that would have to be quoted
 */
export function creditsSchema(schema = "credits"): string {
  checkSchema(schema);
  return `do $install$
begin
perform pg_advisory_xact_lock(hashtext('${schema}'), hashtext('credits ledger'));
create schema if not exists ${schema};
${rules(schema)}
${tables(schema)}
${guards(schema)}
${creditsFunctions(schema)}
${creditsPost(schema)}
${creditsSpend(schema)}
${creditsPosts(schema)}
end
$install$`;
}

/** @throws {PlatformError} REQUEST_INVALID */
export function checkSchema(schema: string): void {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return;
  const detail = "a schema's name here is lower case letters, digits and _";
  throw new PlatformError("REQUEST_INVALID", { detail });
}

/** A function: a constraint's own text is read anew by each insert, and one of this length would be most of its cost. */
const rules = (s: string): string => `
create or replace function ${s}.is_booked(
  p_kind text, p_source text, p_destination text, p_amount bigint
) returns boolean language plpgsql immutable as $fn$
begin
  return p_amount between 0 and ${MOST} and (p_amount > 0 or p_kind = 'imported')
    and case p_kind
      when 'spend' then p_source = 'available' and p_destination = 'spent'
      when 'reserve' then p_source = 'available' and p_destination = 'held'
      when 'capture' then p_source = 'held' and p_destination = 'spent'
      when 'void' then p_source = 'held' and p_destination = 'available'
      when 'expire' then p_source = 'held' and p_destination = 'available'
      when 'refund' then p_source = 'spent' and p_destination = 'available'
      when 'purchase' then p_source = 'sold' and p_destination = 'available'
      when 'grant' then p_source = 'granted' and p_destination = 'available'
      when 'initial' then p_source = 'granted' and p_destination = 'available'
      else p_kind in ('imported', 'opening') and p_kind in (p_source, p_destination)
        and 'available' in (p_source, p_destination) end;
end
$fn$;`;

const tables = (s: string): string => `
create table if not exists ${s}.account (
  tenant text not null,
  id text not null,
  available bigint not null default 0,
  held bigint not null default 0,
  -- how many entries it has: the next one's place is one more
  places bigint not null default 0,
  frozen boolean not null default false,
  opened_at timestamptz not null default clock_timestamp(),
  primary key (tenant, id),
  constraint never_overdrawn check (available >= 0 and held >= 0 and available + held <= ${MOST})
) with (fillfactor = 70);

create table if not exists ${s}.transfer (
  tenant text not null,
  account text not null,
  place bigint not null,
  kind text not null,
  source text not null,
  destination text not null,
  amount bigint not null,
  hold text,
  of_place bigint,
  payment text,
  note text,
  imported text,
  made_at timestamptz not null,
  primary key (tenant, account, place),
  constraint booked check (${s}.is_booked(kind, source, destination, amount))
);
create index if not exists transfer_refunds on ${s}.transfer (tenant, account, of_place)
  where of_place is not null;

create table if not exists ${s}.hold (
  tenant text not null,
  account text not null,
  id text not null,
  amount bigint not null check (amount > 0),
  state text not null default 'open' check (state in ('open', 'captured', 'voided', 'expired')),
  opened_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, account, id)
);
create index if not exists hold_open on ${s}.hold (tenant, account) where state = 'open';

create table if not exists ${s}.payment (
  tenant text not null,
  id text not null,
  account text not null,
  amount bigint not null,
  answer text not null,
  made_at timestamptz not null,
  primary key (tenant, id)
);

create table if not exists ${s}.request (
  tenant text not null,
  key text not null,
  digest text not null,
  answer text not null,
  kept_until timestamptz not null,
  primary key (tenant, key)
);
create index if not exists request_kept on ${s}.request using brin (kept_until);

create or replace view ${s}.entry as
  select tenant, account, place, kind, source as book, -amount as amount, made_at
  from ${s}.transfer
  union all
  select tenant, account, place, kind, destination, amount, made_at from ${s}.transfer;`;

/** Whoever may change the tables may still not change what is written: corrections are new entries. */
const guards = (s: string): string => `
create or replace function ${s}.refuse_change() returns trigger language plpgsql as $fn$
begin
  raise exception 'entries are never changed' using errcode = '42501';
end
$fn$;
create or replace trigger append_only before update or delete on ${s}.transfer
  for each row execute function ${s}.refuse_change();
create or replace trigger never_emptied before truncate on ${s}.transfer
  for each statement execute function ${s}.refuse_change();`;
