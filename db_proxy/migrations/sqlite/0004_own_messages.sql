-- A user's own messages are counted with the conversation of two, so that writing one touches no participant.
--
-- low_messages counts those of party_low; those of party_high are the others. own_read is how many of a participant's
-- own messages lie up to last_read_id, so that
-- unread = (last_message_id - last_read_id) - (his own messages - own_read) needs no scan.
-- In a group, whoever writes has read everything up to his own message: neither is counted.

ALTER TABLE conversations ADD COLUMN low_messages BIGINT NOT NULL DEFAULT 0;

UPDATE conversations SET low_messages = (
    SELECT count(*) FROM messages AS m
    WHERE m.conversation_id = conversations.id AND m.sender_id = conversations.party_low)
WHERE kind = 1;

ALTER TABLE participants ADD COLUMN own_read BIGINT NOT NULL DEFAULT 0;

UPDATE participants SET own_read = c.own - own_since
FROM (
    SELECT id, party_low AS user_id, low_messages AS own FROM conversations WHERE kind = 1
    UNION ALL
    SELECT id, party_high, last_message_id - low_messages FROM conversations WHERE kind = 1) AS c
WHERE c.id = participants.conversation_id AND c.user_id = participants.user_id;

ALTER TABLE participants DROP COLUMN own_since;
