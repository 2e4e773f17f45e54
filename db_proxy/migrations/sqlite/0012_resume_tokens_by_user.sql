-- A user's tokens stand side by side: whoever comes back changes three of them, in one page.
CREATE TABLE resume_tokens (
    user_id         BIGINT NOT NULL REFERENCES users (id),
    token_hash      BLOB NOT NULL,
    device_type     BIGINT NOT NULL,
    replaces        BLOB,
    created_at_ms   BIGINT NOT NULL,
    expires_at_ms   BIGINT NOT NULL,
    last_used_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, token_hash)
) WITHOUT ROWID;

INSERT INTO resume_tokens (user_id, token_hash, device_type, replaces, created_at_ms, expires_at_ms, last_used_at_ms)
SELECT user_id, token_hash, device_type, replaces, created_at_ms, expires_at_ms, last_used_at_ms FROM sessions_resume;

DROP TABLE sessions_resume;
ALTER TABLE resume_tokens RENAME TO sessions_resume;
