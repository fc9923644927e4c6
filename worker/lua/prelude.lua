-- Begins every script of the ledger. KEYS[1] is the batch's key, and the prefix of its other keys:
--
--   :asked    hash  scan -> source NUL result (result empty where it has the source's name)
--   :said     hash  scan -> state|begun|deaths|faults|text   (no field: queued, never begun)
--   :backlog  list  scans that wait to be given to the Celery queue
--   :issued   zset  scans in the Celery queue -> when they were given to it
--   :leases   zset  scans at work -> when their lease ends
--   :due      zset  scans put off -> when they are to be tried again
--   :workers  hash  workers that took part: name -> number, number -> description
--   :pace     list  times of the latest results
--   :tokens   hash  token of a holder -> the scan that it has at work
--
-- States: q queued, r running (text = token of the holder), d done, s skipped, f failed
-- (text = JSON of the result). `LEDGER`, the version of this form, is defined before this text.
local P = KEYS[1]
local PARTS = {'', ':asked', ':said', ':backlog', ':issued', ':leases', ':due', ':workers', ':pace', ':tokens'}
local OPEN = 'photochrom:open'
local COUNTER = {r = 'running', d = 'done', s = 'skipped', f = 'failed'}

local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end

local function read(scan)
  local text = redis.call('HGET', P .. ':said', scan)
  if not text then return 'q', 0, 0, 0, '' end
  local state, begun, deaths, faults, rest = string.match(text, '^(%a)|(%d+)|(%d+)|(%d+)|(.*)$')
  return state, tonumber(begun), tonumber(deaths), tonumber(faults), rest
end

-- Moves a scan from one state to another, and the counters with it.
local function write(scan, was, state, begun, deaths, faults, text)
  redis.call('HSET', P .. ':said', scan,
    state .. '|' .. begun .. '|' .. deaths .. '|' .. faults .. '|' .. text)
  if COUNTER[was] then redis.call('HINCRBY', P, COUNTER[was], -1) end
  if COUNTER[state] then redis.call('HINCRBY', P, COUNTER[state], 1) end
end

local function count(name)
  return tonumber(redis.call('HGET', P, name) or 0)
end

-- Marks a batch as finished when all of its scans are, and its submission is complete.
local function close()
  if redis.call('HGET', P, 'sealed') ~= '1' then return end
  if count('done') + count('skipped') + count('failed') < count('scans') then return end
  redis.call('HSET', P, 'finished', now())
  redis.call('ZREM', OPEN, redis.call('HGET', P, 'id'))
  if redis.call('HGET', P, 'scans') then  -- for the hooks of workers; the latest hundred are kept
    redis.call('ZADD', 'photochrom:ended', now(), redis.call('HGET', P, 'id'))
    redis.call('ZREMRANGEBYRANK', 'photochrom:ended', 0, -101)
  end
  redis.call('DEL', P .. ':backlog', P .. ':issued', P .. ':due')
  for _, part in ipairs(PARTS) do redis.call('EXPIRE', P .. part, redis.call('HGET', P, 'keep')) end
end

-- Fair sharing: of the unfinished batches of a queue the one goes next that has been served least,
-- by its weight. `turn` of a batch counts what it was served, divided by its weight; one that was
-- idle joins where the others are (start-time fair queueing), so that it can save nothing up.
local function turns()
  local queue, weight = unpack(redis.call('HMGET', P, 'queue', 'weight'))
  if not queue then return nil end
  return 'photochrom:turn:' .. queue, queue, tonumber(weight or 4)
end

-- The unfinished batch whose turn comes before this one's, if there is any. `others` has those that
-- the asking worker cannot serve, each between commas.
local function whose_turn(others)
  if redis.call('ZCARD', OPEN) < 2 then return nil end
  local global, queue = turns()
  if not global then return nil end
  local served = tonumber(redis.call('GET', global) or 0)
  local best, lowest = nil, nil
  for _, id in ipairs(redis.call('ZREVRANGE', OPEN, 0, 99)) do
    local key = 'photochrom:batch:' .. id
    local its, cancelled, paused, turn = unpack(redis.call('HMGET', key, 'queue', 'cancelled', 'paused', 'turn'))
    if its == queue and not cancelled and not paused
      and (key == P or (not string.find(others, ',' .. id .. ',', 1, true)
        and redis.call('LLEN', key .. ':backlog') + redis.call('ZCARD', key .. ':issued') > 0)) then
      local start = math.max(served, tonumber(turn or 0))
      if not lowest or start < lowest then best, lowest = id, start end
    end
  end
  if best and 'photochrom:batch:' .. best ~= P then return best end
  return nil
end

-- Counts that this batch was served.
local function took_turn()
  if redis.call('ZCARD', OPEN) < 2 then return end
  local global, _, weight = turns()
  if not global then return end
  local served = tonumber(redis.call('GET', global) or 0)
  local start = math.max(served, tonumber(redis.call('HGET', P, 'turn') or 0))
  redis.call('HSET', P, 'turn', start + 1 / weight)
  redis.call('SET', global, start)
end

local function open()
  redis.call('HDEL', P, 'finished')
  redis.call('ZREM', 'photochrom:ended', redis.call('HGET', P, 'id'))
  redis.call('ZADD', OPEN, 'NX', now(), redis.call('HGET', P, 'id'))
  for _, part in ipairs(PARTS) do redis.call('PERSIST', P .. part) end
end

local spoken = redis.call('HGET', P, 'ledger')
if not spoken then return {'unknown'} end
if tonumber(spoken) > LEDGER then return {'newer'} end
