-- Takes a scan: the named one, or the next of the backlog where the name is ''. ARGV: scan, token,
-- seconds of lease, worker, its description, its model and version ('' without a model), seconds
-- after which a scan goes to another worker, 1 if scans in the queue may be taken where the backlog
-- is empty, batches that the worker cannot serve.
-- A scan goes to another worker where this one has no model or another one than the batch. A call
-- that is repeated with the same token, since its reply was lost, returns the same scan. A call that
-- names a scan comes from a message, and may be sent to the batch whose turn it is: {'turn', batch}.
-- Returns {'yours', begun, faults, worker's number, asked, scan, tried, attempts allowed and seconds
-- allowed (0: the worker's own)} or {reason}.
local scan, token, lease, worker, description, pin, elsewhere, also_issued, others = unpack(ARGV)
local function yours(scan, begun, deaths, faults, number)
  local attempts, seconds = unpack(redis.call('HMGET', P, 'max_attempts', 'time_limit'))
  return {'yours', begun, faults, tonumber(number), redis.call('HGET', P .. ':asked', scan), scan,
    deaths + faults, tonumber(attempts or 0), tonumber(seconds or 0)}
end
local function wait_again()
  if redis.call('ZREM', P .. ':issued', scan) == 1 and read(scan) == 'q' then
    redis.call('LPUSH', P .. ':backlog', scan)
  end
end
if redis.call('HEXISTS', P, 'cancelled') == 1 then return {'cancelled'} end
local same = redis.call('HGET', P .. ':tokens', token)
if same then
  local state, begun, deaths, faults, holder = read(same)
  if state == 'r' and holder == token then
    redis.call('ZADD', P .. ':leases', now() + lease, same)
    local number = redis.call('HGET', P .. ':workers', worker .. '|' .. pin)
    return yours(same, begun, deaths, faults, number)
  end
end
local is_paused = redis.call('HEXISTS', P, 'paused') == 1
if scan ~= '' then
  local batch = whose_turn(others)
  if batch or is_paused then
    wait_again()
    if batch then return {'turn', batch} end
  end
end
if is_paused then return {'paused'} end
local held = redis.call('HGET', P, 'pin')
if scan == '' then
  if pin == '' or (held and held ~= pin) then return {'other model'} end
  repeat
    scan = redis.call('LPOP', P .. ':backlog')
  until not scan or (read(scan) == 'q' and not redis.call('ZSCORE', P .. ':due', scan))
  if not scan and also_issued == '1' then
    for _, sent in ipairs(redis.call('ZRANGE', P .. ':issued', 0, 99)) do
      if read(sent) == 'q' then scan = sent break end
    end
  end
  if not scan then return {'nothing'} end
end
if redis.call('HEXISTS', P .. ':asked', scan) == 0 then return {'unknown'} end
local state, begun, deaths, faults = read(scan)
if state == 'r' then return {'running'} end
if state ~= 'q' then return {'finished'} end
if redis.call('ZSCORE', P .. ':due', scan) then return {'put off'} end
local number = redis.call('HGET', P .. ':workers', worker .. '|' .. pin)
if not number then
  number = redis.call('HINCRBY', P, 'workers', 1)
  redis.call('HSET', P .. ':workers', worker .. '|' .. pin, number, number, description)
end
-- The first worker decides which model colours the batch; another's results would be mixed in.
if pin ~= '' and not held then
  redis.call('HSET', P, 'pin', pin)
  held = pin
end
if held ~= pin then
  redis.call('HSET', P .. ':workers', number .. ':odd', now())
  redis.call('ZREM', P .. ':issued', scan)
  redis.call('ZADD', P .. ':due', now() + elsewhere, scan)
  return {'other model'}
end
redis.call('HSETNX', P, 'begun', now())
write(scan, 'q', 'r', begun + 1, deaths, faults, token)
redis.call('ZREM', P .. ':issued', scan)
redis.call('ZADD', P .. ':leases', now() + lease, scan)
redis.call('HSET', P .. ':tokens', token, scan)
took_turn()
return yours(scan, begun + 1, deaths, faults, number)
