-- Integers are signed 64 bit, times are UTC milliseconds, ids fit the wire's u32. The same logical tables exist for
-- every database, in files of the same name.
--
-- No foreign keys: each would lock a parent row for every message, and no row of users, conversations or chat_groups is
-- ever deleted.

CREATE TABLE meta (
    name  VARCHAR(64)  NOT NULL PRIMARY KEY,
    value VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Whoever changes the directory of users locks this row first, so that stamps ascend in the order of commits.
INSERT INTO meta (name, value) VALUES ('changes_of_users', '');

-- The counter of ids outlives a restart: the id of a deleted user is never given to somebody else.
-- Names are compared exactly; the collation alone would take spaces at the end for nothing.
CREATE TABLE users (
    id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name          VARCHAR(255) NOT NULL,
    name_bytes    BIGINT       AS (octet_length(name)) STORED,
    password      VARCHAR(255) NOT NULL DEFAULT '',
    gender        BIGINT       NOT NULL DEFAULT 0,
    nick_name     VARCHAR(512) NOT NULL DEFAULT '',
    real_name     VARCHAR(512) NOT NULL DEFAULT '',
    avatar_url    VARCHAR(512) NOT NULL DEFAULT '',
    department_id BIGINT       NOT NULL DEFAULT 0,
    email         VARCHAR(512) NOT NULL DEFAULT '',
    tel           VARCHAR(512) NOT NULL DEFAULT '',
    domain        VARCHAR(512) NOT NULL DEFAULT '',
    status        BIGINT       NOT NULL DEFAULT 0,
    sign_info     VARCHAR(512) NOT NULL DEFAULT '',
    created_at_ms BIGINT       NOT NULL,
    updated_at_ms BIGINT       NOT NULL,
    UNIQUE KEY users_by_name (name, name_bytes),
    KEY users_by_change (updated_at_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The id is made of who takes part, so that nobody has to look it up and two writers can't begin a conversation twice:
-- between two users (lower << 32) | higher, of a group its id. To read it: id >> 32, id & 0xffffffff.
-- low_messages counts what the lower of two users wrote; what the other one wrote is the rest.
CREATE TABLE conversations (
    id                 BIGINT NOT NULL PRIMARY KEY,
    last_message_id    BIGINT NOT NULL DEFAULT 0,
    low_messages       BIGINT NOT NULL DEFAULT 0,
    last_message_at_ms BIGINT NOT NULL DEFAULT 0,
    created_at_ms      BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Clustered by conversation, so that a page of history is one range.
CREATE TABLE messages (
    conversation_id BIGINT        NOT NULL,
    message_id      BIGINT        NOT NULL CHECK (message_id BETWEEN 1 AND 4294967295),
    sender_id       BIGINT        NOT NULL,
    kind            BIGINT        NOT NULL,
    body            MEDIUMBLOB    NOT NULL,
    created_at_ms   BIGINT        NOT NULL,
    client_key      VARBINARY(80),
    PRIMARY KEY (conversation_id, message_id),
    UNIQUE KEY messages_by_client_key (conversation_id, sender_id, client_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- own_read is how many of a user's own messages lie up to last_read_id, so that
-- unread = (last_message_id - last_read_id) - (his own messages - own_read) needs no scan, and writing a message
-- touches no participant. In a group, whoever writes has read everything up to his own message: neither is counted.
-- The conversation is hidden while last_message_id <= hidden_through_id: the next message brings it back.
CREATE TABLE participants (
    user_id           BIGINT NOT NULL,
    conversation_id   BIGINT NOT NULL,
    last_read_id      BIGINT NOT NULL DEFAULT 0,
    own_read          BIGINT NOT NULL DEFAULT 0,
    hidden_through_id BIGINT NOT NULL DEFAULT 0,
    updated_at_ms     BIGINT NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
