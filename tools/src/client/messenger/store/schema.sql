-- What a device has of one account. Ids of the wire are 32 bits and are kept as they are; kind and peer are the wire's
-- session_type and session_id.

CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- 0 until the first login
    user_id INTEGER NOT NULL DEFAULT 0,
    -- logs in without the password
    token BLOB,
    -- up to where sync has told everything
    cursor BLOB,
    -- the time to ask for the address book with, on a server without sync
    users_since INTEGER NOT NULL DEFAULT 0
);
INSERT INTO account (one) VALUES (1);

CREATE TABLE conversations (
    kind INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    -- everything from here …
    floor INTEGER NOT NULL,
    -- … to here is in messages, or does not exist for this user
    upto INTEGER NOT NULL,
    -- the newest message that was heard of
    latest INTEGER NOT NULL,
    -- up to here the application was told
    told INTEGER NOT NULL,
    read INTEGER NOT NULL,
    -- the server may not have heard of read
    read_due INTEGER NOT NULL DEFAULT 0,
    -- got messages since the cursor
    moved INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    -- time of the newest message that is here
    active_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, peer)
) WITHOUT ROWID;

CREATE TABLE messages (
    kind INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    id INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    type INTEGER NOT NULL,
    data BLOB NOT NULL,
    -- 0 as it was sent, 1 edited, 2 recalled
    revision INTEGER NOT NULL,
    -- members who are mentioned: their numbers, with commas between them
    mentions TEXT NOT NULL,
    -- everybody is
    everybody INTEGER NOT NULL,
    -- the id of the message that this one answers
    answers INTEGER,
    -- written on this device, under this number
    draft INTEGER,
    PRIMARY KEY (kind, peer, id)
);

-- Messages that changed, whose present form is still to be fetched.
CREATE TABLE stale (
    kind INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (kind, peer, id)
) WITHOUT ROWID;

-- Messages that are not known to be stored by the server. Numbers are never used again.
CREATE TABLE drafts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    type INTEGER NOT NULL,
    data BLOB NOT NULL,
    key BLOB NOT NULL UNIQUE,
    written_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- members who are mentioned: their numbers, with commas between them
    mentions TEXT NOT NULL,
    -- everybody is
    everybody INTEGER NOT NULL,
    -- the id of the message that it answers
    answers INTEGER
);

-- Records of the wire, as they are encoded there.
CREATE TABLE users (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE chat_groups (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE contacts (id INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE departments (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
