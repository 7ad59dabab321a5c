-- Passdb and userdb of Dovecot in Lua: they ask the dict "auth" of vmapd over its
-- unix socket. This is for hosts where neither route of docs/dovecot.md fits:
-- Dovecot 2.4 has no dict passdb any more, and who wants to keep Dovecot's own
-- auth service there (several passdbs, other mechanisms, its policy server) has
-- this way. Dovecot checks the passwords; hashes are given to root alone and to
-- dovecot.password_readers, and auth-worker is root.
--
-- Needs Dovecot's Lua (Debian: dovecot-auth-lua) and LuaSocket (lua-socket). Put
-- the file into /etc/dovecot; README.md beside it has the configuration.

local unix = require "socket.unix"

local PATH = "/run/vmapd/dict" -- the [[listen]] section of protocol dict
local TIMEOUT = 30             -- seconds; vmapd holds a request while it loads

local conn -- of this worker, kept open between requests

-- The dict protocol writes NUL, \1, TAB, LF and CR in fields as \1 and a letter.
local letters = {["\0"] = "\1\48", ["\1"] = "\1\49", ["\t"] = "\1t", ["\n"] = "\1n", ["\r"] = "\1r"}
local bytes = {["0"] = "\0", ["1"] = "\1", t = "\t", n = "\n", r = "\r"}

local function escape(s) return (s:gsub("[%z\1\t\n\r]", letters)) end
local function unescape(s) return (s:gsub("\1(.)", bytes)) end

local function hang_up()
  if conn then conn:close() end
  conn = nil
end

local function connect()
  local c = unix()
  c:settimeout(TIMEOUT)
  local ok, err = c:connect(PATH)
  if not ok then
    c:close()
    return nil, PATH .. ": " .. tostring(err)
  end
  -- The third generation of the protocol: each command names its user.
  c:send("H3\t0\t0\t\tauth\n")
  conn = c
  return c
end

-- ask sends a command and gives the first line of the reply. A connection that
-- was kept may have been closed meanwhile: then another one is tried, once.
local function ask(command)
  local err
  for _ = 1, 2 do
    local kept = conn ~= nil
    local c = conn
    if not c then
      c, err = connect()
      if not c then return nil, err end
    end
    local line
    local sent
    sent, err = c:send(command)
    if sent then line, err = c:receive("*l") end
    if line then return line end
    hang_up()
    if not kept or err == "timeout" then break end
  end
  return nil, PATH .. ": " .. tostring(err)
end

-- decode reads the flat JSON object that vmapd sends.
local function decode(text)
  local object = {}
  local pos = 1
  local escapes = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}
  local function str()
    local out = {}
    pos = pos + 1
    while true do
      local plain, stop = text:match('^([^"\\]*)(["\\])', pos)
      if not plain then error("a string does not end") end
      out[#out + 1] = plain
      pos = pos + #plain + 1
      if stop == '"' then return table.concat(out) end
      local e = text:sub(pos, pos)
      if e == "u" then
        local code = tonumber(text:sub(pos + 1, pos + 4), 16)
        pos = pos + 5
        local low = text:match("^\\u([dD][c-fC-F]%x%x)", pos)
        if code >= 0xD800 and code < 0xDC00 and low then
          code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
          pos = pos + 6
        end
        out[#out + 1] = utf8.char(code)
      else
        out[#out + 1] = escapes[e] or e
        pos = pos + 1
      end
    end
  end
  if text:sub(pos, pos) ~= "{" then error("no object") end
  pos = pos + 1
  while text:sub(pos, pos) ~= "}" do
    local key = str()
    if text:sub(pos, pos) ~= ":" then error("no colon") end
    pos = pos + 1
    if text:sub(pos, pos) == '"' then
      object[key] = str()
    else
      local word = text:match("^[^,}]+", pos)
      object[key] = word
      pos = pos + #word
    end
    if text:sub(pos, pos) == "," then pos = pos + 1 end
  end
  return object
end

-- find looks a key up: its object, or false if there is none, or nil and why
-- nobody can say.
local function find(kind, request, name)
  local key = "shared/" .. kind .. "/"
  if kind ~= "master" then key = key .. request.service .. "/" end
  local line, err = ask("L" .. escape(key .. name) .. "\t\n")
  if not line then return nil, err end
  local letter, rest = line:sub(1, 1), unescape(line:sub(2))
  if letter == "N" then return false end
  if letter ~= "O" then return nil, "vmapd: " .. rest end
  local ok, object = pcall(decode, rest)
  if not ok then return nil, "vmapd: " .. tostring(object) end
  return object
end

function auth_passdb_lookup(request)
  local kind = "passdb"
  if request.login_user and request.login_user ~= "" and (request.master_user or "") == "" then
    kind = "master" -- the passdb with "master = yes" asks for the master user
  end
  local object, err = find(kind, request, request.user)
  if object == nil then
    request:log_error(err)
    return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "vmapd cannot say"
  end
  if not object then return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, "no such user" end
  return dovecot.auth.PASSDB_RESULT_OK, object
end

function auth_userdb_lookup(request)
  local object, err = find("userdb", request, request.user)
  if object == nil then
    request:log_error(err)
    return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "vmapd cannot say"
  end
  if not object then return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "no such user" end
  return dovecot.auth.USERDB_RESULT_OK, object
end

-- auth_userdb_iterate gives all users. The whole list is in memory here; for a
-- hundred thousand users and more rather use "vmapd account list".
function auth_userdb_iterate()
  local path = "shared/userdb/"
  local users = {}
  local line, err = ask("I0\t0\t" .. path .. "\t\n")
  while line and line:sub(1, 1) == "O" do
    local key = unescape(line:sub(2):match("^[^\t]*"))
    users[#users + 1] = key:sub(#path + 1)
    line, err = conn:receive("*l")
  end
  if line ~= "" then -- not the end: half a list is none
    hang_up()
    error(line and "vmapd: " .. unescape(line:sub(2)) or err)
  end
  return users
end

function script_init() return 0 end

function script_deinit() hang_up() end
