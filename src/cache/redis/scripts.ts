/**
 * The Lua scripts of the Redis cache: each takes effect once, however often a reconnect sends it, and wholly or not at all.
 *
 * Redis takes nothing back that a script did before it failed. So each only reads while it plans; then it keeps its reply, and the one
 * command that takes effect comes last. When any of this is refused, what was kept is removed again.
 */

/** A script that `Calls` runs on one key. */
export interface OnceScript {
  readonly lua: string;
  /** How many arguments of its own it takes; they start at ARGV[2]. */
  readonly argCount: number;
}

interface Plan {
  argCount?: number;
  /**
   * Lua that writes nothing. It returns the reply: always a string, because ioredis 6.0 misreads some integers under RESP3;
   * and the command that takes effect, as a list, where there is one. `before` is what was kept under the id, or false.
   */
  plan: string;
  /** The reply is kept without expiry. */
  lasts?: boolean;
  /** It makes nothing that needs memory: a server whose memory is full, which refuses a first write that may, takes all of it. */
  frees?: boolean;
}

/** How long a reply is kept for a reconnect that asks again. */
const REPLY_KEPT_MS = 600_000;

/** What was asked before gets the reply of that time. */
const AGAIN = "if before then return before end\n";

/**
 * KEYS[1] hash of replies by id, KEYS[2] the key that the plan is about.
 * ARGV[1] id of this call, ARGV[2..argCount+1] the plan's, then ids whose replies have arrived and can be forgotten.
 */
function script(start: string, { argCount = 0, plan, lasts = false, frees = false }: Plan): OnceScript {
  return {
    argCount,
    lua: `local before = redis.call('HGET', KEYS[1], ARGV[1])
${start}local function plan()
${plan}
end
local reply, command, isForgotten = plan()
local done, trouble = pcall(function()
${frees ? "redis.call('HDEL', KEYS[1], '')" : ""}
if not isForgotten then
  redis.call('HSET', KEYS[1], ARGV[1], reply)
${lasts ? "" : `  redis.call('PEXPIRE', KEYS[1], ${REPLY_KEPT_MS})`}
end
if command then redis.call(unpack(command)) end
end)
if #ARGV > ${argCount + 1} then redis.pcall('HDEL', KEYS[1], unpack(ARGV, ${argCount + 2})) end
if done then return reply end
if before then redis.pcall('HSET', KEYS[1], ARGV[1], before) else redis.pcall('HDEL', KEYS[1], ARGV[1]) end
return type(trouble) == 'table' and trouble or redis.error_reply(trouble)`,
  };
}

/** KEYS[2] mailbox; ARGV[2] the message. Appends it. Returns "". */
export const publish = script(AGAIN, { argCount: 1, plan: "return '', { 'RPUSH', KEYS[2], ARGV[2] }" });

/** KEYS[2] any key; no arguments. Deletes it. Returns "1" when it was there, "0" when not. */
export const remove = script(AGAIN, { plan: "return tostring(redis.call('EXISTS', KEYS[2])), { 'UNLINK', KEYS[2] }", frees: true });

/**
 * KEYS[2] value; ARGV[2] "1" when it is expected to exist; ARGV[3] the text it is expected to have; ARGV[4] the new text.
 * Replaces the value, with the expiry it has. Returns "done"; or "none" or ":" and the text when another writer was faster.
 */
export const replace = script(AGAIN, {
  argCount: 3,
  plan: `local text = redis.call('GET', KEYS[2])
if not text then
  if ARGV[2] == '1' then return 'none' end
elseif ARGV[2] ~= '1' or text ~= ARGV[3] then
  return ':' .. text
end
return 'done', { 'SET', KEYS[2], ARGV[4], 'KEEPTTL' }`,
});

/**
 * KEYS[2] value; ARGV[2] what to add. Adds it, with the expiry the value has; an absent value is 0.
 * Returns the sum as the shortest text that reads back equal; or "no" when the value is no number or the sum is not finite.
 */
export const increment = script(AGAIN, {
  argCount: 1,
  plan: `local text = redis.call('GET', KEYS[2]) or '0'
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
return result, { 'SET', KEYS[2], result, 'KEEPTTL' }`,
});

/**
 * Takes the oldest messages, which are kept until their arrival is acknowledged; asked again under the same id, gives the same ones.
 *
 * KEYS[1] hash of taken messages by id, KEYS[2] mailbox; ARGV[2] how many.
 * Returns a JSON array of their texts. A server without memory gives them out.
 */
export const take = script(AGAIN, {
  argCount: 1,
  plan: `local texts = redis.call('LRANGE', KEYS[2], 0, ARGV[2] - 1)
if #texts == 0 then return '[]', false, true end
return cjson.encode(texts), { 'LPOP', KEYS[2], #texts }`,
  lasts: true,
  frees: true,
});

/**
 * Puts what was taken under an id back to the front of its mailbox, in its order; a take under this id that comes later takes nothing.
 *
 * KEYS[1] hash of taken messages by id, KEYS[2] mailbox; ARGV[2] how many of the oldest were handed over and do not come back.
 * Returns "[]", which is kept.
 */
export const putBack = script("", {
  argCount: 1,
  plan: `local texts = before and cjson.decode(before) or {}
local command = { 'LPUSH', KEYS[2] }
for index = #texts, ARGV[2] + 1, -1 do table.insert(command, texts[index]) end
return '[]', #command > 2 and command`,
  lasts: true,
  frees: true,
});
