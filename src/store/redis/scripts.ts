/**
 * The scripts of the store. Each takes the keys of one run in the order of `RunKeys`, then the lists of its bucket, so that all lie in one
 * slot; each looks before it writes, since Redis takes nothing back that a script did before it failed.
 */

export interface Script {
  readonly lua: string;
}

/**
 * One step on a run: gives what is stored where that is not what the step was decided by, else writes what was decided.
 *
 * KEYS[1..8] of `RunKeys`, KEYS[9] the open questions of the bucket, KEYS[10..] other lists of it.
 * ARGV[1] the revision that was read, "" for no run, "?" to read alone; ARGV[2] the revision that is made, unlike any other;
 * ARGV[3] the moment by which it was decided, in ms; ARGV[4] the id of a message to look for, or ""; ARGV[5] of a question; ARGV[6] JSON
 * of a `Plan`; ARGV[7..] what it names by number.
 * Returns {"seen", now in ms, revision, row and info or nil, "1" where the message came before, "1" where the question is closed};
 * {"done", now}, also for one that was made before; or {"unmatched", now, number of the message that is not there}.
 */
export const step: Script = {
  lua: `local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local found = redis.call('HMGET', KEYS[1], 'rev', 'row', 'info')
local rev = found[1] or ''
if rev == ARGV[2] then return { 'done', now } end
if rev ~= ARGV[1] or tonumber(ARGV[3]) > tonumber(now) then
  local has = ARGV[4] ~= '' and redis.call('SISMEMBER', KEYS[6], ARGV[4]) or 0
  local closed = ARGV[5] ~= '' and redis.call('HEXISTS', KEYS[8], ARGV[5]) or 0
  return { 'seen', now, rev, found[2], found[3], tostring(has), tostring(closed) }
end
local plan = cjson.decode(ARGV[6])
local taken = {}
for _, n in ipairs(plan.consumed) do
  if taken[n] or redis.call('HEXISTS', KEYS[5], n) == 0 then return { 'unmatched', now, n } end
  taken[n] = true
end
local function close(id, how)
  if redis.call('HEXISTS', KEYS[7], id) == 0 or redis.call('HSETNX', KEYS[8], id, how) == 0 then return end
  redis.call('ZREM', KEYS[9], id)
end
if plan.isNew then
  for _, id in ipairs(redis.call('HKEYS', KEYS[7])) do redis.call('ZREM', KEYS[9], id) end
  redis.call('UNLINK', unpack(KEYS, 1, 8))
end
for n in pairs(taken) do redis.call('HDEL', KEYS[5], n) end
local commit = plan.commit
if commit then
  local head, replaced = {}, {}
  local function note(name, before)
    head[#head + 1] = { name, before and #before or -1 }
    replaced[#replaced + 1] = before or ''
  end
  local remove = commit.remove
  if commit.whole then
    local put = {}
    for _, part in ipairs(commit.put) do put[part[1]] = true end
    remove = {}
    for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
      if not put[name] then remove[#remove + 1] = name end
    end
  end
  for _, part in ipairs(commit.put) do
    note(part[1], redis.call('HGET', KEYS[3], part[1]))
    redis.call('HSET', KEYS[3], part[1], ARGV[part[2]])
  end
  for _, name in ipairs(remove) do
    local before = redis.call('HGET', KEYS[3], name)
    if before then
      note(name, before)
      redis.call('HDEL', KEYS[3], name)
    end
  end
  if #head > 0 and commit.generation > 1 then
    redis.call('HSET', KEYS[2], 'u' .. commit.generation, cjson.encode(head) .. '\\n' .. table.concat(replaced))
  end
  redis.call('HSET', KEYS[2], commit.generation, ARGV[commit.info])
  local old = commit.generation - commit.keep
  while old > 0 and redis.call('HDEL', KEYS[2], old) == 1 do
    redis.call('HDEL', KEYS[2], 'u' .. (old + 1))
    old = old - 1
  end
  for _, question in ipairs(commit.ask) do
    if redis.call('HEXISTS', KEYS[8], question[1]) == 0 then
      redis.call('HSET', KEYS[7], question[1], ARGV[question[3]])
      redis.call('ZADD', KEYS[9], question[2], question[1])
    end
  end
end
for _, one in ipairs(plan.close) do close(one[1], ARGV[one[2]]) end
if plan.closeAll then
  for _, id in ipairs(redis.call('HKEYS', KEYS[7])) do close(id, ARGV[plan.closeAll]) end
end
for _, command in ipairs(plan.commands) do
  local words = { command[1], KEYS[command[2]] }
  for at = 3, #command do
    local word = command[at]
    words[#words + 1] = type(word) == 'number' and ARGV[word] or word
  end
  redis.call(unpack(words))
end
if plan.expireMs then
  for at = 1, 8 do redis.call('PEXPIRE', KEYS[at], plan.expireMs) end
elseif plan.isKept then
  for at = 1, 8 do redis.call('PERSIST', KEYS[at]) end
end
if not plan.isGone then redis.call('HSET', KEYS[1], 'rev', ARGV[2]) end
redis.call('PUBLISH', ARGV[7], ARGV[8])
return { 'done', now }`,
};

/**
 * Says something of a run: by the server that has it, since what one server of a cluster publishes is heard in order.
 *
 * KEYS[1] run; ARGV[1] the channel, ARGV[2] what is said.
 */
export const say: Script = { lua: "return redis.call('PUBLISH', ARGV[1], ARGV[2])" };

/** The run's row as `run`, for scripts that read: nil where there is no run, 0 where its row cannot be read. KEYS[1] run. */
const ROW = `local stored = redis.call('HMGET', KEYS[1], 'rev', 'row')
if not stored[1] and not stored[2] then return nil end
local isRead, run = pcall(cjson.decode, stored[2] or '')
if not isRead or type(run) ~= 'table' or type(run.generation) ~= 'number' or type(run.lastSeq) ~= 'number' then return 0 end`;

/**
 * A generation, whole.
 *
 * KEYS[1] run, KEYS[2] its generations, KEYS[3] its parts; ARGV[1] the number, or "" for the newest; ARGV[2] how many are kept.
 * Returns nil and 0 as `ROW` does, else the number of the newest, and of one that is kept: {newest, number, what is kept of it or nil, names
 * and contents of the newest parts, what newer generations replaced, newest first}.
 */
export const load: Script = {
  lua: `${ROW}
local newest = run.generation
local wanted = tonumber(ARGV[1]) or newest
if wanted < 1 or wanted > newest or wanted <= newest - tonumber(ARGV[2]) then return { tostring(newest) } end
local found = redis.call('HGET', KEYS[2], wanted)
local replaced = {}
for generation = newest, wanted + 1, -1 do
  replaced[#replaced + 1] = redis.call('HGET', KEYS[2], 'u' .. generation) or ''
end
return { tostring(newest), tostring(wanted), found, redis.call('HGETALL', KEYS[3]), replaced }`,
};

/**
 * Kept events in their order: the last one has the number that the row says.
 *
 * KEYS[1] run, KEYS[2] list of events; ARGV[1] the number of the first that is wanted, ARGV[2] how many.
 * Returns nil and 0 as `ROW` does.
 */
export const events: Script = {
  lua: `${ROW}
local start = math.max(0, redis.call('LLEN', KEYS[2]) - (run.lastSeq - tonumber(ARGV[1]) + 1))
return redis.call('LRANGE', KEYS[2], start, start + tonumber(ARGV[2]) - 1)`,
};
