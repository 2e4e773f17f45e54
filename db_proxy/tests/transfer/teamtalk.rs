//! A TeamTalk database, made by hand: its tables as TeamTalk makes them, filled with what goes wrong there.

use crate::bed::Database;

/// The second at which everything begins.
pub(crate) const START: u32 = 1_600_000_000;

const SHARDS: u32 = 8;

/// Tables without the shards of messages: name, columns, keys. `u` is an unsigned number.
const TABLES: &[(&str, &str)] = &[
    (
        "IMUser",
        "id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sex TINYINT UNSIGNED NOT NULL DEFAULT 0,
         name VARCHAR(32) NOT NULL DEFAULT '', domain VARCHAR(32) NOT NULL DEFAULT '',
         nick VARCHAR(32) NOT NULL DEFAULT '', password VARCHAR(32) NOT NULL DEFAULT '',
         salt VARCHAR(4) NOT NULL DEFAULT '', phone VARCHAR(11) NOT NULL DEFAULT '',
         email VARCHAR(64) NOT NULL DEFAULT '', avatar VARCHAR(255) DEFAULT '',
         departId INT UNSIGNED NOT NULL, status TINYINT UNSIGNED DEFAULT 0, created INT UNSIGNED NOT NULL,
         updated INT UNSIGNED NOT NULL, push_shield_status TINYINT UNSIGNED NOT NULL DEFAULT 0,
         sign_info VARCHAR(128) NOT NULL DEFAULT '', KEY (name)",
    ),
    (
        "IMDepart",
        "id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, departName VARCHAR(64) NOT NULL DEFAULT '',
         priority INT UNSIGNED NOT NULL DEFAULT 0, parentId INT UNSIGNED NOT NULL,
         status INT UNSIGNED NOT NULL DEFAULT 0, created INT UNSIGNED NOT NULL, updated INT UNSIGNED NOT NULL",
    ),
    (
        "IMGroup",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(256) NOT NULL DEFAULT '',
         avatar VARCHAR(256) NOT NULL DEFAULT '', creator INT UNSIGNED NOT NULL DEFAULT 0,
         type TINYINT UNSIGNED NOT NULL DEFAULT 1, userCnt INT UNSIGNED NOT NULL DEFAULT 0,
         status TINYINT UNSIGNED NOT NULL DEFAULT 1, version INT UNSIGNED NOT NULL DEFAULT 1,
         lastChated INT UNSIGNED NOT NULL DEFAULT 0, updated INT UNSIGNED NOT NULL DEFAULT 0,
         created INT UNSIGNED NOT NULL DEFAULT 0",
    ),
    (
        "IMGroupMember",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, groupId INT UNSIGNED NOT NULL, userId INT UNSIGNED NOT NULL,
         status TINYINT UNSIGNED NOT NULL DEFAULT 1, created INT UNSIGNED NOT NULL DEFAULT 0,
         updated INT UNSIGNED NOT NULL DEFAULT 0, KEY (groupId, userId, status)",
    ),
    (
        "IMRelationShip",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, smallId INT UNSIGNED NOT NULL, bigId INT UNSIGNED NOT NULL,
         status TINYINT UNSIGNED DEFAULT 0, created INT UNSIGNED NOT NULL DEFAULT 0,
         updated INT UNSIGNED NOT NULL DEFAULT 0, KEY (smallId, bigId, status, updated)",
    ),
    (
        "IMRecentSession",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, userId INT UNSIGNED NOT NULL, peerId INT UNSIGNED NOT NULL,
         type TINYINT UNSIGNED DEFAULT 0, status TINYINT UNSIGNED DEFAULT 0,
         created INT UNSIGNED NOT NULL DEFAULT 0, updated INT UNSIGNED NOT NULL DEFAULT 0,
         KEY (userId, peerId, type)",
    ),
    (
        "IMAudio",
        "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, fromId INT UNSIGNED NOT NULL DEFAULT 0,
         toId INT UNSIGNED NOT NULL DEFAULT 0, path VARCHAR(255) DEFAULT '', size INT UNSIGNED NOT NULL DEFAULT 0,
         duration INT UNSIGNED NOT NULL DEFAULT 0, created INT UNSIGNED NOT NULL DEFAULT 0",
    ),
];

const MESSAGE: &str = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, relateId INT UNSIGNED NOT NULL,
    fromId INT UNSIGNED NOT NULL, toId INT UNSIGNED NOT NULL, msgId INT UNSIGNED NOT NULL,
    content VARCHAR(4096) DEFAULT '', type TINYINT UNSIGNED NOT NULL DEFAULT 1,
    status TINYINT UNSIGNED NOT NULL DEFAULT 0, updated INT UNSIGNED NOT NULL, created INT UNSIGNED NOT NULL,
    KEY (relateId, status, created), KEY (relateId, status, msgId, created)";

const GROUP_MESSAGE: &str = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, groupId INT UNSIGNED NOT NULL,
    userId INT UNSIGNED NOT NULL, msgId INT UNSIGNED NOT NULL, content VARCHAR(4096) NOT NULL DEFAULT '',
    type TINYINT UNSIGNED NOT NULL DEFAULT 2, status INT UNSIGNED NOT NULL DEFAULT 0,
    updated INT UNSIGNED NOT NULL DEFAULT 0, created INT UNSIGNED NOT NULL DEFAULT 0,
    KEY (groupId, status, created), KEY (groupId, msgId, status, created)";

/// A message to be stored. Times are seconds behind `START`.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) from: u32,
    pub(crate) msg_id: u32,
    pub(crate) text: String,
    pub(crate) kind: u32,
    pub(crate) status: u32,
    pub(crate) at: u32,
}

impl Line {
    pub(crate) fn new(from: u32, msg_id: u32, at: u32, text: &str) -> Self {
        Self {
            from,
            msg_id,
            text: text.to_owned(),
            kind: 0,
            status: 0,
            at,
        }
    }

    pub(crate) fn kind(self, kind: u32) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn status(self, status: u32) -> Self {
        Self { status, ..self }
    }
}

/// Verbs to fill it with.
pub(crate) struct Builder<'a> {
    database: &'a Database,
    sql: String,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(database: &'a Database) -> Self {
        let mut sql = String::new();
        let options = "ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";
        for (name, columns) in TABLES {
            sql += &format!("CREATE TABLE {name} ({columns}) {options};");
        }
        for shard in 0..SHARDS {
            sql += &format!("CREATE TABLE IMMessage_{shard} ({MESSAGE}) {options};");
            sql += &format!("CREATE TABLE IMGroupMessage_{shard} ({GROUP_MESSAGE}) {options};");
        }
        Self { database, sql }
    }

    /// For a database that was made before.
    pub(crate) fn rows(database: &'a Database) -> Self {
        let sql = String::new();
        Self { database, sql }
    }

    pub(crate) fn sql(&mut self, sql: &str) -> &mut Self {
        self.sql += sql;
        self.sql += ";";
        self
    }

    /// Everybody's password is test123.
    pub(crate) fn user(&mut self, id: u32, name: &str) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMUser (id, name, nick, password, salt, departId, created, updated)
             VALUES ({id}, '{name}', 'Nick {id}', '4e66e8c029d64e67f7aadf045ca45851', '1234', 1, {START}, {START})"
        ))
    }

    pub(crate) fn department(&mut self, id: u32, name: &str, parent: u32) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMDepart (id, departName, parentId, created, updated)
             VALUES ({id}, '{name}', {parent}, {START}, {START})"
        ))
    }

    pub(crate) fn group(&mut self, id: u32, status: u32, members: &[(u32, u32)]) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMGroup (id, name, creator, type, status, version, created, updated)
             VALUES ({id}, 'group {id}', 1, 2, {status}, 7, {START}, {START})"
        ));
        for (user, joined) in members {
            let joined = START + joined;
            self.sql(&format!(
                "INSERT INTO IMGroupMember (groupId, userId, status, created, updated)
                 VALUES ({id}, {user}, 0, {joined}, {joined})"
            ));
        }
        self
    }

    pub(crate) fn relation(&mut self, id: u32, small: u32, big: u32) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMRelationShip (id, smallId, bigId, created, updated)
             VALUES ({id}, {small}, {big}, {START}, {START})"
        ))
    }

    pub(crate) fn session(&mut self, user: u32, peer: u32, kind: u32, status: u32) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMRecentSession (userId, peerId, type, status, created, updated)
             VALUES ({user}, {peer}, {kind}, {status}, {START}, {START})"
        ))
    }

    pub(crate) fn audio(&mut self, id: u32, path: &str, size: u32, duration: u32) -> &mut Self {
        self.sql(&format!(
            "INSERT INTO IMAudio (id, path, size, duration) VALUES ({id}, '{path}', {size}, {duration})"
        ))
    }

    pub(crate) fn said(&mut self, relation: u32, lines: &[Line]) -> &mut Self {
        for lines in lines.chunks(500) {
            let values = lines.iter().map(|line| {
                let Line {
                    from,
                    msg_id,
                    text,
                    kind,
                    status,
                    at,
                } = line;
                let (kind, at) = (
                    if *kind == 0 { 1 } else { *kind },
                    START.saturating_add(*at),
                );
                format!("({relation}, {from}, 0, {msg_id}, '{text}', {kind}, {status}, {at}, {at})")
            });
            let values = Vec::from_iter(values).join(",");
            self.sql(&format!(
                "INSERT INTO IMMessage_{} (relateId, fromId, toId, msgId, content, type, status, updated, created)
                 VALUES {values}",
                relation % SHARDS
            ));
        }
        self
    }

    pub(crate) fn said_in(&mut self, group: u32, lines: &[Line]) -> &mut Self {
        for lines in lines.chunks(500) {
            let values = lines.iter().map(|line| {
                let Line {
                    from,
                    msg_id,
                    text,
                    kind,
                    status,
                    at,
                } = line;
                let (kind, at) = (
                    if *kind == 0 { 17 } else { *kind },
                    START.saturating_add(*at),
                );
                format!("({group}, {from}, {msg_id}, '{text}', {kind}, {status}, {at}, {at})")
            });
            let values = Vec::from_iter(values).join(",");
            self.sql(&format!(
                "INSERT INTO IMGroupMessage_{} (groupId, userId, msgId, content, type, status, updated, created)
                 VALUES {values}",
                group % SHARDS
            ));
        }
        self
    }

    pub(crate) async fn make(&mut self) {
        let sql = std::mem::take(&mut self.sql);
        let sql = format!("SET autocommit = 0; {sql} COMMIT");
        self.database.run(sql).await;
    }
}

/// So many lines of two users in turn, with the ids and at the times one expects.
pub(crate) fn lines(users: [u32; 2], count: u32) -> Vec<Line> {
    let line = |n: u32| Line::new(users[n as usize % 2], n, n, &format!("line {n}"));
    (1..=count).map(line).collect()
}
