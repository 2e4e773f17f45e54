-- Messages that mention users or answer other messages: messages.kind has 1024 added. A recalled one refers to nothing any
-- more. refs: four bytes of the message that is answered or 0, one byte that is 1 if everybody is mentioned, and four bytes
-- for each user who is; all big-endian.
CREATE TABLE message_references (
    conversation_id BIGINT NOT NULL REFERENCES conversations (id),
    message_id      BIGINT NOT NULL,
    refs            BLOB   NOT NULL,
    PRIMARY KEY (conversation_id, message_id)
) WITHOUT ROWID;

-- Up to where others see that the user has read.
ALTER TABLE participants ADD COLUMN shown_read_id BIGINT NOT NULL DEFAULT 0;
