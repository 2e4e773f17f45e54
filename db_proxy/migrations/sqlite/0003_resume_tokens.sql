-- Tokens that let a device log in again without the password. Only hashes are kept: of the token together with the stored
-- password, so that a token ends with the password it was given for. replaces is the token that was shown for this one,
-- as long as nobody has shown this one.
CREATE TABLE sessions_resume (
    token_hash      BLOB PRIMARY KEY,
    user_id         BIGINT NOT NULL REFERENCES users (id),
    device_type     BIGINT NOT NULL,
    replaces        BLOB,
    created_at_ms   BIGINT NOT NULL,
    expires_at_ms   BIGINT NOT NULL,
    last_used_at_ms BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX sessions_resume_by_user ON sessions_resume (user_id, last_used_at_ms);
