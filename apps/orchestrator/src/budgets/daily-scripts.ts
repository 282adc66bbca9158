/*
 * What Redis keeps of one tenant and day (UTC), and the scripts that change it. Each script is one atomic act.
 *
 * KEYS  1 the tenant's counts, 2 the user's counts, 3 reservations by id, 4 their ends, 5 the mark of a settlement
 * counts: tokens, nano (settled), held_tokens, held_nano (reserved); `since` at the tenant: the counts are complete.
 * A reservation: "<tokens> <nano> <nonce> <key of the user's counts>".
 */

const RELEASE = `
local function int(n) return string.format('%.0f', n == 0 and 0 or n) end -- no "-0"
local function add(key, prefix, tokens, nano)
  redis.call('HINCRBY', key, prefix .. 'tokens', int(tokens))
  redis.call('HINCRBY', key, prefix .. 'nano', int(nano))
end
local function release(id, nonce)
  local held = redis.call('HGET', KEYS[3], id)
  if not held then return end
  local tokens, nano, by, user = string.match(held, '^(%d+) (%d+) (%S+) (.*)$')
  if nonce and nonce ~= by then return end
  add(KEYS[1], 'held_', -tonumber(tokens), -tonumber(nano))
  add(user, 'held_', -tonumber(tokens), -tonumber(nano))
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
end
`;

/** ARGV: id, nonce, now, end, keep_s, input, min_output, max_output, input_nano, output_nano, 4 limits (-1: none). */
export const RESERVE = `${RELEASE}
if redis.call('HEXISTS', KEYS[1], 'since') == 0 then return {'unknown'} end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[3], 'LIMIT', 0, 1000)) do release(id) end
release(ARGV[1])
local input, least, output = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local input_nano, output_nano = tonumber(ARGV[9]), tonumber(ARGV[10])
local scopes = {{'user', KEYS[2], 11}, {'tenant', KEYS[1], 13}}
for _, scope in ipairs(scopes) do
  local counts = redis.call('HMGET', scope[2], 'tokens', 'held_tokens', 'nano', 'held_nano')
  for n = 1, 4 do counts[n] = tonumber(counts[n] or 0) end
  local function judge(kind, limit, used, held, fixed, each)
    if limit < 0 then return end
    if limit - used - held < fixed + least * each then
      local state = limit - used < fixed + least * each and 'exceeded' or 'held'
      return {state, scope[1], kind, int(limit), int(used + (state == 'held' and held or 0))}
    end
    if each > 0 then output = math.min(output, math.floor((limit - used - held - fixed) / each)) end
  end
  local refused = judge('tokens', tonumber(ARGV[scope[3]]), counts[1], counts[2], input, 1)
    or judge('usd', tonumber(ARGV[scope[3] + 1]), counts[3], counts[4], input_nano, output_nano)
  if refused then return refused end
end
local tokens, nano = input + output, input_nano + output * output_nano
add(KEYS[1], 'held_', tokens, nano)
add(KEYS[2], 'held_', tokens, nano)
redis.call('HSET', KEYS[3], ARGV[1], int(tokens) .. ' ' .. int(nano) .. ' ' .. ARGV[2] .. ' ' .. KEYS[2])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
for n = 1, 4 do redis.call('EXPIRE', KEYS[n], ARGV[5]) end
return {'reserved', int(output)}
`;

/** ARGV: id, nonce, tokens, nano, keep_s. The same settlement twice counts once. */
export const SETTLE = `${RELEASE}
if redis.call('HEXISTS', KEYS[1], 'since') == 0 then return 0 end
if not redis.call('SET', KEYS[5], '1', 'NX', 'EX', 600) then return 0 end
release(ARGV[1], ARGV[2])
add(KEYS[1], '', tonumber(ARGV[3]), tonumber(ARGV[4]))
add(KEYS[2], '', tonumber(ARGV[3]), tonumber(ARGV[4]))
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
`;

/** KEYS: the tenant's counts, then each user's. ARGV: now, keep_s, then tokens and nano of each user. */
export const SEED = `
if redis.call('HSETNX', KEYS[1], 'since', ARGV[1]) == 0 then return 0 end
for n = 2, #KEYS do
  for _, key in ipairs({KEYS[1], KEYS[n]}) do
    redis.call('HINCRBY', key, 'tokens', ARGV[2 * n - 1])
    redis.call('HINCRBY', key, 'nano', ARGV[2 * n])
    redis.call('EXPIRE', key, ARGV[2])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
`;
