/**
 * What each change decides, between the reading and the writing: it names the transfer, or sets `refused`. Arguments
 * and names are those of redis-scripts.ts. Nothing here writes but `after`, which runs behind the transfer.
 */

const ROOM = `
if amount > MOST - available - held then refused = "BALANCE_TOO_LARGE" end`;

const TAKE = `
amount = tonumber(ARGV[6])
source = "available"
if available < amount then
  refused = "INSUFFICIENT_CREDITS"
  detail = whole(amount) .. " asked for, " .. whole(available) .. " there"
end`;

/** The hold, and why it cannot be closed; ARGV 7 is its id. */
export const HOLDS = `
local state, digits, opened = hold_of(ARGV[7])
local size = tonumber(digits or "0")
source = "held"
amount = ARGV[6] ~= "" and tonumber(ARGV[6]) or size
if not state then
  refused = "HOLD_UNKNOWN"
elseif state == "expired" then
  refused = "HOLD_EXPIRED"
elseif state ~= "open" then
  refused = "HOLD_CLOSED"
elseif size > held then
  return refusal("ACCOUNT_CORRUPT", "a hold")
elseif amount > size then
  refused = "CAPTURE_TOO_LARGE"
end
local named = ',"hold":' .. cjson.encode(ARGV[7])
more, extra = more .. named, named`;

export const POSTS = {
  grant: `
kind, source, destination, amount = "grant", "granted", "available", tonumber(ARGV[6])
${ROOM}`,

  // A payment is its amount, its account (which has no line ends) and the answer.
  purchase: `
kind, source, destination, amount = "purchase", "sold", "available", tonumber(ARGV[6])
local credited = redis.call("HGET", KEYS[7], ARGV[7])
if credited then
  local sum, whose, answer = string.match(credited, "^(%d+)\\n([^\\n]*)\\n(.*)$")
  if whose == account and tonumber(sum) == amount then
    known = answer
  else
    refused = "PAYMENT_TAKEN"
  end
else
  ${ROOM}
end
more = more .. ',"payment":' .. cjson.encode(ARGV[7])`,

  spend: `${TAKE}
kind, destination = "spend", "spent"`,

  reserve: `${TAKE}
kind, destination = "reserve", "held"
local ends = now + tonumber(ARGV[7])
local named = ',"hold":' .. cjson.encode(ARGV[2])
more = more .. named
extra = named .. ',"expires":' .. whole(ends)
after = function()
  holds_changed = true
  redis.call("HSET", KEYS[4], ARGV[2], "open " .. whole(amount) .. " " .. whole(now))
  redis.call("ZADD", KEYS[5], whole(ends), ARGV[2])
end`,

  capture: `
kind, destination = "capture", "spent"
after = function()
  if size > amount then move("void", "held", "available", size - amount, named) end
  close(ARGV[7], "captured", size, opened)
end`,

  void: `
kind, destination = "void", "available"
after = function() close(ARGV[7], "voided", size, opened) end`,

  // Entries stay where they are: an entry's place is its distance from the list's end.
  refund: `
kind, source, destination = "refund", "spent", "available"
local of = tonumber(ARGV[7])
local spent = 0
local text = of <= places and redis.call("LINDEX", KEYS[2], whole(-of))
local is_json, entry = pcall(cjson.decode, text or "")
if is_json and type(entry) == "table" and entry.id == of
  and entry.destination == "spent" and type(entry.moved) == "number" then
  spent = entry.moved
end
local back = redis.call("HGET", KEYS[4], "back:" .. whole(of))
local rest = spent - (back and tonumber(back) or 0)
amount = ARGV[6] ~= "" and tonumber(ARGV[6]) or rest
if spent == 0 then
  refused = "REFUND_UNKNOWN"
elseif rest == 0 or amount > rest then
  refused = "REFUND_TOO_LARGE"
else
  ${ROOM}
end
more = more .. ',"of":' .. whole(of)
after = function()
  redis.call("HSET", KEYS[4], "back:" .. whole(of), whole(spent - rest + amount))
end`,
} as const;
