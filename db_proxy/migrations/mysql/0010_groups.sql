-- What members make of their group: who may come in, what it announces, who writes, who administers it.

-- joining 0: as new groups have it (1), 1 closed, 2 an admin answers, 3 open. inviting 0: as is usual for the kind, 1 members,
-- 2 admins. member_limit 0: the deployment's. muted_until_ms: until then only admins write.
ALTER TABLE chat_groups
    ADD COLUMN announcement    VARCHAR(2048) NOT NULL DEFAULT '',
    ADD COLUMN announced_by    BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN announced_at_ms BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN joining         BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN inviting        BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN member_limit    BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN muted_until_ms  BIGINT NOT NULL DEFAULT 0;

-- role 1: an admin. The owner is chat_groups.creator_id while he is a member. muted_until_ms: until then he does not write.
ALTER TABLE group_members
    ADD COLUMN nickname       VARCHAR(256) NOT NULL DEFAULT '',
    ADD COLUMN muted_until_ms BIGINT NOT NULL DEFAULT 0;

-- That somebody may come into a group. kind 1: he is invited, 2: he asks. state 1: waits, 3: refused, 4: taken back. Members
-- have no row.
CREATE TABLE group_requests (
    group_id      BIGINT NOT NULL,
    user_id       BIGINT NOT NULL,
    by_user_id    BIGINT NOT NULL,
    kind          BIGINT NOT NULL,
    state         BIGINT NOT NULL,
    greeting      VARCHAR(1024) NOT NULL DEFAULT '',
    created_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id),
    KEY group_requests_by_user (user_id, group_id),
    KEY group_requests_by_age (changed_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
