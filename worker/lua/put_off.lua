-- Gives a scan back, to be tried again. ARGV: scan, token, seconds to wait, faults to add, reason.
-- Without a fault it was not begun: the worker is stopping, or has no model.
local scan, token, pause, faults_more, reason = unpack(ARGV)
local was, begun, deaths, faults, holder = read(scan)
if was ~= 'r' or holder ~= token then return {'lost'} end
if tonumber(faults_more) == 0 then begun = begun - 1 end
write(scan, 'r', 'q', begun, deaths, faults + faults_more, reason)
redis.call('ZREM', P .. ':leases', scan)
redis.call('HDEL', P .. ':tokens', token)
redis.call('ZADD', P .. ':due', now() + pause, scan)
return {'ok'}
