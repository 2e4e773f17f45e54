use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db_proxy::store::{
    AppendRefusal, BackupError, ClientKey, ContactChanges, ContactStep, ContactWish, Conversation,
    Device, GroupBounds, GroupInviting, GroupJoining, GroupKind, GroupSettings, GroupStep,
    GroupWish, Inserted, Invite, MemberSettings, MessageKind, MessagePolicy, NewDepartment,
    NewGroup, NewMessage, NewRevision, NewUser, OpenError, PageLimit, Profile, ReadMark,
    References, RequestKey, ResumeLook, ResumeToken, ResumeWrite, Revised, Store, Table,
    UnixMillis, open, open_archive, open_archive_alone,
};
use db_proxy::transfer::{Reason, StoreSource, TransferError, copy};
use proto::device::DeviceType;
use proto::ids::{GroupId, MessageId, UserId};
use sqlx::{ConnectOptions, Row};

use crate::bed::{Database, Files, Unwatched, dump, transfer};

const ALL: PageLimit = PageLimit {
    rows: usize::MAX,
    bytes: usize::MAX,
};

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn message(conversation: Conversation, sender: u32, text: &str, key: &[u8]) -> NewMessage {
    let group = matches!(conversation, Conversation::Group(_));
    NewMessage {
        conversation,
        sender: user(sender),
        kind: MessageKind(if group { 0x11 } else { 1 }),
        body: Bytes::from(text.to_owned()),
        created_at: UnixMillis(1_600_000_000_000),
        client_key: ClientKey::explicit(key),
        policy: MessagePolicy::Everyone,
        references: None,
    }
}

fn ask(greeting: &str) -> ContactStep {
    ContactStep::Ask {
        greeting: greeting.to_owned(),
    }
}

/// A store with something in every table; the group in it.
async fn fill(store: &dyn Store) -> GroupId {
    let people = (1..=3000).map(|n| NewUser {
        profile: Profile {
            name: format!("user{n}"),
            nick_name: "名前 🦀".to_owned(),
            ..Profile::default()
        },
        password: "$argon2id$x".to_owned(),
    });
    let people = store.insert_users(&Vec::from_iter(people)).await.unwrap();
    assert_eq!(people[0], Inserted::Created(user(1)));
    let department = NewDepartment {
        name: "Sales".to_owned(),
        parent: db_proxy::store::DepartmentId(0),
        priority: 3,
    };
    let removed = store.insert_department(&department).await.unwrap();
    store.insert_department(&department).await.unwrap();
    store.remove_department(removed).await.unwrap();
    let new = NewGroup {
        kind: GroupKind::Temporary,
        name: "trip".to_owned(),
        avatar_url: "a".to_owned(),
        creator: Some(user(1)),
        members: [1, 2, 3].map(user).into(),
        groups_per_user: 10,
        request: RequestKey::of_creation(Some(user(1)), b"key"),
    };
    let group = store.create_group(&new).await.unwrap().unwrap().group_id;
    store.mute_group(user(2), group, true).await.unwrap();
    let pair = Conversation::between(user(1), user(2)).unwrap();
    let mut batch = Vec::new();
    for n in 1..=2_600 {
        batch.push(message(
            pair,
            1 + n % 2,
            &format!("line {n}"),
            &n.to_be_bytes(),
        ));
        let other = Conversation::between(user(3), user(10 + n)).unwrap();
        batch.push(message(other, 3, "hello", b""));
    }
    let in_group = message(Conversation::Group(group), 1, "all", b"g");
    batch.push(in_group.clone());
    batch.push(NewMessage {
        references: References::new(vec![user(3), user(2)], true, MessageId::new(1)),
        client_key: None,
        ..in_group
    });
    store.append(&batch).await.unwrap();
    let mark = ReadMark {
        user: user(2),
        conversation: pair,
        up_to: MessageId::new(1_000).unwrap(),
        shown: false,
    };
    store.mark_read(&[mark]).await.unwrap();
    let hidden = Conversation::between(user(3), user(11)).unwrap();
    store.hide(user(3), hidden).await.unwrap();
    for token in ["token-a", "token-b"] {
        let device = Device {
            user: user(1),
            device_type: DeviceType::parse(0x12).unwrap(),
            token: token.to_owned(),
        };
        store.register_device(&device).await.unwrap();
    }
    store.set_push_shield(user(1), true).await.unwrap();
    for (id, to) in [(4, Revised::Recalled), (6, Revised::Edited("six".into()))] {
        let revision = NewRevision {
            conversation: pair,
            id: MessageId::new(id).unwrap(),
            by: user(1),
            to,
            within: Duration::from_secs(3_600),
        };
        store.revise(&revision).await.unwrap().unwrap();
    }
    for (code, expires_at) in [(1, None), (255, Some(UnixMillis(5)))] {
        let invite = Invite {
            code: [code; 32],
            created_at: UnixMillis(4),
            expires_at,
            uses_left: u32::from(code),
            note: "für 名前".to_owned(),
        };
        store.add_invite(&invite).await.unwrap();
    }
    for (from, to, step) in [
        (1, 2, ask("hello 🦀")),
        (2, 1, ContactStep::Accept),
        (3, 1, ask("it is me")),
        (2, 3, ContactStep::Block),
    ] {
        let wish = ContactWish {
            user: user(from),
            other: user(to),
            step,
            most: 9,
        };
        store.take_step(&wish).await.unwrap().unwrap();
    }
    run_group(store, group).await;
    group
}

/// Everything that members say of their group, and somebody who waits to come in.
async fn run_group(store: &dyn Store, group: GroupId) {
    let settings = GroupSettings {
        announcement: Some("für 名前".to_owned()),
        joining: Some(GroupJoining::Approval),
        inviting: Some(GroupInviting::Admins),
        member_limit: Some(5_000),
        muted: Some(Duration::from_secs(3_600)),
        ..GroupSettings::default()
    };
    let member = MemberSettings {
        admin: Some(true),
        nickname: Some("🦀".to_owned()),
        muted: Some(Duration::from_secs(60)),
    };
    for (by, step) in [
        (1, GroupStep::Set(settings)),
        (
            1,
            GroupStep::SetMember {
                member: user(2),
                settings: member,
            },
        ),
        (
            2_999,
            GroupStep::Join {
                greeting: "bitte 🦀".to_owned(),
            },
        ),
    ] {
        let wish = GroupWish {
            user: user(by),
            group,
            step,
            bounds: GroupBounds::default(),
            request: None,
        };
        store.take_group_step(&wish).await.unwrap().unwrap();
    }
}

async fn migrate(from: &str, to: &str) {
    let from = open_archive(from, None).await.unwrap();
    let to = open_archive(to, None).await.unwrap();
    let mut source = StoreSource::new(Arc::clone(&from)).await.unwrap();
    let (_, verdict) = transfer(&mut source, &*to).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert!(dump(&*from).await == dump(&*to).await);
    assert_eq!(from.epoch().await.unwrap(), to.epoch().await.unwrap());
    for archive in [from, to] {
        archive.close().await;
    }
}

/// What a user of the store sees in the one he sees in the other.
async fn compare(a: &dyn Store, b: &dyn Store, group: GroupId) {
    let pair = Conversation::between(user(1), user(2)).unwrap();
    for reader in [1, 2, 3].map(user) {
        let (one, other) = (
            a.recent(reader, 0, ALL).await,
            b.recent(reader, 0, ALL).await,
        );
        let list = |recent: Vec<db_proxy::store::RecentConversation>| {
            let entries = recent.into_iter().map(|entry| (entry.with, entry.latest));
            BTreeMap::from_iter(entries)
        };
        assert_eq!(list(one.unwrap()), list(other.unwrap()));
        let (one, other) = (a.unread(reader, ALL).await, b.unread(reader, ALL).await);
        assert_eq!(one.unwrap().total, other.unwrap().total);
    }
    let history = async |store: &dyn Store| store.history(user(1), pair, None, ALL).await.unwrap();
    assert_eq!(history(a).await, history(b).await);
    let groups = async |store: &dyn Store| store.groups(Some(user(2)), &[group]).await.unwrap();
    assert_eq!(groups(a).await, groups(b).await);
    assert!(groups(b).await[0].muted);
    let run = async |store: &dyn Store| {
        let view = store.group_view(user(1), group, UnixMillis(0)).await;
        let roll = store.group_roll(group, None, 9).await.unwrap();
        let asks = store.group_requests(user(1), UnixMillis(0), None, 9).await;
        (view.unwrap().unwrap(), roll, asks.unwrap())
    };
    assert_eq!(run(a).await, run(b).await);
    let (view, roll, asks) = run(b).await;
    assert!(view.details.announcement.is_some() && view.details.muted_until.is_some());
    assert_eq!((roll[1].nickname.as_str(), asks.len()), ("🦀", 1));
    let devices = async |store: &dyn Store| store.devices(&[user(1)]).await.unwrap();
    assert_eq!(devices(a).await, devices(b).await);
    assert_eq!(b.push_shield(user(1)).await.unwrap(), Some(true));
    let contacts = async |store: &dyn Store| {
        let all = ContactChanges {
            since: UnixMillis(i64::MIN),
            after: None,
            limit: 9,
        };
        store.changed_contacts(user(1), &all).await.unwrap()
    };
    assert_eq!(contacts(a).await, contacts(b).await);
    assert_eq!(contacts(b).await.len(), 2);
    let friendly = |from, to| NewMessage {
        policy: MessagePolicy::Friends,
        ..message(
            Conversation::between(user(from), user(to)).unwrap(),
            from,
            "?",
            b"f",
        )
    };
    let outcomes = b.append(&[friendly(3, 11)]).await.unwrap();
    assert_eq!(outcomes[0], Err(AppendRefusal::NotFriends));
    // a resend is known, a new message follows, a new user gets the next id
    let again = message(pair, 2, "line 1", &1u32.to_be_bytes());
    let next = NewMessage {
        policy: MessagePolicy::Friends,
        ..message(pair, 1, "next", b"next")
    };
    let outcomes = b.append(&[again, next]).await.unwrap();
    assert!(outcomes[0].unwrap().duplicate);
    assert_eq!(outcomes[1].unwrap().message_id.get(), 2_601);
    let new = NewUser {
        profile: Profile {
            name: "newcomer".to_owned(),
            ..Profile::default()
        },
        password: String::new(),
    };
    let inserted = b.insert_users(&[new]).await.unwrap();
    assert_eq!(inserted, [Inserted::Created(user(3_001))]);
}

#[tokio::test]
async fn a_copy_of_a_sqlite_store_is_the_store() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("folder/b.db"));
    let store = open(&from).await.unwrap();
    let group = fill(&*store).await;
    migrate(&from, &to).await;
    compare(&*store, &*open(&to).await.unwrap(), group).await;
}

#[tokio::test]
async fn there_and_back_again() {
    let Some(server) = Database::unmade() else {
        return;
    };
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    let store = open(&from).await.unwrap();
    let group = fill(&*store).await;
    migrate(&from, &server.url()).await;
    migrate(&server.url(), &to).await;
    compare(&*store, &*open(&to).await.unwrap(), group).await;
    compare(&*store, &*open(&server.url()).await.unwrap(), group).await;
}

/// Why a second one does not move it.
async fn second(url: &str) -> Option<OpenError> {
    match open_archive_alone(url, None).await {
        Err(BackupError::Open(error)) => Some(error),
        _ => None,
    }
}

#[tokio::test]
async fn who_moves_a_database_has_nobody_beside_him() {
    let Some(database) = Database::unmade() else {
        return;
    };
    let url = database.url();
    let store = open(&url).await.unwrap();
    fill(&*store).await;
    match open_archive_alone(&url, None).await {
        Err(BackupError::Open(error @ OpenError::InUse { .. })) => {
            assert!(error.to_string().contains("stop every db_proxy"), "{error}");
        }
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("not refused"),
    }

    // Whoever uses no connection at that moment gets none any more.
    database.hang_up().await;
    let archive = open_archive_alone(&url, None).await.unwrap();
    assert!(!dump(&*archive).await.is_empty());
    assert!(store.store_epoch().await.unwrap_err().is_retryable());
    for refused in [open(&url).await.err(), second(&url).await] {
        assert!(
            matches!(refused, Some(OpenError::Moving { .. })),
            "{refused:?}"
        );
    }
    archive.close().await;
    drop(archive);
    while store.store_epoch().await.is_err() {}
}

#[tokio::test]
async fn a_store_in_use_takes_nothing() {
    let files = Files::new();
    for name in ["a.db", "b.db"] {
        let store = open(&files.url(name)).await.unwrap();
        fill(&*store).await;
    }
    let from = files.archive("a.db").await;
    let mut source = StoreSource::new(from).await.unwrap();
    let to = files.archive("b.db").await;
    let before = dump(&*to).await;
    let refused = copy(&mut source, &*to, &Unwatched).await.unwrap_err();
    assert!(
        matches!(refused, TransferError::Occupied { what: "users" }),
        "{refused}"
    );
    assert!(dump(&*to).await == before);
}

/// Whoever adds a column or a table has to say here what becomes of it.
#[tokio::test]
async fn every_table_and_column_moves_or_is_named() {
    const STAYS: [&str; 4] = ["meta", "_sqlx_migrations", "transfer", "sessions_resume"];
    let files = Files::new();
    let store = open(&files.url("a.db")).await.unwrap();
    store.count_users().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(files.path("a.db"));
    let mut connection = options.connect().await.unwrap();
    let found = sqlx::query(
        "SELECT t.name AS of_table, c.name AS name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
    );
    let found = found.fetch_all(&mut connection).await.unwrap();
    let moves: Vec<(&str, &str)> = Table::ALL.iter().flat_map(|table| table.moved()).collect();
    for column in &found {
        let (table, name): (&str, &str) = (column.get("of_table"), column.get("name"));
        // its row number and its kind are made anew; the others name it by its parties
        let derived = matches!(
            (table, name),
            ("conversations", "id" | "kind")
                | (
                    "participants" | "messages" | "message_revisions" | "message_references",
                    "conversation_id"
                )
        );
        assert!(
            derived || STAYS.contains(&table) || moves.contains(&(table, name)),
            "{table}.{name} does not move"
        );
    }
}

/// The counter of ids is told exactly, though the last rows are gone; what is only spoken of is not given again either.
#[tokio::test]
async fn ids_that_were_given_are_not_given_again() {
    let (Some(server), Some(teamtalk)) = (Database::unmade(), Database::made().await) else {
        return;
    };
    let files = Files::new();
    let store = open(&server.url()).await.unwrap();
    let person = |name: &str| NewUser {
        profile: Profile {
            name: name.to_owned(),
            ..Profile::default()
        },
        password: String::new(),
    };
    let people = ["a", "b", "c"].map(person);
    store.insert_users(&people).await.unwrap();
    server.run("DELETE FROM users WHERE id > 1").await;
    migrate(&server.url(), &files.url("t.db")).await;
    let moved = open(&files.url("t.db")).await.unwrap();
    let next = moved.insert_users(&[person("d")]).await.unwrap();
    assert_eq!(next, [Inserted::Created(user(4))]);

    crate::teamtalk::Builder::new(&teamtalk)
        .user(1, "anna")
        .user(9, "bert")
        .user(u32::MAX, "nobody")
        .sql("DELETE FROM IMUser WHERE id = 9")
        .relation(1, 1, 20)
        .make()
        .await;
    let target = files.archive("i.db").await;
    let mut source = crate::bed::teamtalk(&teamtalk, &files).await;
    let (note, verdict) = transfer(&mut source, &*target).await.unwrap();
    assert!(verdict.passed(), "{verdict:#?}");
    assert_eq!(note.report.findings[&Reason::UserId].count, 1);
    target.close().await;
    let moved = open(&files.url("i.db")).await.unwrap();
    let next = moved.insert_users(&[person("d")]).await.unwrap();
    assert_eq!(next, [Inserted::Created(user(21))]);
}

#[tokio::test]
async fn a_new_epoch_ends_all_resume_tokens() {
    let files = Files::new();
    let mut urls = vec![files.url("a.db")];
    let server = Database::unmade();
    urls.extend(server.as_ref().map(Database::url));
    for url in urls {
        let store = open(&url).await.unwrap();
        let token = |number| ResumeToken {
            hash: [number; 32],
            user: user(1),
            device_type: DeviceType::parse(1).unwrap(),
            created_at: UnixMillis(0),
            expires_at: UnixMillis(i64::MAX),
        };
        let anna = NewUser {
            profile: Profile::default(),
            password: String::new(),
        };
        store.insert_users(&[anna]).await.unwrap();
        let given = ResumeWrite {
            new: token(1),
            shown: None,
        };
        store.write_resumes(&[given], &|_| true).await.unwrap();
        let phone = DeviceType::parse(1).unwrap();
        let held = async || {
            let look = ResumeLook {
                hash: [1; 32],
                user: user(1),
                device_type: phone,
                at: UnixMillis(1),
            };
            store.good_resumes(&[look]).await.unwrap() == [true]
        };
        assert!(held().await, "{url}");
        let archive = open_archive(&url, None).await.unwrap();
        archive.set_epoch(7).await.unwrap();
        assert_eq!(store.store_epoch().await.unwrap(), 7);
        assert!(!held().await, "{url}");
        archive.close().await;
    }
}
