/**
 * The ledger's scripts: one for each change.
 *
 * 1. A script has no rollback. So it reads and decides first, and its first write is one that a full server refuses.
 * 2. Numbers are doubles here: all of them are whole and at most 2^53-1, which is checked, never assumed. They are
 *    written with all digits; Lua's and cjson's own ways would round them.
 * 3. Time is the server's.
 * 4. Several changes of one kind may come at once. Each is decided and written by itself, in its turn.
 *
 * Of a change, KEYS: balance, history, state, holds, deadlines, request, payments, due, accounts.
 * ARGV: digest, call, milliseconds to keep the answer, account, note as JSON, then the operation's own.
 */
import { createHash } from "node:crypto";
import { HOLDS, POSTS } from "./redis-posts.ts";

export interface Script {
  readonly text: string;
  readonly digest: string;
}

const script = (text: string): Script => ({
  text,
  digest: createHash("sha1").update(text).digest("hex"),
});

const CLOCK = `
local clock = redis.call("TIME")
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)`;

const WORDS = `
local MOST = ${Number.MAX_SAFE_INTEGER}
local DIGITS = ${String(Number.MAX_SAFE_INTEGER).length}
local function whole(number) return string.format("%d", number) end
-- Nothing for what is no whole number from 0 to MOST.
local function number(text)
  if not string.match(text, "^%d+$") or #text > DIGITS then return nil end
  local found = tonumber(text)
  if found > MOST then return nil end
  return found
end
local function state_of(text)
  local held, places, more = string.match(text, "^(%d+) (%d+)(.*)$")
  if held and (more == "" or more == " frozen") then
    return number(held), number(places), more ~= ""
  end
end
local function kind_of(key) return redis.call("TYPE", key).ok end`;

const REFUSAL = `
local function refusal(code, detail)
  return '{"call":' .. cjson.encode(ARGV[2]) .. ',"refused":"' .. code .. '"'
    .. (detail and ',"detail":"' .. detail .. '"' or "") .. "}"
end`;

/** Days since 1970 to a date: years begin in March, so that a leap day is the last. */
const DATES = `
local function iso(ms)
  local days = math.floor(ms / 86400000)
  local rest = ms - days * 86400000
  local shifted = days + 719468
  local era = math.floor(shifted / 146097)
  local day = shifted - era * 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524)
    - math.floor(day / 146096)) / 365)
  day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * day + 2) / 153)
  local date = day - math.floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, date,
    math.floor(rest / 3600000), math.floor(rest / 60000) % 60, math.floor(rest / 1000) % 60,
    rest % 1000)
end
local today = iso(now)`;

const ACCOUNT = `
local account = ARGV[4]
local before, available, held, places = 0, 0, 0, 0
local corrupt
if found[2] then
  available = found[1] and number(found[1])
  local frozen
  held, places, frozen = state_of(found[2])
  if not available or not held or not places then
    corrupt = "a number"
  -- Of a key of another kind it is an error, which is a table.
  elseif redis.pcall("LLEN", KEYS[2]) ~= places then
    corrupt = "the history"
  elseif frozen then
    corrupt = "frozen"
  end
  before = places
elseif redis.call("EXISTS", KEYS[1], KEYS[2], KEYS[3]) > 0 then
  corrupt = "unopened"
end
local function hold_of(id)
  local found = redis.call("HGET", KEYS[4], id)
  if not found then return nil end
  return string.match(found, "^(%a+) (%d+) (%d+)$")
end
local ended = {}
if not corrupt and held > 0 then
  local due = 0
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[5], "-inf", whole(now))) do
    local state, size, opened = hold_of(id)
    if state ~= "open" then corrupt = "a hold" break end
    ended[#ended + 1] = { id = id, size = tonumber(size), opened = opened }
    due = due + tonumber(size)
  end
  if due > held then corrupt = "a hold" end
end
if corrupt == "unopened" then return refusal("ACCOUNT_NOT_OPEN") end
if corrupt == "frozen" then return refusal("ACCOUNT_FROZEN") end
if corrupt then return refusal("ACCOUNT_CORRUPT", corrupt) end
local holds_changed = false
local function move(kind, source, destination, amount, more)
  places = places + 1
  local credits = 0
  if source == "available" then
    available = available - amount
    credits = -amount
  elseif source == "held" then
    held = held - amount
  end
  if destination == "available" then
    available = available + amount
    credits = amount
  elseif destination == "held" then
    held = held + amount
  end
  redis.call("LPUSH", KEYS[2], '{"id":' .. whole(places) .. ',"user_id":' .. cjson.encode(account)
    .. ',"type":"' .. kind .. '","credits":' .. whole(credits) .. ',"moved":' .. whole(amount)
    .. ',"source":"' .. source .. '","destination":"' .. destination .. '"' .. more
    .. ',"created_at":"' .. today .. '"}')
end
local function close(id, state, size, opened)
  holds_changed = true
  redis.call("HSET", KEYS[4], id, state .. " " .. whole(size) .. " " .. opened)
  redis.call("ZREM", KEYS[5], id)
end
local function release()
  for _, hold in ipairs(ended) do
    move("expire", "held", "available", hold.size, ',"hold":' .. cjson.encode(hold.id))
    close(hold.id, "expired", hold.size, hold.opened)
  end
  return #ended
end
local function store()
  if places == before then return end
  redis.call("MSET", KEYS[1], whole(available), KEYS[3], whole(held) .. " " .. whole(places))
  if before == 0 then redis.call("SADD", KEYS[9], account) end
  if holds_changed then
    local first = redis.call("ZRANGE", KEYS[5], 0, 0, "WITHSCORES")
    if first[1] then
      redis.call("ZADD", KEYS[8], first[2], account)
    else
      redis.call("ZREM", KEYS[8], account)
    end
  end
end`;

/** What a change begins with, in one call: of keys of another kind there is nothing. */
const FOUND = `
local found = redis.call("MGET", KEYS[1], KEYS[3], KEYS[6])`;

/** A digest has 43 characters. */
const KEPT = `${REFUSAL}${FOUND}
local kept = found[3]
if kept then
  if string.sub(kept, 1, 43) ~= ARGV[1] then
    return '{"call":"","refused":"IDEMPOTENCY_MISMATCH"}'
  end
  return string.sub(kept, 44)
end
local function keep(answer)
  redis.call("SET", KEYS[6], ARGV[1] .. answer, "PX", ARGV[3])
  return answer
end`;

/** Keys and arguments of one change, of which several may come at once; the tenant's keys come once, in front. */
const KEYS_EACH = 6;
const ARGUMENTS_EACH = 7;

/** Each of them is decided by itself; one that the server refuses, because it is full, spares the others. */
const EACH = `
local answers = {}
for at = 0, (#KEYS - 3) / ${KEYS_EACH} - 1 do
  local keys = { unpack(KEYS, at * ${KEYS_EACH} + 4, (at + 1) * ${KEYS_EACH} + 3) }
  keys[7], keys[8], keys[9] = KEYS[1], KEYS[2], KEYS[3]
  local args = { unpack(ARGV, at * ${ARGUMENTS_EACH} + 1, (at + 1) * ${ARGUMENTS_EACH}) }
  local is_done, answer = pcall(post, keys, args)
  if not is_done then
    -- Before Redis 7 an error is a text that begins with its place.
    answer = type(answer) == "table" and answer.err or string.gsub(answer, "^[^ ]+ %d+: %-?", "")
  end
  answers[at + 1] = answer
end
return answers`;

const post = (decide: string): Script =>
  script(`${WORDS}${CLOCK}${DATES}
local function post(KEYS, ARGV)
${KEPT}${ACCOUNT}
release()
local kind, amount, source, destination, refused, detail
local more, extra, after, known = "", "", nil, nil
if ARGV[5] ~= "" then more = ',"note":' .. ARGV[5] end
${decide}
if known then
  store()
  return keep(known)
end
if refused then
  store()
  return keep(refusal(refused, detail))
end
move(kind, source, destination, amount, more)
local place = places
if after then after() end
store()
local answer = '{"call":' .. cjson.encode(ARGV[2]) .. ',"kind":"' .. kind .. '","place":'
  .. whole(place) .. ',"amount":' .. whole(amount) .. ',"available":' .. whole(available)
  .. ',"held":' .. whole(held) .. extra .. ',"at":' .. whole(now) .. "}"
if kind == "purchase" then
  redis.call("HSET", KEYS[7], ARGV[7], whole(amount) .. "\\n" .. account .. "\\n" .. answer)
end
return keep(answer)
end
${EACH}`);

/** ARGV: 6 amount ("" for all there is), 7 payment, hold, milliseconds of a hold, or place. */
export const SCRIPTS = {
  grant: post(POSTS.grant),
  purchase: post(POSTS.purchase),
  spend: post(POSTS.spend),
  reserve: post(POSTS.reserve),
  capture: post(`${HOLDS}${POSTS.capture}`),
  void: post(`${HOLDS}${POSTS.void}`),
  refund: post(POSTS.refund),

  /**
   * ARGV: 6 balance, 7 digest of the list that is there, 8 how many payments, then payment, credits and time of each,
   * then each entry's JSON but for place and date.
   */
  open: script(`${WORDS}${CLOCK}${KEPT}${DATES}
local account = ARGV[4]
if redis.call("EXISTS", KEYS[3]) == 1 then return keep(refusal("ACCOUNT_OPEN")) end
local function conflict(what) return refusal("IMPORT_CONFLICT", what .. " is not as given") end
local balance_kind, history_kind = kind_of(KEYS[1]), kind_of(KEYS[2])
if balance_kind ~= "none"
  and (balance_kind ~= "string" or redis.call("GET", KEYS[1]) ~= ARGV[6]) then
  return conflict("the counter")
end
local there = 0
if history_kind ~= "none" then
  if history_kind ~= "list" then return conflict("the history") end
  there = redis.call("LLEN", KEYS[2])
  -- What is there already stays as it is; the digests say that it is what was given.
  if redis.sha1hex(table.concat(redis.call("LRANGE", KEYS[2], 0, -1), "\\n")) ~= ARGV[7] then
    return conflict("the history")
  end
end
local first = 9 + 3 * tonumber(ARGV[8])
for at = 9, first - 1, 3 do
  if redis.call("HEXISTS", KEYS[7], ARGV[at]) == 1 then return keep(refusal("PAYMENT_TAKEN")) end
end
local place = 0
for at = first, #ARGV do
  place = place + 1
  if place > there then
    redis.call("LPUSH", KEYS[2], '{"id":' .. whole(place) .. ',"user_id":' .. cjson.encode(account)
      .. "," .. ARGV[at] .. ',"created_at":"' .. today .. '"}')
  end
end
redis.call("MSET", KEYS[1], ARGV[6], KEYS[3], "0 " .. whole(place))
redis.call("SADD", KEYS[9], account)
-- Whoever sends such a payment gets a receipt of what the import found.
for at = 9, first - 1, 3 do
  redis.call("HSET", KEYS[7], ARGV[at], ARGV[at + 1] .. "\\n" .. account .. "\\n" .. '{"call":'
    .. cjson.encode(ARGV[2]) .. ',"kind":"purchase","place":' .. whole(place) .. ',"amount":'
    .. ARGV[at + 1] .. ',"available":' .. ARGV[6] .. ',"held":0,"at":' .. ARGV[at + 2] .. "}")
end
return keep('{"call":' .. cjson.encode(ARGV[2]) .. ',"available":' .. ARGV[6]
  .. ',"held":0,"at":' .. whole(now) .. "}")`),

  release: script(`${WORDS}${CLOCK}${DATES}${REFUSAL}${FOUND}${ACCOUNT}
local released = release()
store()
-- An account whose last hold was closed otherwise is no longer due.
if redis.call("ZCARD", KEYS[5]) == 0 then redis.call("ZREM", KEYS[8], account) end
return released`),

  /** KEYS: state. ARGV: what is to stand behind its numbers. */
  freeze: script(`
local text = redis.call("GET", KEYS[1])
if not text then return 0 end
redis.call("SET", KEYS[1], string.gsub(text, " frozen$", "") .. ARGV[1])
return 1`),

  /** KEYS: due. ARGV: how many. */
  due: script(`${WORDS}${CLOCK}
return redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", whole(now), "LIMIT", 0, ARGV[1])`),

  /** KEYS: balance, history, state, holds, deadlines. What ended counts as given back. */
  balance: script(`${WORDS}${CLOCK}
local found = redis.call("MGET", KEYS[1], KEYS[3])
if not found[2] then
  if kind_of(KEYS[1]) == "none" and kind_of(KEYS[2]) == "none" then return {"0", "0"} end
  return {"unopened"}
end
local available, held = found[1] and number(found[1]), state_of(found[2])
if not available or not held then return {"corrupt"} end
if held > 0 then
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", KEYS[5], "-inf", whole(now))) do
    local size = tonumber(string.match(redis.call("HGET", KEYS[4], id) or "", "^open (%d+)"))
    if not size or size > held then return {"corrupt"} end
    available, held = available + size, held - size
  end
end
return {whole(available), whole(held)}`),

  /** KEYS: history. ARGV: before ("" for the end), how many. An entry's place is its distance from the list's end. */
  history: script(`
local length = redis.call("LLEN", KEYS[1])
local last = length
if ARGV[1] ~= "" and tonumber(ARGV[1]) - 1 < last then last = tonumber(ARGV[1]) - 1 end
if last < 1 then return {0} end
local first = math.max(1, last - tonumber(ARGV[2]) + 1)
local found = redis.call("LRANGE", KEYS[1], -last, -first)
return {last, unpack(found)}`),

  /** KEYS: balance, history, state, holds, deadlines. All of one moment; entries are read afterwards, as they stay. */
  look: script(`${WORDS}
local found = redis.call("MGET", KEYS[1], KEYS[3])
local held, places = string.match(found[2] or "", "^(%S+) (%S+)")
local open = 0
for _, id in ipairs(redis.call("ZRANGE", KEYS[5], 0, -1)) do
  local size = string.match(redis.call("HGET", KEYS[4], id) or "", "^open (%d+)")
  open = open + (size and tonumber(size) or 0)
end
local length = kind_of(KEYS[2]) == "list" and redis.call("LLEN", KEYS[2]) or 0
return {found[1] or "", held or "", places or "", whole(open), whole(length)}`),

  /** KEYS: holds, deadlines. ARGV: how long open ("" for those whose time is over). */
  overdue: script(`${WORDS}${CLOCK}
if ARGV[1] == "" then return redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", whole(now)) end
local found = {}
for _, id in ipairs(redis.call("ZRANGE", KEYS[2], 0, -1)) do
  local opened = tonumber(string.match(redis.call("HGET", KEYS[1], id) or "", "%d+$") or whole(now))
  if opened <= now - tonumber(ARGV[1]) then found[#found + 1] = id end
end
return found`),
} as const satisfies Record<string, Script>;
