-- Integers are signed 64 bit, times are UTC milliseconds, ids fit the wire's u32. The same logical tables exist for
-- every database, in files of the same name.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: the id of a deleted user is never given to somebody else.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    name          TEXT NOT NULL UNIQUE,
    password      TEXT NOT NULL DEFAULT '',
    gender        BIGINT NOT NULL DEFAULT 0,
    nick_name     TEXT NOT NULL DEFAULT '',
    real_name     TEXT NOT NULL DEFAULT '',
    avatar_url    TEXT NOT NULL DEFAULT '',
    department_id BIGINT NOT NULL DEFAULT 0,
    email         TEXT NOT NULL DEFAULT '',
    tel           TEXT NOT NULL DEFAULT '',
    domain        TEXT NOT NULL DEFAULT '',
    status        BIGINT NOT NULL DEFAULT 0,
    sign_info     TEXT NOT NULL DEFAULT '',
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX users_by_change ON users (updated_at_ms, id);

-- kind 1: between two users, party_low < party_high.
CREATE TABLE conversations (
    id                 INTEGER PRIMARY KEY,
    kind               BIGINT NOT NULL,
    party_low          BIGINT NOT NULL,
    party_high         BIGINT NOT NULL,
    last_message_id    BIGINT NOT NULL DEFAULT 0,
    last_message_at_ms BIGINT NOT NULL DEFAULT 0,
    created_at_ms      BIGINT NOT NULL,
    UNIQUE (kind, party_low, party_high)
);

-- Clustered by conversation, so that a page of history is one range.
CREATE TABLE messages (
    conversation_id BIGINT NOT NULL REFERENCES conversations (id),
    message_id      BIGINT NOT NULL CHECK (message_id BETWEEN 1 AND 4294967295),
    sender_id       BIGINT NOT NULL,
    kind            BIGINT NOT NULL,
    body            BLOB NOT NULL,
    created_at_ms   BIGINT NOT NULL,
    client_key      BLOB,
    PRIMARY KEY (conversation_id, message_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_client_key ON messages (conversation_id, sender_id, client_key)
    WHERE client_key IS NOT NULL;

-- own_since counts the user's own messages after last_read_id, so that
-- unread = conversations.last_message_id - last_read_id - own_since needs no scan.
-- The conversation is hidden while last_message_id <= hidden_through_id: the next message brings it back.
CREATE TABLE participants (
    user_id           BIGINT NOT NULL REFERENCES users (id),
    conversation_id   BIGINT NOT NULL REFERENCES conversations (id),
    last_read_id      BIGINT NOT NULL DEFAULT 0,
    own_since         BIGINT NOT NULL DEFAULT 0,
    hidden_through_id BIGINT NOT NULL DEFAULT 0,
    updated_at_ms     BIGINT NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) WITHOUT ROWID;
