-- Applies one user's interactions in one atomic step: last writer wins per (user, item, event type); the
-- item's popularity and trends move by the difference, and so do the pairs of items lately liked together.
-- Every result is a function of the set of last writers, so order and repetition do not matter.
-- An erasure's tombstone takes its user's entries back, up to its time: those that are here, and those that
-- come later. An item stays known, and its trend's newest octave, as if they had been retracted.
-- CONTRACT (event types and the rules of contracts/strengths.py) and CONFIG (settings) are written in front of
-- this text by streaming/state/script.py: no event type is named here.
-- What is no last writer any more stays as a moment: the newest ones of each item (contracts/stored/keyspace.py:
-- earlier), whichever events came first.
-- KEYS  the user's history, recent, retracted; its shard's popularity, trend, prefix of together, erased; the
--       user's earlier events, prefix of the live figures' days, the outcomes that wait for the lake
-- ARGV  user_id, '', item_id, entry, outcome, item_id, entry, outcome, ...   (contracts/stored/records.py:
--       encode_entry; the outcome is '' or two lines, see count_outcome)
--       user_id, until when it is erased (ms), item_id, item_id, ...   of its history and of what was retracted
-- returns how many entries changed, and how many earlier events came late
local HISTORY, RECENT, RETRACTED, POPULARITY, TREND, TOGETHER, ERASED, EARLIER, LIVE, OUTCOMES = unpack(KEYS)
local USER, ERASE_UNTIL = ARGV[1], tonumber(ARGV[2])
local ENTRY = '>BdI4I4I4I4i4'
local ENTRY_SIZE = struct.size(ENTRY)
local RATING, TYPES, RIVALS, COUNTERS_OF = CONTRACT.rating, CONTRACT.types, CONTRACT.rivals, CONTRACT.counters
local DOT, FIVE = 46, 53
local NEWEST = CONFIG.window * 3 -- of the recent items, those among which the liked ones are looked for
-- Distinct users, the sum of ratings in millionths, then one count for each counted type.
local COUNTERS, COUNTER_FIELDS = '>I4d' .. string.rep('I4', CONTRACT.counted), 2 + CONTRACT.counted
local COUNTERS_SIZE = struct.size(COUNTERS)
local NO_COUNTERS = string.rep('\0', COUNTERS_SIZE)
local OCTAVE, OCTAVES = '>Bi4d', CONTRACT.octaves
local OCTAVE_SIZE = struct.size(OCTAVE)
local MOMENT = '>Bd' -- type code, event time (contracts/stored/records.py: encode_earlier)
local MOMENT_SIZE = struct.size(MOMENT)

-- Numbers are compared one by one: Lua compares strings by the server's locale.
local function is_newer(a, b)
    if not b then return true end
    for field = 2, 6 do
        if a[field] ~= b[field] then return a[field] > b[field] end
    end
    return false
end

local function wins(new, old)
    if not old or is_newer(new, old) then return true end
    return not is_newer(old, new) and new[7] > old[7]
end

local function decode(raw)
    local entries = {}
    for at = 1, #raw, ENTRY_SIZE do
        local entry = {struct.unpack(ENTRY, raw, at)}
        entry.raw = raw:sub(at, at + ENTRY_SIZE - 1)
        entries[entry[1]] = entry
    end
    return entries
end

local function is_newer_than_all(entry, entries, rivals)
    for i = 1, #rivals do
        if not is_newer(entry, entries[rivals[i]]) then return false end
    end
    return true
end

-- Which entries of an item count: those newer than each of their rivals. A retraction has none, and never counts.
local function effective(entries)
    local counted = {}
    for code, entry in pairs(entries) do
        if RIVALS[code] and is_newer_than_all(entry, entries, RIVALS[code]) then counted[code] = entry end
    end
    return counted
end

local function worth(code, millionths)
    if code ~= RATING then return CONFIG.weights[code] end
    local grades = CONFIG.grades
    local grade = grades[1][2]
    for i = 2, #grades do
        if millionths >= grades[i][1] then grade = grades[i][2] end
    end
    return grade
end

local function strength(counted)
    local total = 0
    for code, entry in pairs(counted) do total = total + worth(code, entry[7]) end
    return total
end

-- The place of the first octave in the record that is not before (place, octave), and whether it is that.
local function find(record, place, octave)
    local low, high = 0, #record / OCTAVE_SIZE
    while low < high do
        local middle = math.floor((low + high) / 2)
        local p, k = struct.unpack('>Bi4', record, middle * OCTAVE_SIZE + 1)
        if p < place or p == place and k < octave then low = middle + 1 else high = middle end
    end
    local at = low * OCTAVE_SIZE + 1
    if at > #record then return at, false end
    local p, k, total = struct.unpack(OCTAVE, record, at)
    return at, p == place and k == octave, total
end

local function newest_of(record, place)
    local at = find(record, place + 1, -2147483648)
    if at == 1 then return nil end
    local p, k, total = struct.unpack(OCTAVE, record, at - OCTAVE_SIZE)
    if p == place then return k, total, at - OCTAVE_SIZE end
end

-- Adds millionths to an octave. The newest octave stays even when it is empty: it decides what is too old to be
-- kept, in whatever order events come.
local function add_octave(record, place, octave, millionths)
    local newest, newest_total, newest_at = newest_of(record, place)
    if newest and octave <= newest - OCTAVES then return record end
    local at, found, total = find(record, place, octave)
    local rest = found and at + OCTAVE_SIZE or at
    local sum = millionths + (found and total or 0)
    local kept = ''
    if sum ~= 0 or not newest or octave >= newest then kept = struct.pack(OCTAVE, place, octave, sum) end
    local before, after = record:sub(1, at - 1), record:sub(rest)
    if newest and octave > newest then
        if newest_total == 0 then before = record:sub(1, newest_at - 1) end
        local oldest = find(before, place, octave - OCTAVES + 1)
        local first = find(before, place, -2147483648)
        before = before:sub(1, first - 1) .. before:sub(oldest)
    end
    return before .. kept .. after
end

local function add_trend(record, entry, sign)
    local weight = 0
    if sign ~= 0 then weight = sign * (entry[1] == RATING and entry[7] or CONFIG.millionths[entry[1]]) end
    for place, half_life in ipairs(CONFIG.half_lives) do
        local halvings = entry[2] / half_life
        local octave = math.floor(halvings)
        local share = math.floor(math.abs(weight) * 2 ^ (halvings - octave) + 0.5)
        record = add_octave(record, place - 1, octave, weight < 0 and -share or share)
    end
    return record
end

-- An item's place among the recent ones: the time of its newest entry, and half a millisecond if it is liked.
local function recent_score(entries, counted)
    local newest = 0
    for _, entry in pairs(entries) do newest = math.max(newest, entry[2]) end
    return string.format('%.1f', strength(counted) > 0 and newest + 0.5 or newest)
end

-- Keeps the newest `cap` items and those of the same instant, so that no order can tell ties apart.
local function trim_recent()
    local last = redis.call('ZREVRANGE', RECENT, CONFIG.cap - 1, CONFIG.cap - 1, 'WITHSCORES')
    if not last[2] then return end
    -- All digits: Lua itself writes 14 of them, and a rounded bound would take the newest items away.
    redis.call('ZREMRANGEBYSCORE', RECENT, '-inf', ('(%.0f'):format(math.floor(last[2])))
end

-- The user's newest items: item, score, item, score, ...
local function newest_items()
    return redis.call('ZREVRANGE', RECENT, 0, NEWEST - 1, 'WITHSCORES')
end

local function is_liked(score) return score:byte(-2) == DOT and score:byte(-1) == FIVE end -- half a ms

-- The newest liked ones of them, at most `window`.
local function liked_of(newest)
    local liked = {}
    for i = 1, #newest, 2 do
        if is_liked(newest[i + 1]) then
            liked[#liked + 1] = newest[i]
            if #liked == CONFIG.window then break end
        end
    end
    return liked
end

local function is_among(item, newest)
    for i = 1, #newest, 2 do
        if newest[i] == item then return true end
    end
    return false
end

-- The liked ones after a single item has come to the front, without reading again (reading costs more than all
-- else that an event does); nil where what was read is not enough to say.
local function liked_after(newest, liked, item, score)
    local next_score = newest[1] == item and newest[4] or newest[2]
    if CONFIG.cap < NEWEST or next_score and tonumber(score) <= tonumber(next_score) then return nil end
    local after, was_liked = {}, false
    if is_liked(score) then after[1] = item end
    for _, other in ipairs(liked) do
        if other == item then was_liked = true
        elseif #after < CONFIG.window then after[#after + 1] = other end
    end
    if was_liked and #liked == CONFIG.window and not is_liked(score) then return nil end
    local is_full = #newest == 2 * NEWEST
    if is_full and #after > 0 and after[#after] == newest[#newest - 1] and not is_among(item, newest) then
        after[#after] = nil -- the last of the newest items is no longer among them
    end
    return after
end

local function add_pair(item, other, change)
    if tonumber(redis.call('ZINCRBY', TOGETHER .. item, change, other)) <= 0 then
        redis.call('ZREM', TOGETHER .. item, other)
    end
end

-- Counts the pairs of a window that another one has not.
local function add_pairs(liked, others, change)
    local places = {}
    for place, item in ipairs(others) do places[item] = place end
    for i = 1, #liked do
        local a = places[liked[i]]
        for j = i + 1, math.min(i + CONFIG.degree, #liked) do
            local b = places[liked[j]]
            if not (a and b and math.abs(a - b) <= CONFIG.degree) then
                add_pair(liked[i], liked[j], change)
                add_pair(liked[j], liked[i], change)
            end
        end
    end
end

local function move_pairs(before, after)
    add_pairs(before, after, -1)
    add_pairs(after, before, 1)
end

local function count(counters, counted, sign)
    local any = 0
    for code, entry in pairs(counted) do
        any = 1
        if code == RATING then counters[2] = counters[2] + sign * entry[7] end
        local field = COUNTERS_OF[code]
        counters[field] = counters[field] + sign
    end
    counters[1] = counters[1] + sign * any
end

local function move_item(item, before, after, touched)
    local raw = redis.call('HGET', POPULARITY, item) or NO_COUNTERS
    -- A record that is older than the newest event types lacks their counts.
    if #raw < COUNTERS_SIZE then raw = raw .. NO_COUNTERS:sub(#raw + 1) end
    local counters = {struct.unpack(COUNTERS, raw)}
    count(counters, before, -1)
    count(counters, after, 1)
    redis.call('HSET', POPULARITY, item, struct.pack(COUNTERS, unpack(counters, 1, COUNTER_FIELDS)))
    local old = redis.call('HGET', TREND, item) or ''
    local trend = old
    -- What does not count still says what is too old to be kept.
    if touched and after[touched[1]] ~= touched then trend = add_trend(trend, touched, 0) end
    for code, entry in pairs(before) do
        if after[code] ~= entry then trend = add_trend(trend, entry, -1) end
    end
    for code, entry in pairs(after) do
        if before[code] ~= entry then trend = add_trend(trend, entry, 1) end
    end
    if trend ~= old then redis.call('HSET', TREND, item, trend) end
end

local function find_entries(item)
    local key, raw = HISTORY, redis.call('HGET', HISTORY, item)
    if not raw then key, raw = RETRACTED, redis.call('HGET', RETRACTED, item) end
    if not raw then return nil, {} end
    return key, decode(raw)
end

-- Returns the item's place among the recent ones, if it has one.
local function store(item, entries, counted, came_from)
    local raws = {}
    for code = 1, TYPES do
        if entries[code] then raws[#raws + 1] = entries[code].raw end
    end
    local key = #raws > 0 and (next(counted) and HISTORY or RETRACTED) or nil
    local score = key and recent_score(entries, counted)
    if key then
        redis.call('HSET', key, item, table.concat(raws))
        redis.call('ZADD', RECENT, score, item)
    else
        redis.call('ZREM', RECENT, item)
    end
    if came_from and came_from ~= key then redis.call('HDEL', came_from, item) end
    return score
end

-- Keeps the moment of an event that is not its type's last writer, where it is among the newest of its item.
-- Newest first, each once; of one time the higher code first. Returns whether it was not there yet.
local function keep_moment(item, code, moment)
    if CONFIG.earlier == 0 or not RIVALS[code] then return false end -- what never counts is never asked for
    local raw, at = redis.call('HGET', EARLIER, item) or '', 1
    while at <= #raw do
        local other, time = struct.unpack(MOMENT, raw, at)
        if time == moment and other == code then return false end
        if time < moment or time == moment and other < code then break end
        at = at + MOMENT_SIZE
    end
    local most = CONFIG.earlier * MOMENT_SIZE
    if at > most then return false end
    local kept = raw:sub(1, at - 1) .. struct.pack(MOMENT, code, moment) .. raw:sub(at)
    redis.call('HSET', EARLIER, item, kept:sub(1, most))
    return true
end

local function erase_moments(item)
    local raw = redis.call('HGET', EARLIER, item)
    if not raw then return end
    local size = #raw
    while size > 0 do
        local _, time = struct.unpack(MOMENT, raw, size - MOMENT_SIZE + 1)
        if time > ERASE_UNTIL then break end
        size = size - MOMENT_SIZE
    end
    if size == 0 then
        redis.call('HDEL', EARLIER, item)
    elseif size < #raw then
        redis.call('HSET', EARLIER, item, raw:sub(1, size))
    end
end

local newest -- items, before the first change
local changed, late = 0, 0
local moved, moved_to -- the item that changed last, and its place among the recent ones

-- As is_positive of contracts/strengths.py.
local function is_positive(counted)
    local found = false
    for code, entry in pairs(counted) do
        if CONTRACT.negative[code] then return false end
        if code == RATING then found = found or entry[7] >= CONFIG.positive
        else found = found or CONFIG.weights[code] > 0 end
    end
    return found
end

-- Adds to the live figures what an event is worth to them, and keeps its outcome for the lake; with the state,
-- so that no event counts twice. The first line is what the lake gets, the second what is added, as JSON.
local function count_outcome(outcome)
    local line_end = outcome:find('\n', 1, true)
    local found = cjson.decode(outcome:sub(line_end + 1))
    local key = LIVE .. found.day
    for field, amount in pairs(found.amounts) do redis.call('HINCRBY', key, field, amount) end
    -- Where nobody takes them to the lake, they must not fill Redis.
    if redis.call('LLEN', OUTCOMES) < CONFIG.most_outcomes then
        redis.call('RPUSH', OUTCOMES, outcome:sub(1, line_end - 1))
        redis.call('HINCRBY', key, found.kept, 1)
    end
    redis.call('EXPIRE', key, CONFIG.live_seconds)
end

local function apply(item, new, erased_until, outcome)
    if new[2] <= erased_until then
        move_item(item, {}, {}, new)
        return
    end
    local came_from, entries = find_entries(item)
    local code, old = new[1], entries[new[1]]
    if not wins(new, old) then
        if new[2] < old[2] and keep_moment(item, code, new[2]) then late = late + 1 end
        return
    end
    if old and old[2] < new[2] then keep_moment(item, code, old[2]) end
    newest = newest or newest_items()
    local before = effective(entries)
    entries[code] = new
    local after = effective(entries)
    moved, moved_to = item, store(item, entries, after, came_from)
    move_item(item, before, after, new)
    changed = changed + 1
    if outcome ~= '' and is_positive(after) and not is_positive(before) then count_outcome(outcome) end
end

local function erase(item)
    erase_moments(item)
    local came_from, entries = find_entries(item)
    local before, erased = effective(entries), 0
    for code, entry in pairs(entries) do
        if entry[2] <= ERASE_UNTIL then
            entries[code] = nil
            erased = erased + 1
        end
    end
    if erased > 0 then
        newest = newest or newest_items()
        local after = effective(entries)
        store(item, entries, after, came_from)
        move_item(item, before, after)
        changed = changed + erased
    end
end

local erased_until = tonumber(redis.call('HGET', ERASED, USER) or '-1')
if ERASE_UNTIL then
    if ERASE_UNTIL > erased_until then redis.call('HSET', ERASED, USER, ARGV[2]) end
    for i = 3, #ARGV do erase(ARGV[i]) end
else
    for i = 3, #ARGV, 3 do
        local new = {struct.unpack(ENTRY, ARGV[i + 1])}
        new.raw = ARGV[i + 1]
        apply(ARGV[i], new, erased_until, ARGV[i + 2])
    end
end
if changed > 0 then
    trim_recent()
    local before = liked_of(newest)
    local after = changed == 1 and moved and liked_after(newest, before, moved, moved_to)
    move_pairs(before, after or liked_of(newest_items()))
end
return changed + late
