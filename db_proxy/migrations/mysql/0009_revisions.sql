-- Messages that were edited or recalled: messages.kind is the wire's type in its low eight bits, above them 1 for edited and
-- 2 for recalled. A recalled one has no body any more.

-- The last change of each, for those who were away. Kept for as long as a client may be away.
CREATE TABLE message_revisions (
    conversation_id BIGINT NOT NULL,
    message_id      BIGINT NOT NULL,
    revised_at_ms   BIGINT NOT NULL,
    revised_by      BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, message_id),
    KEY message_revisions_by_time (conversation_id, revised_at_ms),
    KEY message_revisions_by_age (revised_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
