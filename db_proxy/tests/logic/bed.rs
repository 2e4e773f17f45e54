use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use db_proxy::logic::group_commit::{WriterLimits, writers};
use db_proxy::logic::message::{MessageLimits, Messages, Outgoing};
use db_proxy::store::{
    GroupKind, MessageKind, NewGroup, NewUser, Profile, Store, UnixMillis, open,
};
use futures_util::future::{Either, select};
use proto::ids::{GroupId, UserId};
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) async fn store() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    (open(&url).await.unwrap(), folder)
}

/// Runs a scenario with a writer at work, three users, and group 1 of the first two.
pub(crate) async fn with_messages<F: Future<Output = ()>>(
    limits: MessageLimits,
    scenario: impl FnOnce(Messages) -> F,
) {
    let (store, _folder) = store().await;
    let users: Vec<_> = (1..=3).map(|n| new_user(&format!("user{n}"))).collect();
    store.insert_users(&users).await.unwrap();
    let group = NewGroup {
        kind: GroupKind::Normal,
        name: "group 1".to_owned(),
        avatar_url: String::new(),
        creator: None,
        members: vec![user(1), user(2)],
        groups_per_user: 100,
        request: None,
    };
    store.create_group(&group).await.unwrap().unwrap();
    let (writer, mut tasks) = writers(&store, WriterLimits::default());
    let task = tasks.remove(0);
    let messages = Messages::new(store, writer, limits);
    let work = Box::pin(task.run(std::future::pending()));
    match select(Box::pin(scenario(messages)), work).await {
        Either::Left(((), work)) => work.await,
        Either::Right(_) => panic!("the writer outlives the scenario"),
    }
}

/// A store with `user1` … `user<count>`, and a group of the first of them.
pub(crate) async fn with_group(count: usize, members: usize) -> (Arc<dyn Store>, GroupId, TempDir) {
    let (store, folder) = store().await;
    let users: Vec<_> = (1..=count).map(|n| new_user(&format!("user{n}"))).collect();
    store.insert_users(&users).await.unwrap();
    let new = NewGroup {
        kind: GroupKind::Temporary,
        name: "group".to_owned(),
        avatar_url: String::new(),
        creator: Some(user(1)),
        members: (1..=members as u32).map(user).collect(),
        groups_per_user: 100,
        request: None,
    };
    let created = store.create_group(&new).await.unwrap().unwrap();
    (store, created.group_id, folder)
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        profile: Profile {
            name: name.to_owned(),
            ..Profile::default()
        },
        password: String::new(),
    }
}

pub(crate) fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn outgoing(sender: u32, receiver: u32, body: &'static str) -> Outgoing {
    Outgoing {
        sender: user(sender),
        to: user(receiver).into(),
        kind: MessageKind(1),
        body: Bytes::from_static(body.as_bytes()),
        created_at: UnixMillis(1_000),
        client_key: None,
        references: None,
    }
}
