-- What clients asked for under a key of their own, so that asking again does nothing again. Neither the key nor the body is kept,
-- only keyed hashes of them; of the answer only its status and what it was about, from which it is written anew.
CREATE TABLE idempotency_keys(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key_hash BLOB NOT NULL UNIQUE,                 -- of who asked, the route and the key
  body_hash BLOB NOT NULL,
  status INTEGER NOT NULL,
  resource TEXT NOT NULL,                        -- the public id, or number, of what was made
  created_at INTEGER NOT NULL
) STRICT;
