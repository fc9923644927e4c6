-- Returns {'ok', for each scan its state and the first letters of due, issued, leased, where it is in
-- these lists ...}, such as 'qi' for a queued scan whose message was sent. ARGV: scans.
local answer = {'ok'}
for i, scan in ipairs(ARGV) do
  local text = read(scan)
  for _, part in ipairs({':due', ':issued', ':leases'}) do
    if redis.call('ZSCORE', P .. part, scan) then text = text .. string.sub(part, 2, 2) end
  end
  answer[i + 1] = text
end
return answer
