/**
 * The part of the scripts that writes records under declared layouts: see `cells.ts` for what a cell is.
 *
 * The hash `rest` has an entry per record: a JSON list with the place of each cell, a line feed, and the record's text
 * where no cell holds it. A place is one of
 *
 *   +NAME      the cell is the key of this name (in a list: `+`, 40 digits of the element's SHA-1, where it was when it
 *              was pushed, counted from the end that does not move, a colon, the list's name)
 *   =NUMBER    a counter whose key somebody else has
 *   -WHY       there is no cell: `-` for nothing to hold, K for a key that somebody else has, N for a value that makes
 *              no name, T for what is no whole number
 *
 * The hash `claims` says whose a key is. A key that exists without a claim is somebody else's and is left alone.
 *
 * Names of cells come out of the entries, so they are not among KEYS, and they have no hash tag: this is for one
 * server, which `preflight` and `checkCells` make sure of.
 */
/** Finding and removing. `call` and `sub` are the caller's, and a plan has `name`, `rest`, `claims`, `shape`. */
export const TAKE_AWAY = `
local function entry_of(plan, key)
  local entry = call('HGET', plan.rest, key)
  if not entry then return {}, '' end
  local line = string.find(entry, '\\n', 1, true)
  return cjson.decode(sub(entry, 1, line - 1)), sub(entry, line + 1)
end

local function is_list(kind) return kind == 'first' or kind == 'last' end
local function in_list(held) return string.match(sub(held, 42), '^(%-?%d+):(.*)$') end
local function name_of(kind, held)
  if not is_list(kind) then return sub(held, 2) end
  local _, name = in_list(held)
  return name
end

-- Where a list has an element, and its text: looked for where it was, then from the end that does not move.
local function element_of(held)
  local wanted = sub(held, 2, 41)
  local hint, name = in_list(held)
  if call('TYPE', name).ok ~= 'list' then return end
  local text = call('LINDEX', name, hint)
  if text and redis.sha1hex(text) == wanted then return hint, text end
  local length, isBack = call('LLEN', name), tonumber(hint) < 0
  for from = 0, length - 1, 100 do
    local to = math.min(from + 99, length - 1)
    local chunk
    if isBack then chunk = call('LRANGE', name, -1 - to, -1 - from) else chunk = call('LRANGE', name, from, to) end
    for i = 1, #chunk do
      local at = isBack and #chunk + 1 - i or i
      if redis.sha1hex(chunk[at]) == wanted then
        return isBack and -from - i or from + i - 1, chunk[at]
      end
    end
  end
end

local function take_away(plan, places)
  for i, held in ipairs(places) do
    if sub(held, 1, 1) == '+' then
      local kind = plan.shape[i][1]
      local name = name_of(kind, held)
      if is_list(kind) then
        local _, text = element_of(held)
        if text then call('LREM', name, 1, text) end
        if call('EXISTS', name) == 0 then call('HDEL', plan.claims, name) end
      else
        call('DEL', name)
        call('HDEL', plan.claims, name)
      end
    end
  end
end
`;

/** Judging and writing. `whole` is the caller's. */
export const CELLS = `${TAKE_AWAY}
local function owner_of(plan, key) return #plan.name .. ':' .. plan.name .. key end

local function all_there(plan, key)
  for i, held in ipairs((entry_of(plan, key))) do
    if sub(held, 1, 1) == '+' and call('EXISTS', name_of(plan.shape[i][1], held)) == 0 then return false end
  end
  return true
end

-- The record's text as the store has it, its counters put back in.
local function text_of(plan, key)
  local places, body = entry_of(plan, key)
  local counted = {}
  for i, held in ipairs(places) do
    local kind, mark = plan.shape[i][1], sub(held, 1, 1)
    if kind == 'counter' and (mark == '+' or mark == '=') then
      local number = mark == '=' and sub(held, 2) or redis.pcall('GET', sub(held, 2))
      if type(number) ~= 'string' then return nil end
      local offset = plan.shape[i][3]
      if offset ~= 0 and tonumber(number) then number = string.format('%.0f', tonumber(number) - offset) end
      table.insert(counted, cjson.encode(plan.shape[i][2]) .. ':' .. number)
    elseif mark == '+' and kind == 'object' then body = redis.pcall('GET', sub(held, 2))
    elseif mark == '+' and is_list(kind) then
      local _, text = element_of(held)
      body = text
    end
  end
  if type(body) ~= 'string' then return nil end
  if #counted == 0 then return body end
  local brace = string.find(body, '{', 1, true)
  if not brace then return nil end
  local rest = sub(body, brace + 1)
  return sub(body, 1, brace) .. table.concat(counted, ',') .. (rest == '}' and '' or ',') .. rest
end

local function claim(plan, name, owner)
  local by = call('HGET', plan.claims, name)
  if by then return by == owner end
  if call('EXISTS', name) == 1 then return false end
  call('HSET', plan.claims, name, owner)
  return true
end

-- An element that changed keeps its place in its list. Says where that is.
local function replace_element(places, i, name, body)
  local held = places[i]
  if not held or sub(held, 1, 1) ~= '+' or name_of('last', held) ~= name then return end
  local index = element_of(held)
  if not index then return end
  call('LSET', name, index, body)
  places[i] = '-'
  return index
end

local function push(plan, i, cell, places, body)
  local name, isFirst = cell[1], plan.shape[i][1] == 'first'
  local index = replace_element(places, i, name, body)
  if not index then
    local kept = call('TYPE', name).ok
    if (kept ~= 'none' and kept ~= 'list') or not claim(plan, name, 'list') then return '-K' end
    index = call(isFirst and 'LPUSH' or 'RPUSH', name, body)
    index = isFirst and -index or index - 1
  end
  return '+' .. redis.sha1hex(body) .. string.format('%.0f', index) .. ':' .. name
end

local function put(plan, key, cells, body)
  local owner, places, held = owner_of(plan, key), entry_of(plan, key), {}
  local hasCell, isHeld = false, false
  for i, cell in ipairs(cells) do
    local kind = plan.shape[i][1]
    if is_list(kind) and type(cell) == 'table' then
      held[i] = push(plan, i, cell, places, body)
      isHeld = isHeld or sub(held[i], 1, 1) == '+'
    end
    hasCell = hasCell or is_list(kind) or kind == 'object'
  end
  take_away(plan, places)
  for i, cell in ipairs(cells) do
    local kind = plan.shape[i][1]
    if type(cell) ~= 'table' then held[i] = cell
    elseif kind == 'pointer' and hasCell and not isHeld then held[i] = '-K'
    elseif not held[i] then
      if claim(plan, cell[1], owner) then
        call('SET', cell[1], kind == 'object' and body or cell[2])
        held[i] = '+' .. cell[1]
        isHeld = isHeld or kind == 'object'
      else held[i] = kind == 'counter' and '=' .. cell[2] or '-K' end
    end
  end
  call('HSET', plan.rest, key, cjson.encode(held) .. '\\n' .. (isHeld and '' or body))
end

local function put_all(plan)
  for _, one in ipairs(plan.put) do
    local key = one[1]
    if one[2] then put(plan, key, cjson.decode(one[2]), whole(one[3]))
    else
      take_away(plan, (entry_of(plan, key)))
      call('HDEL', plan.rest, key)
    end
  end
end
`;
