/** The ledger's statements. The first parameter is the tenant; each answers with one JSON text. */

const PAGE = 500;

export type Statements = ReturnType<typeof statements>;

export function statements(s: string) {
  return {
    post: `select ${s}.post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) as answer`,
    spend: `select ${s}.spend($1, $2, $3, $4, $5, $6, $7, $8) as answer`,
    posts: `select ${s}.posts($1, $2) as answer`,
    open: `select ${s}.import($1, $2, $3, $4, $5, $6, $7, $8, $9) as answer`,
    release: `select ${s}.release_due($1, $2) as answer`,
    // What expired counts as given back, whether somebody has written that down yet or not.
    balance: `select json_build_object(
        'available', coalesce(sum(a.available), 0) + coalesce(sum(h.due), 0),
        'held', coalesce(sum(a.held), 0) - coalesce(sum(h.due), 0))::text as answer
      from ${s}.account a left join lateral (
        select sum(amount) as due from ${s}.hold
        where tenant = a.tenant and account = a.id and state = 'open' and a.held > 0
          and expires_at <= clock_timestamp()) h on true
      where a.tenant = $1 and a.id = $2`,
    history: `select coalesce(json_agg(t), '[]')::text as answer from (
        select place, kind, source, destination, amount, hold, of_place as of, payment, note,
          imported, ${s}.millis(made_at) as at
        from ${s}.transfer
        where tenant = $1 and account = $2 and ($3::bigint is null or place < $3::bigint)
        order by place desc limit $4::bigint) t`,
    due: `select coalesce(json_agg(h.account), '[]')::text as answer from (
        select distinct o.account from ${s}.hold o
          join ${s}.account a on a.tenant = o.tenant and a.id = o.account and not a.frozen
        where o.tenant = $1 and o.state = 'open' and o.expires_at <= clock_timestamp()
        limit $2::bigint) h`,
    freeze: `with changed as (
        update ${s}.account set frozen = $3::boolean where tenant = $1 and id = $2 returning 1)
      select count(*)::text as answer from changed`,
    forget: `with gone as (
        delete from ${s}.request where (tenant, key) in (
          select tenant, key from ${s}.request
          where tenant = $1 and kept_until <= clock_timestamp() limit $2::bigint)
        returning 1)
      select count(*)::text as answer from gone`,
    // One statement sees one moment: balances, entries and holds of an account fit each other.
    audit: `with page as (
        select id, available, held, places, false as missing from ${s}.account
        where tenant = $1 and ($2::text is null or id > $2) order by id limit ${PAGE}),
      stray as (
        select distinct account from ${s}.transfer t
        where $2::text is null and tenant = $1 and not exists (
          select from ${s}.account a where a.tenant = t.tenant and a.id = t.account)),
      named as (
        select * from page
        union all select account, 0, 0, 0, true from stray),
      side as (
        select t.account, e.book, sum(e.amount) as amount
        from ${s}.transfer t
          cross join lateral (values (source, -amount), (destination, amount)) e (book, amount)
        where t.tenant = $1 and t.account in (select id from named)
        group by t.account, e.book),
      books as (
        select account, json_object_agg(book, amount::text) as books from side group by account),
      counts as (
        select account, count(*) as entries from ${s}.transfer
        where tenant = $1 and account in (select id from named) group by account),
      open as (
        select account, sum(amount) as open from ${s}.hold
        where tenant = $1 and state = 'open' and account in (select id from named)
        group by account)
      select json_build_object(
        'items', coalesce(json_agg(json_build_object('account', n.id, 'missing', n.missing,
          'available', n.available::text, 'held', n.held::text, 'places', n.places::text,
          'entries', coalesce(c.entries, 0)::text, 'open', coalesce(o.open, 0)::text,
          'books', b.books)), '[]'),
        'next', (select max(id) from page))::text as answer
      from named n left join books b on b.account = n.id left join counts c on c.account = n.id
        left join open o on o.account = n.id`,
    overdue: `select coalesce(json_agg(h), '[]')::text as answer from (
        select account, id as hold from ${s}.hold
        where tenant = $1 and state = 'open'
          and case when $2::bigint is null then expires_at <= clock_timestamp()
            else opened_at <= clock_timestamp() - $2::bigint * interval '1 millisecond' end
          and ($3::text is null or (account, id) > ($3, $4::text))
        order by account, id limit ${PAGE}) h`,
    purchases: `select coalesce(json_agg(p), '[]')::text as answer from (
        select id as payment, account, amount::text as credits, ${s}.millis(made_at) as at
        from ${s}.payment where tenant = $1 and ($2::text is null or id > $2)
        order by id limit ${PAGE}) p`,
  };
}
