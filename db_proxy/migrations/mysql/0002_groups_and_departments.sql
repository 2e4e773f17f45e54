-- Groups with their members, departments, push tokens, and what was answered to requests that may come again.

-- As of users.
INSERT INTO meta (name, value) VALUES ('changes_of_departments', '');

-- status 0: there, 1: removed. Rows are kept, so that clients hear of a removal.
CREATE TABLE departments (
    id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name          VARCHAR(512) NOT NULL,
    parent_id     BIGINT       NOT NULL DEFAULT 0,
    priority      BIGINT       NOT NULL DEFAULT 0,
    status        BIGINT       NOT NULL DEFAULT 0,
    created_at_ms BIGINT       NOT NULL,
    updated_at_ms BIGINT       NOT NULL,
    KEY departments_by_change (updated_at_ms, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- kind 1: normal, 2: temporary. creator_id 0: the system. status 0: in use. The version rises with each change of
-- members.
CREATE TABLE chat_groups (
    id            BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind          BIGINT        NOT NULL,
    name          VARCHAR(1024) NOT NULL,
    avatar_url    VARCHAR(1024) NOT NULL DEFAULT '',
    creator_id    BIGINT        NOT NULL DEFAULT 0,
    status        BIGINT        NOT NULL DEFAULT 0,
    version       BIGINT        NOT NULL DEFAULT 1,
    created_at_ms BIGINT        NOT NULL,
    updated_at_ms BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE group_members (
    group_id     BIGINT NOT NULL,
    user_id      BIGINT NOT NULL,
    role         BIGINT NOT NULL DEFAULT 0,
    muted        BIGINT NOT NULL DEFAULT 0,
    joined_at_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id),
    KEY group_members_by_user (user_id, group_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A group's conversation is made with the group, and exactly the group's members take part in it. Messages up to
-- visible_after_id are not this user's to see.
ALTER TABLE participants ADD COLUMN visible_after_id BIGINT NOT NULL DEFAULT 0;

-- A token belongs to one user: whoever registered it last.
CREATE TABLE devices (
    device_type   BIGINT       NOT NULL,
    token         VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id       BIGINT       NOT NULL,
    updated_at_ms BIGINT       NOT NULL,
    PRIMARY KEY (device_type, token),
    KEY devices_by_user (user_id, updated_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- 1: no push notifications at night.
ALTER TABLE users ADD COLUMN push_shield BIGINT NOT NULL DEFAULT 0;

CREATE TABLE requests (
    request_key   VARBINARY(80) NOT NULL PRIMARY KEY,
    outcome       MEDIUMBLOB    NOT NULL,
    created_at_ms BIGINT        NOT NULL,
    KEY requests_by_age (created_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
