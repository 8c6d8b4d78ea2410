-- SPDX-License-Identifier: BSL-1.0
-- Sixteen requests in one write, for wrk.
init = function(args)
  local one = wrk.format()
  wrk.whole = string.rep(one, 16)
end
request = function() return wrk.whole end
