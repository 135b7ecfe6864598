/** The Lua scripts of the Redis cache: each takes effect once, however often a reconnect sends it. */

/** A script that `RedisConnection.once` runs on one key. */
export interface OnceScript {
  readonly lua: string;
  /** How many arguments of its own it takes; they start at ARGV[2]. */
  readonly argCount: number;
}

/** How long a reply is kept for a reconnect that asks again. */
const REPLY_KEPT_MS = 600_000;

/**
 * Runs `body` unless it ran before under the same id; then the reply of that time is given again.
 *
 * KEYS[1] hash of replies by id, KEYS[2] the key that the body works on.
 * ARGV[1] id of this call, ARGV[2..argCount+1] the body's, then ids whose replies have arrived and can be forgotten.
 * Returns the body's reply: always a string, because ioredis 6.0 misreads some integers under RESP3.
 */
function once(argCount: number, body: string): OnceScript {
  return {
    argCount,
    lua: `local seen = redis.call('HGET', KEYS[1], ARGV[1])
if seen then return seen end
local function run()
${body}
end
local reply = run()
redis.call('HSET', KEYS[1], ARGV[1], reply)
redis.call('PEXPIRE', KEYS[1], ${REPLY_KEPT_MS})
if #ARGV > ${argCount + 1} then redis.call('HDEL', KEYS[1], unpack(ARGV, ${argCount + 2})) end
return reply`,
  };
}

/** KEYS[2] mailbox; ARGV[2] the message. Appends it. Returns "". */
export const publish = once(
  1,
  `redis.call('RPUSH', KEYS[2], ARGV[2])
return ''`,
);

/** KEYS[2] any key; no arguments. Deletes it. Returns "1" when it was there, "0" when not. */
export const remove = once(0, "return tostring(redis.call('UNLINK', KEYS[2]))");

/** KEYS[2] mailbox; ARGV[2] how many. Takes the oldest messages. Returns a JSON array of their texts. */
export const take = once(
  1,
  `local texts = redis.call('LPOP', KEYS[2], ARGV[2])
if not texts or #texts == 0 then return '[]' end
return cjson.encode(texts)`,
);

/** KEYS[2] mailbox; ARGV[2] a JSON array of texts. Puts them back to the front, in their order. Returns "". */
export const giveBack = once(
  1,
  `local texts = cjson.decode(ARGV[2])
for index = #texts, 1, -1 do redis.call('LPUSH', KEYS[2], texts[index]) end
return ''`,
);

/**
 * KEYS[2] value; ARGV[2] "1" when it is expected to exist; ARGV[3] the text it is expected to have; ARGV[4] the new text.
 * Replaces the value, with the expiry it has. Returns "done"; or "none" or ":" and the text when another writer was faster.
 */
export const replace = once(
  3,
  `local text = redis.call('GET', KEYS[2])
if not text then
  if ARGV[2] == '1' then return 'none' end
elseif ARGV[2] ~= '1' or text ~= ARGV[3] then
  return ':' .. text
end
redis.call('SET', KEYS[2], ARGV[4], 'KEEPTTL')
return 'done'`,
);

/**
 * KEYS[2] value; ARGV[2] what to add. Adds it, with the expiry the value has; an absent value is 0.
 * Returns the sum as the shortest text that reads back equal; or "no" when the value is no number or the sum is not finite.
 */
export const increment = once(
  1,
  `local text = redis.call('GET', KEYS[2]) or '0'
local number = string.match(text, '^%s*%-?%d+%.?%d*[eE]?[+-]?%d*%s*$') and tonumber(text)
if not number then return 'no' end
local sum = number + tonumber(ARGV[2])
if sum ~= sum or sum == math.huge or sum == -math.huge then return 'no' end
local result = string.format('%.0f', sum)
if sum == 0 then
  result = '0'
elseif sum ~= math.floor(sum) or math.abs(sum) >= 1e21 then
  for digits = 15, 17 do
    result = string.format('%.' .. digits .. 'g', sum)
    if tonumber(result) == sum then break end
  end
end
redis.call('SET', KEYS[2], result, 'KEEPTTL')
return result`,
);
