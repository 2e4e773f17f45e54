-- What two users are to each other: a row for each of them, written together.
--
-- state, as user_id sees it: 0 nothing, 1 he asked to be friends, 2 he is asked, 3 they are friends. Rows of state 0 are kept
-- for as long as a client may be away, so that it hears of them. Whoever is blocked may have asked without the other's row
-- knowing of it.
CREATE TABLE contacts (
    user_id       BIGINT NOT NULL REFERENCES users (id),
    other_id      BIGINT NOT NULL REFERENCES users (id),
    state         BIGINT NOT NULL DEFAULT 0,
    blocked       BIGINT NOT NULL DEFAULT 0,
    greeting      TEXT NOT NULL DEFAULT '',
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, other_id)
) WITHOUT ROWID;

CREATE INDEX contacts_by_change ON contacts (user_id, changed_at_ms, other_id);

-- The same as a sum of flags, so that whoever stores a message of the two need not look: 1 the lower of them blocks the higher
-- one, 2 the higher one the lower, 4 they are friends, 8 the newest messages are withheld from the lower one, 16 from the higher
-- one. Of groups 0.
ALTER TABLE conversations ADD COLUMN contact_flags BIGINT NOT NULL DEFAULT 0;

-- Who is not to see the message: he blocks its sender. 0: nobody, as nearly always.
ALTER TABLE messages ADD COLUMN withheld_from BIGINT NOT NULL DEFAULT 0;

-- The newest message that this user sees and when it was stored, as long as the conversation's newest one is withheld from him;
-- otherwise NULL. own_read counts less by what is withheld from him behind last_read_id, so that it is not unread.
ALTER TABLE participants ADD COLUMN shown_last_id BIGINT;
ALTER TABLE participants ADD COLUMN shown_last_at_ms BIGINT;
