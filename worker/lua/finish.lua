-- Writes a result, once. ARGV: scan, token, state (d, s, f), text, worker's number, bytes read,
-- milliseconds, worker's key, bound of its bucket. From a process that has lost its lease, a success
-- is accepted, since the file is there, but not a failure.
local scan, token, state, text, number, bytes, milliseconds, worker, bucket = unpack(ARGV)
local was, begun, deaths, faults, holder = read(scan)
if was ~= 'q' and was ~= 'r' then return {'finished'} end
local mine = was == 'q' or holder == token
if state == 'f' and not mine then return {'lost'} end
-- The file is from an earlier attempt of this batch, which died before it could report it.
if state == 's' and begun > 1 then state = 'd' end
write(scan, was, state, math.max(begun, 1), deaths, faults, text)
redis.call('ZREM', P .. ':leases', scan)
redis.call('ZREM', P .. ':issued', scan)
redis.call('ZREM', P .. ':due', scan)
redis.call('HDEL', P .. ':tokens', token)
redis.call('HINCRBY', P .. ':workers', number .. ':' .. COUNTER[state], 1)
redis.call('HINCRBY', P, 'bytes', bytes)
redis.call('HINCRBY', P, 'milliseconds', milliseconds)
redis.call('LPUSH', P .. ':pace', now())
redis.call('LTRIM', P .. ':pace', 0, 63)
if redis.call('EXISTS', worker) == 1 then  -- what its metrics tell
  redis.call('HINCRBY', worker, COUNTER[state], 1)
  redis.call('HINCRBY', worker, 'bytes', bytes)
  redis.call('HINCRBY', worker, 'milliseconds', milliseconds)
  if state == 'd' then  -- a histogram of how long colouring took: `BUCKETS` of worker/policy.py
    redis.call('HINCRBY', worker, 'upto:' .. bucket, 1)
    redis.call('HINCRBY', worker, 'milliseconds done', milliseconds)
  end
end
close()
return {'ok'}
