/**
 * The commit, as one script: it judges every key (D1), refuses what does not add up (T1), and only then writes:
 * records, sidecar, indexes, quarantine, counts and checkpoint together (T2). Redis undoes nothing, so nothing that
 * can be refused stands behind the first write.
 *
 *   new        the key is unknown: written
 *   replace    a lower revision with other content: replaced
 *   same       a lower revision with the same content: the sidecar takes the revision, the record stays
 *   duplicate  the same revision and content: nothing to do
 *   stale      a higher revision is there: nothing to do
 *   conflict   the same revision with other content: neither stays; both go to quarantine
 *   foreign    a record of this key that the sidecar does not call present: it stays, ours goes to quarantine
 *
 * A batch too large for one script comes in parts, each with its own share of the counts. `part:FILE:BATCH` among the
 * checkpoints says how many of them are in, so that a part which arrives again changes nothing.
 *
 * Arguments stand in columns: all keys, then all that is known, then all values. So the commands that read take them
 * as they are. A batch of which nothing is there yet needs no verdicts: its columns go into the commands as they came,
 * and it is not indexed until somebody asks for an order (`order-index.ts`).
 * An app's write in a live move names the epoch of its stage, which the fence may refuse, and its keys go into the
 * outbox (`live.ts`): before everything that is judged, and after everything that is written.
 * See `commit.ts` for who puts the columns there, and `cells-script.ts` for declared layouts.
 */
import { dumpRevision } from "../../collection/revision.ts";
import { CELLS } from "./cells-script.ts";
import { script } from "./script.ts";

/** Arguments of one command: Lua unpacks no more than about 8,000. */
const PREAMBLE = `
local WIDTH = 4000
local ARGV, KEYS, call, sub, byte = ARGV, KEYS, redis.call, string.sub, string.byte
local at = 0
local function take() at = at + 1 return ARGV[at] end

-- Runs a command that writes over a list of any length.
local function many(command, key, list)
  for from = 1, #list, WIDTH do
    local to = math.min(from + WIDTH - 1, #list)
    if key then call(command, key, unpack(list, from, to))
    else call(command, unpack(list, from, to)) end
  end
end

-- The same for pairs out of two columns; \`first\` and \`second\` say where they stand.
local function pairs_of(command, key, count, firsts, first, seconds, second)
  local list = {}
  for from = 0, count - 1, WIDTH / 2 do
    local n = math.min(WIDTH / 2, count - from)
    for i = 1, n do
      list[2 * i - 1] = firsts[first + from + i]
      list[2 * i] = seconds[second + from + i]
    end
    if key then call(command, key, unpack(list, 1, 2 * n))
    else call(command, unpack(list, 1, 2 * n)) end
  end
end

-- Lua compares texts by the server's locale; revisions go by their bytes. A batch has few of them.
local compared = {}
local function below(a, b)
  if a == b then return false end
  local both = a .. b
  local known = compared[both]
  if known ~= nil then return known end
  known = false
  for i = 1, 32 do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then known = x < y break end
  end
  compared[both] = known
  return known
end

local pieces = {}
-- An argument that came in pieces beforehand is named by its number.
local function whole(text)
  if byte(text, 1) ~= 1 then return text end
  local piece, from, to = string.match(text, '^.(%d+):(%d+):(%d+)$')
  if piece then return call('GETRANGE', pieces[tonumber(piece)], from, to) end
  return call('GET', pieces[tonumber(sub(text, 2))])
end

local function place(known)
  local from = sub(known, 1, 1) == 'p' and 77 or 34
  local bar = string.find(known, '|', from, true)
  return sub(known, from, bar - 1), sub(known, from)
end
`;

const BEGIN = `
local move, checkpoints, quarantine, raw = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local fence, outbox, waiting = KEYS[5], KEYS[6], KEYS[7]
local probe, lease, epoch, capture, field, token, checkpoint = take(), take(), take(), take(), take(), take(), take()
local part, parts = tonumber(take()), tonumber(take())
local sections = tonumber(take())

-- Before all else: whoever has slept since an earlier stage is to ask where the move is now.
if epoch ~= '' then
  local lowest = call('GET', fence)
  if lowest and tonumber(epoch) < tonumber(lowest) then return {'fenced', 'epoch ' .. epoch .. ' < ' .. lowest} end
end
local run = call('HGET', move, 'run')
if not run then return {'unknown'} end
if lease ~= '' and call('HGET', move, 'lease') ~= lease then return {'fenced'} end
local now = call('TIME')
local stamp = string.format('%.0f', now[1] * 1000000 + now[2])
now = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local function beat()
  if lease ~= '' and probe == '' then call('HSET', move, 'heartbeat', now, 'updated', now) end
end

local mark = token .. '|' .. parts .. '|'
if field ~= '' and probe == '' then
  local before = call('HGET', checkpoints, field)
  if before and sub(before, 1, #token + 1) == token .. '\\n' then beat() return {'done'} end
  if parts > 1 then
    local reached = call('HGET', checkpoints, 'part:' .. field)
    if reached and sub(reached, 1, #mark) == mark
      and tonumber(sub(reached, #mark + 1)) >= part then beat() return {'skip'} end
  end
end
`;

const SECTION = `
local origins = {}
for i = 1, tonumber(take()) do
  local id = take()
  origins[id] = {take(), take()}
end
local pieceCount = tonumber(take())
for i = 1, pieceCount do
  pieces[i] = KEYS[#KEYS - pieceCount + i]
  if call('EXISTS', pieces[i]) == 0 then return {'pieces'} end
end

local keyAt = 7
local function section_of()
  local plan = {
    name = take(), known = KEYS[keyAt + 1], keys = KEYS[keyAt + 2], order = KEYS[keyAt + 3],
    rest = KEYS[keyAt + 4], claims = KEYS[keyAt + 5], names = keyAt + 5,
    applied = 0, duplicate = 0, stale = 0, displaced = 0, lost = {}, conflicts = {},
    set = {}, sides = {}, add = {}, place = {}, drop = {}, unkey = {}, unplace = {}, quarantine = {},
  }
  local shape = take()
  plan.isPlain = take() == '1'
  local n = tonumber(take())
  plan.n, plan.field, plan.side, plan.value = n, at, at + n, at + 2 * n
  at = at + 3 * n
  if shape ~= '' then
    plan.shape, plan.cell, plan.put = cjson.decode(shape), at, {}
    at = at + n
    keyAt = keyAt + 5
  else keyAt = keyAt + 5 + n end
  return plan
end

-- What is known of its keys, and how many names of records there are. Nothing at all is the usual case.
local function look(plan)
  -- A key of another type under one of our names must be found before anything is written.
  call('ZCARD', plan.keys)
  call('ZCARD', plan.order)
  if capture ~= '' then
    call('ZCARD', outbox)
    call('HLEN', waiting)
  end
  local known, isNew, there = {}, true, 0
  if call('HLEN', plan.known) == 0 then
    for i = 1, plan.n do known[i] = false end
  else
    for from = 1, plan.n, WIDTH do
      local to = math.min(from + WIDTH - 1, plan.n)
      local reply = call('HMGET', plan.known, unpack(ARGV, plan.field + from, plan.field + to))
      for i, one in ipairs(reply) do
        known[from + i - 1] = one
        if one then isNew = false end
      end
    end
  end
  if plan.shape then
    call('HLEN', plan.rest)
    call('HLEN', plan.claims)
    return known, false, 0
  end
  for from = 1, plan.n, WIDTH do
    local to = math.min(from + WIDTH - 1, plan.n)
    there = there + call('EXISTS', unpack(KEYS, plan.names + from, plan.names + to))
  end
  return known, isNew and there == 0 and plan.isPlain, there
end
`;

/** What keys must hold before anything is written: a revision, or ('') no record. An app's own has the lowest one. */
const EXPECT = `
local function is_expected(plan, key, name, wanted)
  local was = call('HGET', plan.known, key)
  local isOurs = was and sub(was, 1, 1) == 'p'
  local found
  if plan.shape then found = isOurs and all_there(plan, key) else found = call('EXISTS', name) == 1 end
  if wanted == '' or not found then return wanted == '' and not found end
  return wanted == (isOurs and sub(was, 2, 33) or '${dumpRevision(0)}')
end
for i = 1, tonumber(take()) do
  local plan = {name = take(), known = KEYS[keyAt + 1], rest = KEYS[keyAt + 2], claims = KEYS[keyAt + 3]}
  local shape, key, wanted = take(), take(), take()
  if shape ~= '' then plan.shape = cjson.decode(shape) end
  if not is_expected(plan, key, KEYS[keyAt + 4], wanted) then return {'expect', plan.name, key} end
  keyAt = keyAt + 4
end
`;

const JUDGE = `
local plans, needed = {}, {}

-- Both of a key go to quarantine: the earlier one out of the store, the later one from its source.
local function conflict(plan, i, key, name, side, was)
  local _, behind = place(side)
  local revision = sub(side, 2, 33)
  table.insert(plan.sides, key)
  table.insert(plan.sides, 'c' .. revision .. behind)
  if not was or sub(was, 1, 1) ~= 'p' then return end
  local text
  if plan.shape then text = text_of(plan, key) else text = redis.pcall('GET', name) end
  if sub(was, 2, 33) == revision and type(text) == 'string' then
    plan.displaced = plan.displaced + 1
    local position = place(was)
    if position == '' then position = '0' end
    table.insert(plan.quarantine, {'{"collection":' .. cjson.encode(plan.name) .. ',"key":' .. cjson.encode(key)
      .. ',"code":"ID_CONFLICT","detail":"rebuilt from the store","file":"","offset":0,"position":' .. position .. '}',
      't' .. string.gsub(text, '^ ', '')})
  end
  if plan.shape then table.insert(plan.put, {key}) else table.insert(plan.drop, name) end
  table.insert(plan.unkey, key)
end

local function apply(plan, i, key, name, side, was, verdict)
  plan.applied = plan.applied + 1
  table.insert(plan.sides, key)
  table.insert(plan.sides, side)
  if sub(side, 1, 1) == 'p' then
    if verdict ~= 'same' then
      if plan.shape then table.insert(plan.put, {key, ARGV[plan.cell + i], ARGV[plan.value + i]})
      else
        table.insert(plan.set, name)
        table.insert(plan.set, ARGV[plan.value + i])
      end
    end
    table.insert(plan.add, '0')
    table.insert(plan.add, key)
    local position = place(side)
    if position ~= '' then
      table.insert(plan.place, position)
      table.insert(plan.place, key)
    elseif was then table.insert(plan.unplace, key) end
  elseif was and sub(was, 1, 1) == 'p' then
    if plan.shape then table.insert(plan.put, {key}) else table.insert(plan.drop, name) end
    table.insert(plan.unkey, key)
  end
end

local function verdict_of(plan, side, was, found)
  local state, revision = sub(side, 1, 1), sub(side, 2, 33)
  local wasState, wasRevision, equal = '', '', false
  if was then
    wasState, wasRevision = sub(was, 1, 1), sub(was, 2, 33)
    equal = wasState == state and (state == 'd' or (state == 'p' and sub(was, 34, 76) == sub(side, 34, 76)))
  end
  if not was or below(wasRevision, revision) then
    if state == 'c' then return 'conflict' end
    if state == 'p' and found and wasState ~= 'p' then return 'foreign' end
    if not was then return 'new' end
    return equal and (found or state == 'd') and 'same' or 'replace'
  end
  if wasRevision ~= revision then return 'stale' end
  return equal and 'duplicate' or 'conflict'
end

for section = 1, sections do
  local plan = section_of()
  plans[section] = plan
  local n = plan.n
  local known, isNew, there = look(plan)
  if isNew then plan.isNew, plan.applied, n = true, n, 0 end
  for i = 1, n do
    local key, side, was, name = ARGV[plan.field + i], ARGV[plan.side + i], known[i], KEYS[plan.names + i]
    local found
    if plan.shape then found = was and sub(was, 1, 1) == 'p' and all_there(plan, key)
    else found = there == n or (there > 0 and call('EXISTS', name) == 1) end
    local verdict = verdict_of(plan, side, was, found)
    if verdict == 'new' or verdict == 'replace' or verdict == 'same' then
      apply(plan, i, key, name, side, was, verdict)
    elseif verdict == 'duplicate' then plan.duplicate = plan.duplicate + 1
    elseif verdict == 'stale' then plan.stale = plan.stale + 1
    else
      table.insert(plan.conflicts, i)
      local origin = origins[section .. ':' .. i]
      if origin then table.insert(plan.lost, origin)
      else
        table.insert(needed, section)
        table.insert(needed, i)
        table.insert(needed, verdict)
      end
      if verdict == 'conflict' then conflict(plan, i, key, name, side, was) end
    end
  end
end
if probe == '' and #needed > 0 then return {'need', needed} end
`;

const LEDGER = `
local counts = {}
for i = 1, tonumber(take()) do
  local name, section = take(), tonumber(take())
  local read, duplicates, entries = tonumber(take()), tonumber(take()), tonumber(take())
  local plan = plans[section] or {applied = 0, duplicate = 0, stale = 0, displaced = 0, conflicts = {}}
  local sum = {plan.applied, plan.duplicate + duplicates, plan.stale, #plan.conflicts + entries}
  if sum[1] + sum[2] + sum[3] + sum[4] ~= read then
    return {'sum', name, table.concat(sum, ' + ') .. ' is not ' .. read}
  end
  table.insert(counts, {name, read, sum[1] - plan.displaced, sum[2], sum[3], sum[4] + plan.displaced})
end

local report = {}
for section, plan in ipairs(plans) do
  report[section] = {plan.applied, plan.duplicate, plan.stale, plan.conflicts}
end
if probe ~= '' then return {'ok', report} end
`;

const WRITE = `
beat()
local function set_aside(header, bytes)
  local id = call('HINCRBY', move, 'entries', 1)
  call('HSET', quarantine, id, run .. '\\n' .. header)
  call('HSET', raw, id, whole(bytes))
end
-- Into the outbox: each key once, as long as it waits, under the newest revision (see live.ts).
local function note(plan)
  local prefix = #plan.name .. ':' .. plan.name
  for i = 1, plan.n do
    local entry, revision = prefix .. ARGV[plan.field + i], sub(ARGV[plan.side + i], 2, 33)
    local waits = call('HGET', waiting, entry)
    if not waits then call('ZADD', outbox, stamp, entry) end
    if not waits or below(waits, revision) then call('HSET', waiting, entry, revision) end
  end
end
for _, plan in ipairs(plans) do
  if plan.isNew then
    pairs_of('MSET', nil, plan.n, KEYS, plan.names, ARGV, plan.value)
    pairs_of('HSET', plan.known, plan.n, ARGV, plan.field, ARGV, plan.side)
    call('HINCRBY', move, 'loads:' .. plan.name, 1)
  end
  for i = 2, #plan.set, 2 do plan.set[i] = whole(plan.set[i]) end
  if plan.shape then put_all(plan) end
  many('MSET', nil, plan.set)
  many('DEL', nil, plan.drop)
  many('ZADD', plan.keys, plan.add)
  many('ZADD', plan.order, plan.place)
  many('ZREM', plan.order, plan.unplace)
  many('ZREM', plan.keys, plan.unkey)
  many('ZREM', plan.order, plan.unkey)
  many('HSET', plan.known, plan.sides)
  for _, entry in ipairs(plan.quarantine) do set_aside(entry[1], entry[2]) end
  for _, entry in ipairs(plan.lost) do set_aside(entry[1], entry[2]) end
  if capture ~= '' then note(plan) end
end
for i = 1, tonumber(take()) do
  local header = take()
  set_aside(header, take())
end
for _, count in ipairs(counts) do
  for i, what in ipairs({'read', 'applied', 'duplicate', 'stale', 'quarantined'}) do
    if count[i + 1] ~= 0 then call('HINCRBY', move, what .. ':' .. count[1], count[i + 1]) end
  end
end
for i = 1, tonumber(take()) do
  local name = take()
  call('HSET', move, 'templates:' .. name, whole(take()))
end
if field ~= '' then
  if part < parts then call('HSET', checkpoints, 'part:' .. field, mark .. part)
  else
    call('HSET', checkpoints, field, token .. '\\n' .. whole(checkpoint))
    if parts > 1 then call('HDEL', checkpoints, 'part:' .. field) end
  end
end
for i = 1, pieceCount do call('DEL', pieces[i]) end
return {'ok', report}
`;

export const COMMIT = script(PREAMBLE + BEGIN + SECTION + CELLS + EXPECT + JUDGE + LEDGER + WRITE);
