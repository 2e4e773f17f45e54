use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisResult, cmd};
use proto::ids::UserId;
use serde::{Deserialize, Serialize};

use super::link::{Link, Live, Trouble};
use super::undelivered::Change;
use super::versioned;
use crate::cache::{UserCache, count};
use crate::store::{Profile, UnixMillis, User, UserStatus};

/// Copies of one round trip.
const CHUNK: usize = 256;

/// Profiles in Redis.
#[derive(Clone, Debug)]
pub struct RedisUsers {
    link: Arc<Link>,
}

impl RedisUsers {
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Tells Redis of a change, and remembers it until that is done. Whoever stops waiting here has left it noted.
    async fn tell(&self, changes: Vec<(UserId, Change)>) {
        let undelivered = &self.link.undelivered;
        let noted = changes.into_iter().map(|(id, change)| {
            let number = undelivered.note(id, change.clone(), self.link.settings.lifetime);
            (id, number, change)
        });
        let noted: Vec<_> = noted.collect();
        let asked = self
            .link
            .ask(async |connection, live| deliver_on(&self.link, connection, live, &noted).await);
        if asked.await.is_some() {
            delivered(&self.link, &noted);
        }
    }
}

#[async_trait]
impl UserCache for RedisUsers {
    async fn get(&self, ids: &[UserId]) -> Vec<User> {
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut users = Vec::with_capacity(distinct.len());
        for ids in self.link.undelivered.trusted(&distinct).chunks(CHUNK) {
            let Some(found) = self.get_some(ids).await else {
                break;
            };
            users.extend(found);
        }
        // a change that was noted while Redis was asked
        let trusted = self.link.undelivered.trusted(&distinct);
        users.retain(|user| trusted.binary_search(&user.id).is_ok());
        count("users", users.len(), distinct.len());
        users
    }

    async fn put(&self, users: &[User]) {
        for users in users.chunks(CHUNK) {
            let put = self.link.ask(async |connection, live| {
                put(&self.link, connection, live, users.iter()).await
            });
            if put.await.is_none() {
                return;
            }
        }
    }

    async fn changed(&self, user: &User) {
        let change = Change::To(Box::new(user.clone()));
        self.tell(vec![(user.id, change)]).await;
    }

    async fn invalidate(&self, ids: &[UserId]) {
        let changes = ids.iter().map(|id| (*id, Change::Unknown)).collect();
        self.tell(changes).await;
    }
}

impl RedisUsers {
    async fn get_some(&self, ids: &[UserId]) -> Option<Vec<User>> {
        let found = self.link.ask(async |connection, live| {
            let mut get = cmd("MGET");
            for id in ids {
                get.arg(key(&self.link, live, *id));
            }
            let found: Vec<Option<Vec<u8>>> = get.query_async(connection).await?;
            Ok(found)
        });
        let found = found.await?;
        let copies = ids.iter().zip(found);
        Some(
            copies
                .filter_map(|(id, copy)| decode(&copy?).filter(|user| user.id == *id))
                .collect(),
        )
    }
}

/// Delivers changes before anybody asks on this connection.
pub(super) async fn deliver(
    link: &Link,
    live: &Live,
    changes: &[(UserId, u64, Change)],
) -> Result<(), Trouble> {
    link.ask_on(live, async |connection, live| {
        deliver_on(link, connection, live, changes).await
    })
    .await?;
    delivered(link, changes);
    Ok(())
}

/// Redis has taken note of these.
pub(super) fn delivered(link: &Link, changes: &[(UserId, u64, Change)]) {
    for (id, number, _) in changes {
        link.undelivered.done(*id, *number);
    }
}

pub(super) async fn deliver_on(
    link: &Link,
    connection: &mut MultiplexedConnection,
    live: &Live,
    changes: &[(UserId, u64, Change)],
) -> RedisResult<()> {
    let mut users = Vec::new();
    let mut unknown = Vec::new();
    for (id, _, change) in changes {
        match change {
            Change::To(user) => users.push(&**user),
            Change::Unknown => unknown.push(key(link, live, *id)),
        }
    }
    if !unknown.is_empty() {
        versioned::bar(connection, &unknown).await?;
    }
    put(link, connection, live, users).await
}

async fn put<'a>(
    link: &Link,
    connection: &mut MultiplexedConnection,
    live: &Live,
    users: impl IntoIterator<Item = &'a User>,
) -> RedisResult<()> {
    let copies: Vec<_> = users
        .into_iter()
        .filter_map(|user| Some((key(link, live, user.id), encode(user)?)))
        .collect();
    if copies.is_empty() {
        return Ok(());
    }
    versioned::put(connection, &copies, link.lifetime_ms()).await
}

fn key(link: &Link, live: &Live, id: UserId) -> String {
    link.copy_key(live, format_args!("user:{id}"))
}

/// A user as Redis has him.
#[derive(Serialize, Deserialize)]
struct Copy {
    id: u32,
    name: String,
    gender: u32,
    nick_name: String,
    real_name: String,
    avatar_url: String,
    department_id: u32,
    email: String,
    tel: String,
    domain: String,
    status: u32,
    sign_info: String,
}

fn encode(user: &User) -> Option<Vec<u8>> {
    let profile = user.profile.clone();
    let copy = Copy {
        id: user.id.get(),
        name: profile.name,
        gender: profile.gender,
        nick_name: profile.nick_name,
        real_name: profile.real_name,
        avatar_url: profile.avatar_url,
        department_id: profile.department_id,
        email: profile.email,
        tel: profile.tel,
        domain: profile.domain,
        status: profile.status.0,
        sign_info: profile.sign_info,
    };
    let version = u64::try_from(user.updated_at.0).ok()?;
    Some(versioned::encode(version, &serde_json::to_vec(&copy).ok()?))
}

fn decode(copy: &[u8]) -> Option<User> {
    let (version, contents) = versioned::decode(copy)?;
    let copy: Copy = serde_json::from_slice(contents).ok()?;
    Some(User {
        id: UserId::new(copy.id)?,
        updated_at: UnixMillis(i64::try_from(version).ok()?),
        profile: Profile {
            name: copy.name,
            gender: copy.gender,
            nick_name: copy.nick_name,
            real_name: copy.real_name,
            avatar_url: copy.avatar_url,
            department_id: copy.department_id,
            email: copy.email,
            tel: copy.tel,
            domain: copy.domain,
            status: UserStatus(copy.status),
            sign_info: copy.sign_info,
        },
    })
}
