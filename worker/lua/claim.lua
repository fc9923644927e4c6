-- Takes a scan: the one named, or, where none is (''), the next of the backlog. ARGV: scan, token,
-- seconds of lease, worker, its description, model and version, seconds to hand it on after.
-- Without a model (version '') it is handed on. Who asks again with the same token, since the first
-- answer was lost on its way, is given the same scan again.
-- Answers {'yours', begun, faults, worker's number, asked, scan} or why not.
local scan, token, lease, worker, description, pin, elsewhere, again = unpack(ARGV)
if again == '1' then
  for _, leased in ipairs(redis.call('ZRANGE', P .. ':leases', 0, -1)) do
    local state, begun, _, faults, holder = read(leased)
    if state == 'r' and holder == token then
      local number = redis.call('HGET', P .. ':workers', worker .. '|' .. pin)
      redis.call('ZADD', P .. ':leases', now() + lease, leased)
      return {'yours', begun, faults, tonumber(number), redis.call('HGET', P .. ':asked', leased), leased}
    end
  end
end
if redis.call('HEXISTS', P, 'cancelled') == 1 then return {'cancelled'} end
local held = redis.call('HGET', P, 'pin')
if scan == '' then
  if pin == '' or held ~= pin then return {'other model'} end
  repeat
    scan = redis.call('LPOP', P .. ':backlog')
  until not scan or (read(scan) == 'q' and not redis.call('ZSCORE', P .. ':due', scan))
  if not scan then return {'nothing'} end
end
local asked = redis.call('HGET', P .. ':asked', scan)
if not asked then return {'unknown'} end
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
return {'yours', begun + 1, faults, tonumber(number), asked, scan}
