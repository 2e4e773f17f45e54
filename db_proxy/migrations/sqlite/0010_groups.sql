-- What members make of their group: who may come in, what it announces, who writes, who administers it.

-- joining 0: as new groups have it (1), 1 closed, 2 an admin answers, 3 open. inviting 0: as is usual for the kind, 1 members,
-- 2 admins. member_limit 0: the deployment's. muted_until_ms: until then only admins write.
ALTER TABLE chat_groups ADD COLUMN announcement TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_groups ADD COLUMN announced_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN announced_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN joining BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN inviting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN member_limit BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN muted_until_ms BIGINT NOT NULL DEFAULT 0;

-- role 1: an admin. The owner is chat_groups.creator_id while he is a member. muted_until_ms: until then he does not write.
ALTER TABLE group_members ADD COLUMN nickname TEXT NOT NULL DEFAULT '';
ALTER TABLE group_members ADD COLUMN muted_until_ms BIGINT NOT NULL DEFAULT 0;

-- That somebody may come into a group. kind 1: he is invited, 2: he asks. state 1: waits, 3: refused, 4: taken back. Members
-- have no row.
CREATE TABLE group_requests (
    group_id      BIGINT NOT NULL REFERENCES chat_groups (id),
    user_id       BIGINT NOT NULL REFERENCES users (id),
    by_user_id    BIGINT NOT NULL,
    kind          BIGINT NOT NULL,
    state         BIGINT NOT NULL,
    greeting      TEXT NOT NULL DEFAULT '',
    created_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;

CREATE INDEX group_requests_by_user ON group_requests (user_id, group_id);
CREATE INDEX group_requests_by_age ON group_requests (changed_at_ms);
