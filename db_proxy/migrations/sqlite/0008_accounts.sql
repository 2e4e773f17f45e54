-- Accounts that people make themselves, and the invites for it.

-- A new name must not differ from another one by upper and lower case alone. Names that did so before stay.
CREATE INDEX users_by_folded_name ON users (lower(name));

-- Only a hash of the code is kept. expires_at_ms 0: never. Who has used up his invite, or lets it expire, is told so; the
-- row goes when an operator revokes it.
CREATE TABLE invites (
    code_hash     BLOB PRIMARY KEY,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL DEFAULT 0,
    uses_left     BIGINT NOT NULL,
    note          TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
