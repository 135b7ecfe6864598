/** The Lua scripts of the Redis cache: each takes effect once, however often a reconnect sends it. */

/** A script that `Calls` runs on one key. */
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

/**
 * Takes the oldest messages, which are kept until their arrival is acknowledged; asked again under the same id, gives the same ones.
 *
 * KEYS[1] hash of taken messages by id, without expiry, KEYS[2] mailbox.
 * ARGV[1] id of this call, ARGV[2] how many, then ids whose messages have arrived and can be forgotten.
 * Returns a JSON array of their texts. What is taken is written after it has left, so that a server without memory gives it out.
 */
export const take: OnceScript = {
  argCount: 1,
  lua: `local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then return kept end
local texts = redis.call('LPOP', KEYS[2], ARGV[2])
if #ARGV > 2 then redis.call('HDEL', KEYS[1], unpack(ARGV, 3)) end
if not texts or #texts == 0 then return '[]' end
local reply = cjson.encode(texts)
redis.call('HSET', KEYS[1], ARGV[1], reply)
return reply`,
};

/**
 * Puts what was taken under an id back to the front of its mailbox, in its order; a take under this id that comes later takes nothing.
 *
 * KEYS[1] hash of taken messages by id, KEYS[2] mailbox.
 * ARGV[1] the id, ARGV[2] how many of the oldest were handed over and do not come back, then ids that can be forgotten.
 * Returns "".
 */
export const putBack: OnceScript = {
  argCount: 1,
  lua: `local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept and kept ~= '[]' then
  local texts = cjson.decode(kept)
  for index = #texts, ARGV[2] + 1, -1 do redis.call('LPUSH', KEYS[2], texts[index]) end
end
redis.call('HSET', KEYS[1], ARGV[1], '[]')
if #ARGV > 2 then redis.call('HDEL', KEYS[1], unpack(ARGV, 3)) end
return ''`,
};
