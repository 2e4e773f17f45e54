use async_trait::async_trait;
use moka::ops::compute::Op;
use moka::sync::Cache;
use proto::ids::GroupId;

use crate::cache::{GroupCache, count};
use crate::store::GroupMembers;

/// Members of all groups together that are kept, at four bytes each.
const MEMBERS: u64 = 2_000_000;

/// Members of groups in this process.
#[derive(Clone, Debug)]
pub struct MemoryGroups {
    groups: Cache<GroupId, GroupMembers>,
}

impl Default for MemoryGroups {
    fn default() -> Self {
        let groups = Cache::builder()
            .max_capacity(MEMBERS)
            // an empty group takes room too
            .weigher(|_, group: &GroupMembers| {
                u32::try_from(group.members.len() + 32).unwrap_or(u32::MAX)
            })
            .build();
        Self { groups }
    }
}

#[async_trait]
impl GroupCache for MemoryGroups {
    async fn get(&self, wanted: &[(GroupId, u32)]) -> Vec<(GroupId, GroupMembers)> {
        let found: Vec<_> = wanted
            .iter()
            .filter_map(|(id, version)| {
                let group = self.groups.get(id)?;
                (group.version == *version).then_some((*id, group))
            })
            .collect();
        count("groups", found.len(), wanted.len());
        found
    }

    async fn put(&self, groups: &[(GroupId, GroupMembers)]) {
        for (id, group) in groups {
            self.groups.entry(*id).and_compute_with(|kept| match kept {
                Some(kept) if kept.value().version >= group.version => Op::Nop,
                _ => Op::Put(group.clone()),
            });
        }
    }
}
