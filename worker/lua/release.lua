-- Gives back a worker's scans at work, counting no attempt. ARGV: worker. Returns {'ok', how many}.
-- Only for a worker whose processes are known to be dead through no fault of their scans.
local released, prefix = 0, ARGV[1] .. ' '
for _, scan in ipairs(redis.call('ZRANGE', P .. ':leases', 0, -1)) do
  local state, begun, deaths, faults, holder = read(scan)
  if state == 'r' and string.sub(holder, 1, #prefix) == prefix then
    write(scan, 'r', 'q', begun - 1, deaths, faults, '')
    redis.call('ZREM', P .. ':leases', scan)
    redis.call('HDEL', P .. ':tokens', holder)
    redis.call('LPUSH', P .. ':backlog', scan)
    released = released + 1
  end
end
return {'ok', released}
