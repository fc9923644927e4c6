-- Adds scans to a batch. ARGV: scan, asked, failure ('' or the text of a result) ...
-- Returns {'ok', number added, scans whose name already belongs to another file ...}.
redis.call('HSET', P, 'asking', now())
local added, collisions = 0, {}
for i = 1, #ARGV, 3 do
  local scan, asked, failure = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('HSETNX', P .. ':asked', scan, asked) == 1 then
    added = added + 1
    redis.call('HINCRBY', P, 'scans', 1)
    if failure ~= '' then
      write(scan, 'q', 'f', 0, 0, 0, failure)
    else
      redis.call('RPUSH', P .. ':backlog', scan)
    end
  else
    -- The same source may meanwhile be planned under another name: siblings have come to it.
    local known = redis.call('HGET', P .. ':asked', scan)
    if string.match(known, '^[^%z]*') ~= string.match(asked, '^[^%z]*') then
      collisions[#collisions + 1] = scan
    end
  end
end
if added > 0 and redis.call('HEXISTS', P, 'finished') == 1 then open() end
return {'ok', added, unpack(collisions)}
