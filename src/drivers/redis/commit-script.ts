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
 * Arguments stand in columns: all keys, then all that is known, then all values, then all positions. So the commands
 * that read take them as they are. See `commit.ts` for who puts them there.
 */
import { script } from "./script.ts";

/** Arguments of one command: Lua unpacks no more than about 8,000. */
const PREAMBLE = `
local WIDTH = 4000
local at = 0
local function take() at = at + 1 return ARGV[at] end

-- Runs a command over a list of any length. Its replies are joined where it answers with a list.
local function many(command, key, list)
  local joined = {}
  for from = 1, #list, WIDTH do
    local to = math.min(from + WIDTH - 1, #list)
    local reply
    if key then reply = redis.call(command, key, unpack(list, from, to))
    else reply = redis.call(command, unpack(list, from, to)) end
    if type(reply) == 'table' then
      for _, one in ipairs(reply) do joined[#joined + 1] = one end
    end
  end
  return joined
end

local function column(count)
  local list = {}
  for i = 1, count do list[i] = ARGV[at + i] end
  at = at + count
  return list
end

-- Lua compares texts by the server's locale; revisions go by their bytes.
local function below(a, b)
  if a == b then return false end
  for i = 1, 32 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end

local pieces = {}
-- An argument that came in pieces beforehand is named by its number.
local function whole(text)
  if string.byte(text, 1) ~= 1 then return text end
  return redis.call('GET', pieces[tonumber(string.sub(text, 2))])
end

local function place(known)
  local from = string.sub(known, 1, 1) == 'p' and 77 or 34
  local bar = string.find(known, '|', from, true)
  return string.sub(known, from, bar - 1), string.sub(known, from)
end
`;

const BEGIN = `
local move, checkpoints, quarantine, raw = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local probe, lease, field, token, checkpoint = take(), take(), take(), take(), take()
local part, parts = tonumber(take()), tonumber(take())
local sections = tonumber(take())

local run = redis.call('HGET', move, 'run')
if not run then return {'unknown'} end
if lease ~= '' and redis.call('HGET', move, 'lease') ~= lease then return {'fenced'} end
local now = redis.call('TIME')
now = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local function beat()
  if lease ~= '' and probe == '' then redis.call('HSET', move, 'heartbeat', now, 'updated', now) end
end

local mark = token .. '|' .. parts .. '|'
if field ~= '' and probe == '' then
  local before = redis.call('HGET', checkpoints, field)
  if before and string.sub(before, 1, #token + 1) == token .. '\\n' then beat() return {'done'} end
  if parts > 1 then
    local reached = redis.call('HGET', checkpoints, 'part:' .. field)
    if reached and string.sub(reached, 1, #mark) == mark
      and tonumber(string.sub(reached, #mark + 1)) >= part then beat() return {'skip'} end
  end
end
`;

const JUDGE = `
local origins = {}
for i = 1, tonumber(take()) do
  local id = take()
  origins[id] = {take(), take()}
end
local pieceCount = tonumber(take())
for i = 1, pieceCount do
  pieces[i] = KEYS[#KEYS - pieceCount + i]
  if redis.call('EXISTS', pieces[i]) == 0 then return {'pieces'} end
end

local plans, needed, keyAt = {}, {}, 4
for section = 1, sections do
  local plan = {
    name = take(), known = KEYS[keyAt + 1], keys = KEYS[keyAt + 2], order = KEYS[keyAt + 3],
    applied = 0, duplicate = 0, stale = 0, displaced = 0, lost = {}, conflicts = {},
    set = {}, sides = {}, add = {}, place = {}, drop = {}, unkey = {}, unplace = {}, quarantine = {},
  }
  plans[section] = plan
  keyAt = keyAt + 3
  local n = tonumber(take())
  local fields, sides, values, positions = column(n), column(n), column(n), column(n)
  local names = {}
  for i = 1, n do names[i] = KEYS[keyAt + i] end
  keyAt = keyAt + n
  local known = many('HMGET', plan.known, fields)
  -- A key of another type under one of our names must be found before anything is written.
  redis.call('ZCARD', plan.keys)
  redis.call('ZCARD', plan.order)
  local there = 0
  for from = 1, n, WIDTH do
    there = there + redis.call('EXISTS', unpack(names, from, math.min(from + WIDTH - 1, n)))
  end
  for i = 1, n do
    local side, was, name, key = sides[i], known[i], names[i], fields[i]
    local state, revision = string.sub(side, 1, 1), string.sub(side, 2, 33)
    local found = there == n or (there > 0 and redis.call('EXISTS', name) == 1)
    local verdict
    local wasState, wasRevision = '', ''
    local equal = false
    if was then
      wasState, wasRevision = string.sub(was, 1, 1), string.sub(was, 2, 33)
      equal = wasState == state and (state == 'd' or (state == 'p' and string.sub(was, 34, 76) == string.sub(side, 34, 76)))
    end
    if not was or below(wasRevision, revision) then
      if state == 'c' then verdict = 'conflict'
      elseif state == 'p' and found and wasState ~= 'p' then verdict = 'foreign'
      elseif not was then verdict = 'new'
      elseif equal and (found or state == 'd') then verdict = 'same'
      else verdict = 'replace' end
    elseif wasRevision ~= revision then verdict = 'stale'
    elseif state == 'c' then verdict = 'conflict'
    elseif equal then verdict = 'duplicate'
    else verdict = 'conflict' end

    if verdict == 'new' or verdict == 'replace' or verdict == 'same' then
      plan.applied = plan.applied + 1
      table.insert(plan.sides, key)
      table.insert(plan.sides, side)
      if state == 'p' then
        if verdict ~= 'same' then
          table.insert(plan.set, name)
          table.insert(plan.set, values[i])
        end
        table.insert(plan.add, '0')
        table.insert(plan.add, key)
        if positions[i] ~= '' then
          table.insert(plan.place, positions[i])
          table.insert(plan.place, key)
        elseif was then table.insert(plan.unplace, key) end
      elseif wasState == 'p' then
        table.insert(plan.drop, name)
        table.insert(plan.unkey, key)
      end
    elseif verdict == 'duplicate' then plan.duplicate = plan.duplicate + 1
    elseif verdict == 'stale' then plan.stale = plan.stale + 1
    else
      table.insert(plan.conflicts, i)
      local origin = origins[section .. ':' .. i]
      if not origin then
        table.insert(needed, section)
        table.insert(needed, i)
        table.insert(needed, verdict)
      end
      if verdict == 'conflict' then
        local position, behind = place(side)
        table.insert(plan.sides, key)
        table.insert(plan.sides, 'c' .. revision .. behind)
        if wasState == 'p' then
          local text = redis.pcall('GET', name)
          if wasRevision == revision and type(text) == 'string' then
            plan.displaced = plan.displaced + 1
            local was = place(was)
            if was == '' then was = '0' end
            table.insert(plan.quarantine, {'{"collection":' .. cjson.encode(plan.name) .. ',"key":' .. cjson.encode(key)
              .. ',"code":"ID_CONFLICT","detail":"rebuilt from the store","file":"","offset":0,"position":' .. was .. '}',
              't' .. string.gsub(text, '^ ', '')})
          end
          table.insert(plan.drop, name)
          table.insert(plan.unkey, key)
        end
      end
      if origin then table.insert(plan.lost, origin) end
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
  local id = redis.call('HINCRBY', move, 'entries', 1)
  redis.call('HSET', quarantine, id, run .. '\\n' .. header)
  redis.call('HSET', raw, id, whole(bytes))
end
for _, plan in ipairs(plans) do
  for i = 2, #plan.set, 2 do plan.set[i] = whole(plan.set[i]) end
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
end
for i = 1, tonumber(take()) do
  local header = take()
  set_aside(header, take())
end
for _, count in ipairs(counts) do
  for i, what in ipairs({'read', 'applied', 'duplicate', 'stale', 'quarantined'}) do
    if count[i + 1] ~= 0 then redis.call('HINCRBY', move, what .. ':' .. count[1], count[i + 1]) end
  end
end
for i = 1, tonumber(take()) do
  local name = take()
  redis.call('HSET', move, 'templates:' .. name, whole(take()))
end
if field ~= '' then
  if part < parts then redis.call('HSET', checkpoints, 'part:' .. field, mark .. part)
  else
    redis.call('HSET', checkpoints, field, token .. '\\n' .. whole(checkpoint))
    if parts > 1 then redis.call('HDEL', checkpoints, 'part:' .. field) end
  end
end
for i = 1, pieceCount do redis.call('DEL', pieces[i]) end
return {'ok', report}
`;

export const COMMIT = script(PREAMBLE + BEGIN + JUDGE + LEDGER + WRITE);
