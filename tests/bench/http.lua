-- For wrk: asks random lines of a file of paths. Arguments: the file, milliseconds between two
-- requests of a connection (0 = none), and `check` to look at every body. Prints: requests, seconds,
-- p99 in microseconds, requests that failed.
local requests, threads, bad = {}, {}, 0
failed = 0

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    for path in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", path)
    end
    math.randomseed(7)
    local pause = tonumber(args[2] or 0)
    if pause > 0 then
        function delay()
            return math.random(0, 2 * pause)
        end
    end
    if args[3] == "check" then
        function response(status, _, body)
            if status ~= 200 or not body:find('"display_name"', 1, true) then
                failed = failed + 1
            end
        end
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency)
    for _, thread in ipairs(threads) do
        bad = bad + thread:get("failed")
    end
    local errors = summary.errors
    bad = bad + errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("RESULT %d %.3f %d %d\n", summary.requests, summary.duration / 1e6,
        latency:percentile(99), bad))
end
