-- Messages stand in the order in which they came. Sorted by conversation, each one went to a page of its own conversation,
-- and once that was full, pages to both sides of it were filled anew: a few pages written for each conversation that a
-- batch touched. Now a batch fills one page after the other, and only the indexes are sorted.
CREATE TABLE messages_in_order (
    conversation_id BIGINT NOT NULL,
    message_id      BIGINT NOT NULL CHECK (message_id BETWEEN 1 AND 4294967295),
    sender_id       BIGINT NOT NULL,
    kind            BIGINT NOT NULL,
    body            BLOB   NOT NULL,
    created_at_ms   BIGINT NOT NULL,
    client_key      BLOB,
    stored_at_ms    BIGINT NOT NULL DEFAULT 0,
    withheld_from   BIGINT NOT NULL DEFAULT 0
);

INSERT INTO messages_in_order (conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms, withheld_from)
SELECT conversation_id, message_id, sender_id, kind, body, created_at_ms, client_key, stored_at_ms, withheld_from
FROM messages ORDER BY stored_at_ms, conversation_id, message_id;

DROP TABLE messages;
ALTER TABLE messages_in_order RENAME TO messages;

CREATE UNIQUE INDEX messages_by_id ON messages (conversation_id, message_id);
CREATE UNIQUE INDEX messages_by_client_key ON messages (conversation_id, sender_id, client_key)
    WHERE client_key IS NOT NULL;
