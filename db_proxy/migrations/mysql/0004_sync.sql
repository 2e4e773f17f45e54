-- What a client asks for that was away: everything has the time of its last change.

-- When the message was stored, by the clock that also stamps its conversation; created_at_ms is what the sender's
-- server said. 0: before there was this column.
ALTER TABLE messages ADD COLUMN stored_at_ms BIGINT NOT NULL DEFAULT 0;

-- When the membership changed last: whether it is muted.
ALTER TABLE group_members ADD COLUMN changed_at_ms BIGINT NOT NULL DEFAULT 0;

-- Who left a group, or was removed from it, and has not come back. Kept for as long as a client may be away.
CREATE TABLE former_members (
    user_id    BIGINT NOT NULL,
    group_id   BIGINT NOT NULL,
    left_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_id),
    KEY former_members_by_age (left_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
