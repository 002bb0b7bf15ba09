/**
 * The ledger's smaller functions. Each assumes READ COMMITTED, where every statement of a function sees what was
 * committed when it began; under a stricter level they end with 40001 where they would have to see more, and are called
 * again.
 */
export const creditsFunctions = (s: string): string => `
create or replace function ${s}.millis(p_time timestamptz) returns bigint language sql stable
as $fn$ select floor(date_part('epoch', p_time) * 1000)::bigint $fn$;

-- The answer that is kept under a key: null when there is none (any more).
create or replace function ${s}.kept(p_tenant text, p_key text, p_digest text) returns text
language plpgsql as $fn$
declare
  v_request ${s}.request;
begin
  select * into v_request from ${s}.request r where r.tenant = p_tenant and r.key = p_key;
  if not found then
    return null;
  end if;
  if v_request.kept_until <= clock_timestamp() then
    delete from ${s}.request r
      where r.tenant = p_tenant and r.key = p_key and r.kept_until <= clock_timestamp();
    return null;
  end if;
  if v_request.digest <> p_digest then
    return '{"call":"","refused":"IDEMPOTENCY_MISMATCH"}';
  end if;
  return v_request.answer;
end
$fn$;

-- Two calls with one key on two accounts meet here: the later one undoes what it did, and finds the answer next time.
create or replace function ${s}.keep(
  p_tenant text, p_key text, p_digest text, p_keep_ms bigint, p_answer text
) returns text language plpgsql as $fn$
begin
  insert into ${s}.request values (p_tenant, p_key, p_digest, p_answer,
      clock_timestamp() + p_keep_ms * interval '1 millisecond')
    on conflict do nothing;
  if not found then
    raise exception 'another call has this key' using errcode = '40001';
  end if;
  return p_answer;
end
$fn$;

-- Gives back the holds whose time is over. Its caller has locked the account.
create or replace function ${s}.release(
  p_tenant text, p_account text, out freed bigint, out moves bigint
) language plpgsql as $fn$
declare
  v_hold ${s}.hold;
  v_now timestamptz := clock_timestamp();
  v_places bigint;
begin
  freed := 0;
  moves := 0;
  select a.places into v_places from ${s}.account a where a.tenant = p_tenant and a.id = p_account;
  for v_hold in
    select * from ${s}.hold h
    where h.tenant = p_tenant and h.account = p_account and h.state = 'open'
      and h.expires_at <= v_now
    order by h.expires_at, h.id
  loop
    moves := moves + 1;
    freed := freed + v_hold.amount;
    insert into ${s}.transfer (tenant, account, place, kind, source, destination, amount, hold,
        made_at)
      values (p_tenant, p_account, v_places + moves, 'expire', 'held', 'available',
        v_hold.amount, v_hold.id, v_now);
    update ${s}.hold h set state = 'expired'
      where h.tenant = p_tenant and h.account = p_account and h.id = v_hold.id;
  end loop;
  if moves > 0 then
    update ${s}.account a
      set available = a.available + freed, held = a.held - freed, places = a.places + moves
      where a.tenant = p_tenant and a.id = p_account;
  end if;
end
$fn$;

create or replace function ${s}.release_due(p_tenant text, p_account text) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  v_moves bigint;
begin
  perform 1 from ${s}.account a
    where a.tenant = p_tenant and a.id = p_account and not a.frozen for update;
  if not found then
    return '0';
  end if;
  select r.moves into v_moves from ${s}.release(p_tenant, p_account) r;
  return v_moves::text;
end
$fn$;

-- p_entries: [{ kind, credits, imported }], in order of place. p_payments: [{ payment, credits, at }].
create or replace function ${s}.import(
  p_tenant text, p_account text, p_key text, p_digest text, p_call text, p_keep_ms bigint,
  p_balance bigint, p_entries jsonb, p_payments jsonb
) returns text language plpgsql set enable_seqscan = off as $fn$
declare
  v_answer text;
  v_now timestamptz;
  v_sum numeric;
  v_count bigint;
begin
  perform 1 from ${s}.account a where a.tenant = p_tenant and a.id = p_account for update;
  v_answer := ${s}.kept(p_tenant, p_key, p_digest);
  if v_answer is not null then
    return v_answer;
  end if;
  v_now := clock_timestamp();
  if exists (select from ${s}.payment p, jsonb_array_elements(p_payments) as e (item)
      where p.tenant = p_tenant and p.id = e.item->>'payment') then
    return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms,
      json_build_object('call', p_call, 'refused', 'PAYMENT_TAKEN')::text);
  end if;
  insert into ${s}.account (tenant, id) values (p_tenant, p_account) on conflict do nothing;
  -- An account that is there has entries: none is made without one.
  if not found then
    return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms,
      json_build_object('call', p_call, 'refused', 'ACCOUNT_OPEN')::text);
  end if;
  insert into ${s}.transfer (tenant, account, place, kind, source, destination, amount, imported,
      made_at)
    select p_tenant, p_account, e.place, e.item->>'kind',
      case when (e.item->>'credits')::bigint < 0 then 'available' else b.book end,
      case when (e.item->>'credits')::bigint < 0 then b.book else 'available' end,
      abs((e.item->>'credits')::bigint), e.item->>'imported', v_now
    from jsonb_array_elements(p_entries) with ordinality as e (item, place),
      lateral (select case e.item->>'kind' when 'initial' then 'granted'
        else e.item->>'kind' end) as b (book);
  select count(*), coalesce(sum((e.item->>'credits')::numeric), 0) into v_count, v_sum
    from jsonb_array_elements(p_entries) as e (item);
  if v_sum <> p_balance then
    raise exception 'the entries do not add up to the balance' using errcode = '23514';
  end if;
  update ${s}.account a set available = p_balance, places = v_count
    where a.tenant = p_tenant and a.id = p_account;
  -- Whoever sends such a payment gets a receipt of what the import found.
  insert into ${s}.payment
    select p_tenant, e.item->>'payment', p_account, (e.item->>'credits')::bigint,
      json_build_object('call', p_call, 'kind', 'purchase', 'place', v_count,
        'amount', (e.item->>'credits')::bigint, 'available', p_balance, 'held', 0,
        'at', (e.item->>'at')::bigint)::text,
      to_timestamp((e.item->>'at')::numeric / 1000)
    from jsonb_array_elements(p_payments) as e (item)
    on conflict do nothing;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_payments) then
    raise exception 'another call has credited a payment' using errcode = '40001';
  end if;
  return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms, json_build_object('call', p_call,
    'available', p_balance, 'held', 0, 'at', ${s}.millis(v_now))::text);
end
$fn$;`;
