/** The Lua code that runs once in a new state and leaves only what an expression may reach: nothing that hangs, exhausts or is shared. */

/**
 * Runs with the whole libraries as globals; afterwards there are no globals, and the result is the metatable of every environment.
 * A library is an empty table that looks its functions up in a table which no expression can name, so that no expression changes it.
 *
 * Left out, since C code goes on when its steps are spent, until it gives back: `string.rep`, `format`, patterns and their functions, and the
 * functions of `table` that trust a length (`insert`, `remove`, `move`, `sort`: `#t` may be 2^62). Left out, since the next evaluation
 * would see it, or a resumed run would decide otherwise: `math.random`, `math.randomseed`.
 */
export const LIBRARIES = `
local kept = {
  math = { "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger", "min",
    "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult" },
  string = { "byte", "char", "len", "lower", "reverse", "sub", "upper" },
  table = { "concat", "pack", "unpack" },
  utf8 = { "char", "codepoint", "codes", "len", "offset" },
}
local error, len, max, search, sub = error, string.len, math.max, string.find, string.sub

-- Naive search takes time proportional to both lengths, so a long one is cut into windows, between which spent steps stop it.
local function find(text, needle, init)
  local whole, part = len(text), len(needle)
  if whole * part <= 65536 then return search(text, needle, init, true) end
  local start = init or 1
  if start < 0 then start = max(1, whole + start + 1) elseif start == 0 then start = 1 end
  local window = 1 + 65536 // part
  while start + part - 1 <= whole do
    local first = search(sub(text, start, start + window + part - 2), needle, 1, true)
    if first then return start + first - 1, start + first + part - 2 end
    start = start + window
  end
  return nil
end

local base = {}
for _, name in ipairs { "ipairs", "next", "pairs", "select", "tonumber", "tostring", "type" } do base[name] = _G[name] end
for library, names in pairs(kept) do
  local functions = {}
  for _, name in ipairs(names) do functions[name] = _G[library][name] end
  if library == "string" then
    functions.find = find
    getmetatable("").__index = functions
  end
  base[library] = setmetatable({}, {
    __index = functions,
    __newindex = function() error("the library '" .. library .. "' is read-only", 2) end,
  })
end
local globals = _G
for name in pairs(globals) do globals[name] = nil end
return { __index = base }
`;
