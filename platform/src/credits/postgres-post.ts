/**
 * The function behind every change but the plainest of spends (postgres-spend.ts). The account's row is the lock: whoever has it sees all that was done to the
 * account, and all answers that were kept for it. Nothing is written before it is decided.
 *
 * It must also be right when the account is not there yet (nothing is locked then): two that open it at once meet at
 * its key, and two with one request key meet in `keep`. The later one ends with 40001 and is called again.
 *
 * Its sessions keep its plans: one that was made while the tables were small would read all of them when they are large.
 * All that it looks up has an index, so it may use nothing else.
 */
export const creditsPost = (s: string): string => `
create or replace function ${s}.post(
  p_tenant text, p_account text, p_key text, p_digest text, p_call text, p_keep_ms bigint,
  p_operation text, p_amount bigint, p_hold text, p_ttl_ms bigint, p_of bigint, p_payment text,
  p_note text
) returns text language plpgsql set enable_seqscan = off as $fn$
declare
  v_available bigint;
  v_held bigint;
  v_places bigint;
  v_frozen boolean;
  v_exists boolean;
  v_now timestamptz;
  v_millis bigint;
  v_answer text;
  v_refused text;
  v_detail text;
  v_amount bigint := p_amount;
  v_hold ${s}.hold;
  v_spent bigint;
  v_rest bigint;
  v_freed bigint;
  v_moves bigint;
  v_place bigint;
  v_payment ${s}.payment;
  v_source text;
  v_destination text;
begin
  select a.available, a.held, a.places, a.frozen into v_available, v_held, v_places, v_frozen
    from ${s}.account a where a.tenant = p_tenant and a.id = p_account for update;
  v_exists := found;
  v_answer := ${s}.kept(p_tenant, p_key, p_digest);
  if v_answer is not null then
    return v_answer;
  end if;
  if v_frozen then
    return '{"call":"","refused":"ACCOUNT_FROZEN"}';
  end if;
  v_now := clock_timestamp();
  v_millis := floor(date_part('epoch', v_now) * 1000);
  if not v_exists then
    v_available := 0;
    v_held := 0;
    v_places := 0;
  end if;
  if v_held > 0 then
    select r.freed, r.moves into v_freed, v_moves from ${s}.release(p_tenant, p_account) r;
    v_available := v_available + v_freed;
    v_held := v_held - v_freed;
    v_places := v_places + v_moves;
  end if;

  if p_operation in ('grant', 'purchase') then
    v_source := case p_operation when 'grant' then 'granted' else 'sold' end;
    v_destination := 'available';
    if p_operation = 'purchase' then
      select * into v_payment from ${s}.payment p
        where p.tenant = p_tenant and p.id = p_payment;
      if found and v_payment.account = p_account and v_payment.amount = p_amount then
        return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms, v_payment.answer);
      elsif found then
        v_refused := 'PAYMENT_TAKEN';
      end if;
    end if;
    if v_refused is null and v_amount > ${Number.MAX_SAFE_INTEGER} - v_available - v_held then
      v_refused := 'BALANCE_TOO_LARGE';
    end if;
  elsif p_operation in ('spend', 'reserve') then
    v_source := 'available';
    v_destination := case p_operation when 'spend' then 'spent' else 'held' end;
    if v_available < v_amount then
      v_refused := 'INSUFFICIENT_CREDITS';
      v_detail := format('%s asked for, %s there', v_amount, v_available);
    end if;
  elsif p_operation in ('capture', 'void') then
    v_source := 'held';
    v_destination := case p_operation when 'capture' then 'spent' else 'available' end;
    select * into v_hold from ${s}.hold h
      where h.tenant = p_tenant and h.account = p_account and h.id = p_hold;
    v_amount := coalesce(v_amount, v_hold.amount);
    v_refused := case
      when v_hold.id is null then 'HOLD_UNKNOWN'
      when v_hold.state = 'expired' then 'HOLD_EXPIRED'
      when v_hold.state <> 'open' then 'HOLD_CLOSED'
      when v_amount > v_hold.amount then 'CAPTURE_TOO_LARGE' end;
  elsif p_operation = 'refund' then
    v_source := 'spent';
    v_destination := 'available';
    select t.amount into v_spent from ${s}.transfer t
      where t.tenant = p_tenant and t.account = p_account and t.place = p_of
        and t.kind in ('spend', 'capture');
    select v_spent - coalesce(sum(t.amount), 0) into v_rest from ${s}.transfer t
      where t.tenant = p_tenant and t.account = p_account and t.of_place = p_of;
    v_amount := coalesce(v_amount, v_rest);
    v_refused := case
      when v_spent is null then 'REFUND_UNKNOWN'
      when v_rest = 0 or v_amount > v_rest then 'REFUND_TOO_LARGE'
      when v_amount > ${Number.MAX_SAFE_INTEGER} - v_available - v_held
        then 'BALANCE_TOO_LARGE' end;
  else
    raise exception 'there is no such operation' using errcode = '22023';
  end if;
  if v_refused is not null then
    return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms,
      json_build_object('call', p_call, 'refused', v_refused, 'detail', v_detail)::text);
  end if;

  if not v_exists then
    insert into ${s}.account (tenant, id) values (p_tenant, p_account) on conflict do nothing;
    if not found then
      raise exception 'another call has opened the account' using errcode = '40001';
    end if;
  end if;
  v_place := v_places + 1;
  v_places := v_place;
  insert into ${s}.transfer values (p_tenant, p_account, v_place, p_operation, v_source,
    v_destination, v_amount, case p_operation when 'reserve' then p_call else p_hold end, p_of,
    p_payment, p_note, null, v_now);
  if p_operation = 'reserve' then
    insert into ${s}.hold values (p_tenant, p_account, p_call, v_amount, 'open', v_now,
      v_now + p_ttl_ms * interval '1 millisecond');
  elsif v_source = 'held' then
    update ${s}.hold h set state = case p_operation when 'capture' then 'captured' else 'voided' end
      where h.tenant = p_tenant and h.account = p_account and h.id = p_hold;
    v_rest := v_hold.amount - v_amount;
    if v_rest > 0 then
      v_places := v_places + 1;
      insert into ${s}.transfer (tenant, account, place, kind, source, destination, amount, hold,
          made_at)
        values (p_tenant, p_account, v_places, 'void', 'held', 'available', v_rest, p_hold, v_now);
    end if;
    v_held := v_held - v_hold.amount;
    v_available := v_available + v_rest;
  end if;
  v_available := v_available
    + case when v_destination = 'available' then v_amount else 0 end
    - case when v_source = 'available' then v_amount else 0 end;
  v_held := v_held + case when v_destination = 'held' then v_amount else 0 end;
  update ${s}.account a set available = v_available, held = v_held, places = v_places
    where a.tenant = p_tenant and a.id = p_account;

  v_answer := json_build_object('call', p_call, 'kind', p_operation, 'place', v_place,
    'amount', v_amount, 'available', v_available, 'held', v_held,
    'hold', case p_operation when 'reserve' then p_call else p_hold end,
    'expires', case p_operation when 'reserve' then v_millis + p_ttl_ms end,
    'at', v_millis)::text;
  if p_operation = 'purchase' then
    insert into ${s}.payment values (p_tenant, p_payment, p_account, v_amount, v_answer, v_now)
      on conflict do nothing;
    if not found then
      raise exception 'another call has credited the payment' using errcode = '40001';
    end if;
  end if;
  return ${s}.keep(p_tenant, p_key, p_digest, p_keep_ms, v_answer);
end
$fn$;`;
