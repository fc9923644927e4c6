-- Renews a lease. ARGV: scan, token, seconds of lease. Returns {'ok'} or {'lost'}.
local state, _, _, _, token = read(ARGV[1])
if state ~= 'r' or token ~= ARGV[2] then return {'lost'} end
redis.call('ZADD', P .. ':leases', now() + ARGV[3], ARGV[1])
return {'ok'}
