-- Sends the requests of a file under wrk, which bench/load.py starts:
--
--   LOAD_THREADS=8 wrk -t 8 -c 8 -d 10s --timeout 30s -s load.lua http://127.0.0.1:8000 -- FILE [once]
--
-- FILE holds one request a line: METHOD TAB PATH TAB BODY. Every thread has one connection, so that a latency is
-- that of one request, and every so-manieth line. With "once" no line is sent twice: a thread ends with its lines;
-- else it goes round. LOAD_AUTHORIZATION is the header of that name.
-- The last line printed is JSON. wrk's own percentiles are not used: it fills in requests that were never made.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } load_moment;
  int clock_gettime(int clock, load_moment *moment);
]]
local MONOTONIC = 1
local moment = ffi.new("load_moment")
local threads = {}

local function microseconds()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

function setup(thread)
  thread:set("index", #threads)
  table.insert(threads, thread)
end

-- what is global is what done() can read from outside of the thread
function init(args)
  latencies, statuses, first, last, refused = {}, {}, 0, 0, ""
  prepared, place, sent, once = {}, 0, 0, args[2] == "once"
  -- wrk asks the first thread for one request that it does not send
  asked = index ~= 0
  local number, count = 0, tonumber(os.getenv("LOAD_THREADS"))
  for line in io.lines(args[1]) do
    if number % count == index then
      local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
      local headers = { ["Accept"] = "application/json", ["Authorization"] = os.getenv("LOAD_AUTHORIZATION") }
      headers["Content-Type"] = body ~= "" and "application/json" or nil
      table.insert(prepared, wrk.format(method, path, headers, body ~= "" and body or nil))
    end
    number = number + 1
  end
end

function request()
  if not asked then
    asked = true
    return prepared[1]
  end
  place = place % #prepared + 1
  sent = microseconds()
  first = first == 0 and sent or first
  return prepared[place]
end

function response(status, _, body)
  last = microseconds()
  table.insert(latencies, last - sent)
  local key = tostring(status)
  statuses[key] = (statuses[key] or 0) + 1
  if (status < 200 or status > 299) and refused == "" then
    refused = status .. " " .. body:sub(1, 1000)
  end
  if once and place == #prepared then
    wrk.thread:stop()
  end
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

function done(summary)
  local all, counted, from, to, told = {}, {}, math.huge, 0, ""
  for _, thread in ipairs(threads) do
    for _, latency in ipairs(thread:get("latencies")) do
      table.insert(all, string.format("%.0f", latency))
    end
    for key, count in pairs(thread:get("statuses")) do
      counted[key] = (counted[key] or 0) + count
    end
    if thread:get("last") > 0 then
      from, to = math.min(from, thread:get("first")), math.max(to, thread:get("last"))
    end
    told = told == "" and thread:get("refused") or told
  end
  local listed = {}
  for key, count in pairs(counted) do
    table.insert(listed, string.format("%s: %d", quoted(key), count))
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %.6f, "statuses": {%s}, "broken": %d, "refused": %s, "latencies": [%s]}\n',
    to > 0 and (to - from) / 1e6 or 0, table.concat(listed, ", "),
    errors.connect + errors.read + errors.write + errors.timeout, quoted(told), table.concat(all, ",")
  ))
end
