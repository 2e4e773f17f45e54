use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use proto::ids::{GroupId, UserId};

use super::link::{Link, Live};
use super::versioned;
use crate::cache::{GroupCache, count};
use crate::store::GroupMembers;

/// Groups of one round trip.
const CHUNK: usize = 64;

/// Members of groups in Redis.
#[derive(Clone, Debug)]
pub struct RedisGroups {
    link: Arc<Link>,
}

impl RedisGroups {
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    async fn get_some(&self, wanted: &[(GroupId, u32)]) -> Option<Vec<(GroupId, GroupMembers)>> {
        let found = self.link.ask(async |connection, live| {
            let mut get = cmd("MGET");
            for (id, _) in wanted {
                get.arg(key(&self.link, live, *id));
            }
            get.query_async::<Vec<Option<Vec<u8>>>>(connection).await
        });
        let copies = wanted.iter().zip(found.await?);
        let members = copies.filter_map(|((id, version), copy)| {
            let members = decode(&copy?)?;
            (members.version == *version).then_some((*id, members))
        });
        Some(members.collect())
    }
}

#[async_trait]
impl GroupCache for RedisGroups {
    async fn get(&self, wanted: &[(GroupId, u32)]) -> Vec<(GroupId, GroupMembers)> {
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(CHUNK) {
            let Some(some) = self.get_some(wanted).await else {
                break;
            };
            found.extend(some);
        }
        count("groups", found.len(), wanted.len());
        found
    }

    async fn put(&self, groups: &[(GroupId, GroupMembers)]) {
        for groups in groups.chunks(CHUNK) {
            let put = self.link.ask(async |connection, live| {
                let copies: Vec<_> = groups
                    .iter()
                    .map(|(id, members)| (key(&self.link, live, *id), encode(members)))
                    .collect();
                versioned::put(connection, &copies, self.link.lifetime_ms()).await
            });
            if put.await.is_none() {
                return;
            }
        }
    }
}

fn key(link: &Link, live: &Live, id: GroupId) -> String {
    link.copy_key(live, format_args!("group:{id}"))
}

/// Four bytes a member: the largest group takes some ten thousand of them.
fn encode(group: &GroupMembers) -> Vec<u8> {
    let ids = group.members.iter().map(|user| user.get().to_be_bytes());
    let contents: Vec<u8> = ids.flatten().collect();
    versioned::encode(group.version.into(), &contents)
}

/// `None` for what is no list of users in order.
fn decode(copy: &[u8]) -> Option<GroupMembers> {
    let (version, contents) = versioned::decode(copy)?;
    let (ids, rest) = contents.as_chunks::<4>();
    let members: Option<Vec<UserId>> = ids
        .iter()
        .map(|id| UserId::new(u32::from_be_bytes(*id)))
        .collect();
    let members = members?;
    (rest.is_empty() && members.is_sorted_by(|a, b| a < b)).then_some(GroupMembers {
        version: u32::try_from(version).ok()?,
        members,
    })
}
