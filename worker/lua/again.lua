-- Puts scans back into the backlog. ARGV: scans. Failed scans lose their counts of attempts; done,
-- skipped and running ones are left alone. Returns {'ok', how many}.
local again = 0
for _, scan in ipairs(ARGV) do
  local state, begun, deaths, faults = read(scan)
  if state == 'f' then write(scan, 'f', 'q', begun, 0, 0, '') end
  if state == 'f' or state == 'q' then
    again = again + 1
    redis.call('ZREM', P .. ':due', scan)
    redis.call('ZREM', P .. ':issued', scan)
    redis.call('RPUSH', P .. ':backlog', scan)
  end
end
return {'ok', again}
