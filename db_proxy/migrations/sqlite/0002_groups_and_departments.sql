-- Groups with their members, departments, push tokens, and what was answered to requests that may come again.

-- status 0: there, 1: removed. Rows are kept, so that clients hear of a removal.
CREATE TABLE departments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    name          TEXT NOT NULL,
    parent_id     BIGINT NOT NULL DEFAULT 0,
    priority      BIGINT NOT NULL DEFAULT 0,
    status        BIGINT NOT NULL DEFAULT 0,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX departments_by_change ON departments (updated_at_ms, id);

-- kind 1: normal, 2: temporary. creator_id 0: the system. status 0: in use. The version rises with each change of
-- members.
CREATE TABLE chat_groups (
    id            INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    kind          BIGINT NOT NULL,
    name          TEXT NOT NULL,
    avatar_url    TEXT NOT NULL DEFAULT '',
    creator_id    BIGINT NOT NULL DEFAULT 0,
    status        BIGINT NOT NULL DEFAULT 0,
    version       BIGINT NOT NULL DEFAULT 1,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id     BIGINT NOT NULL REFERENCES chat_groups (id),
    user_id      BIGINT NOT NULL REFERENCES users (id),
    role         BIGINT NOT NULL DEFAULT 0,
    muted        BIGINT NOT NULL DEFAULT 0,
    joined_at_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;

CREATE INDEX group_members_by_user ON group_members (user_id, group_id);

-- A group's conversation has kind 2, party_low 0 and party_high the group's id. It is made with the group, and exactly
-- the group's members take part in it. Messages up to visible_after_id are not this user's to see.
ALTER TABLE participants ADD COLUMN visible_after_id BIGINT NOT NULL DEFAULT 0;

-- A token belongs to one user: whoever registered it last.
CREATE TABLE devices (
    device_type   BIGINT NOT NULL,
    token         TEXT NOT NULL,
    user_id       BIGINT NOT NULL REFERENCES users (id),
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (device_type, token)
) WITHOUT ROWID;

CREATE INDEX devices_by_user ON devices (user_id, updated_at_ms);

-- 1: no push notifications at night.
ALTER TABLE users ADD COLUMN push_shield BIGINT NOT NULL DEFAULT 0;

CREATE TABLE requests (
    request_key   BLOB PRIMARY KEY,
    outcome       BLOB NOT NULL,
    created_at_ms BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX requests_by_age ON requests (created_at_ms);
