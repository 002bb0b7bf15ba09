/**
 * The spend that nearly all are: the account is there and has the credits, nothing of it is held, and the key is new.
 * It does what `post` does, in three statements; for all else it has changed nothing and asks `post`.
 *
 * Its update waits for the account's lock and then sees the account as it is, but not the keys that came meanwhile:
 * who finds the key taken ends with 40001, as in `post`, and is called again.
 */
export const creditsSpend = (s: string): string => `
create or replace function ${s}.spend(
  p_tenant text, p_account text, p_key text, p_digest text, p_call text, p_keep_ms bigint,
  p_amount bigint, p_note text
) returns text language plpgsql set enable_seqscan = off as $fn$
declare
  v_available bigint;
  v_place bigint;
  v_now timestamptz;
  v_answer text;
begin
  update ${s}.account a set available = a.available - p_amount, places = a.places + 1
    where a.tenant = p_tenant and a.id = p_account and a.available >= p_amount and a.held = 0
      and not a.frozen
      and not exists (select from ${s}.request r where r.tenant = p_tenant and r.key = p_key)
    returning a.available, a.places, clock_timestamp() into v_available, v_place, v_now;
  if v_place is null then
    return ${s}.post(p_tenant, p_account, p_key, p_digest, p_call, p_keep_ms, 'spend', p_amount,
      null, null, null, null, p_note);
  end if;
  insert into ${s}.transfer values (p_tenant, p_account, v_place, 'spend', 'available', 'spent',
    p_amount, null, null, null, p_note, null, v_now);
  insert into ${s}.request values (p_tenant, p_key, p_digest,
      json_build_object('call', p_call, 'kind', 'spend', 'place', v_place, 'amount', p_amount,
        'available', v_available, 'held', 0, 'at', ${s}.millis(v_now))::text,
      v_now + p_keep_ms * interval '1 millisecond')
    on conflict do nothing returning answer into v_answer;
  if v_answer is null then
    raise exception 'another call has this key' using errcode = '40001';
  end if;
  return v_answer;
end
$fn$;`;
