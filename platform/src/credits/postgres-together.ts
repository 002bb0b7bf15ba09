/**
 * Several changes in one transaction, and so in one commit, which is most of what a change costs. Whatever fails undoes
 * all of them; they are then asked for one by one.
 *
 * Accounts are locked in one order. Somebody else's transaction that holds one of them, for as long as it likes, may
 * keep the others waiting only for a moment.
 */
export const creditsPosts = (s: string): string => `
create or replace function ${s}.posts(p_tenant text, p_orders jsonb) returns text
language plpgsql set lock_timeout = '100ms' as $fn$
declare
  v_order record;
  v_answers text[] := '{}';
begin
  for v_order in
    select * from jsonb_to_recordset(p_orders) as o (at integer, account text, key text,
      digest text, call text, "keepMs" bigint, operation text, amount bigint, hold text,
      "ttlMs" bigint, "of" bigint, payment text, note text)
    order by o.account, o.at
  loop
    if v_order.operation = 'spend' then
      v_answers[v_order.at] := ${s}.spend(p_tenant, v_order.account, v_order.key, v_order.digest,
        v_order.call, v_order."keepMs", v_order.amount, v_order.note);
    else
      v_answers[v_order.at] := ${s}.post(p_tenant, v_order.account, v_order.key, v_order.digest,
        v_order.call, v_order."keepMs", v_order.operation, v_order.amount, v_order.hold,
        v_order."ttlMs", v_order."of", v_order.payment, v_order.note);
    end if;
  end loop;
  return '[' || array_to_string(v_answers, ',') || ']';
end
$fn$;`;
