//! What a change of members does to a group, worked out without a database: whether it is permitted, who comes or
//! goes, who is in it afterwards. Every database executes the same judgement.

use std::collections::HashSet;

use proto::ids::UserId;

use super::group_rule::room;
use super::{Direction, GroupChange, GroupInviting, GroupKind, GroupRefusal, MemberChange};

/// A group as the transaction found it.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) kind: GroupKind,
    pub(super) creator: Option<UserId>,
    pub(super) version: u32,
    /// Ascending.
    pub(super) members: Vec<UserId>,
    /// Of those, ascending, without the owner.
    pub(super) admins: Vec<UserId>,
    pub(super) inviting: GroupInviting,
    /// Most members; 0: as many as the deployment lets a group have.
    pub(super) member_limit: u32,
}

impl Membership {
    /// What the group is after the change. Those who join are still to be looked up: they have to exist.
    pub(super) fn after(&self, change: &MemberChange) -> Result<GroupChange, GroupRefusal> {
        if !self.permits(change) {
            return Err(GroupRefusal::NotPermitted);
        }
        let leaves = change.direction == Direction::Leave;
        let changed: Vec<UserId> = change
            .users
            .iter()
            .copied()
            .filter(|user| self.has(*user) == leaves)
            .collect();
        if changed.is_empty() {
            return Err(GroupRefusal::NothingToChange);
        }
        let members = match change.direction {
            Direction::Join => self.with(&changed),
            Direction::Leave => self.without(&changed),
        };
        if !leaves && members.len() > room(self.member_limit, change.limit) {
            return Err(GroupRefusal::TooManyMembers);
        }
        Ok(GroupChange {
            group_id: change.group_id,
            version: self
                .version
                .checked_add(1)
                .ok_or(GroupRefusal::VersionsUsedUp)?,
            changed,
            members,
            inherited: None,
        })
    }

    /// The system and the creator may do anything; admins bring in others and send members away who are none; members bring
    /// in others where members invite.
    fn permits(&self, change: &MemberChange) -> bool {
        let Some(actor) = change.actor else {
            return true;
        };
        if self.creator == Some(actor) {
            return true;
        }
        let is_admin = self.is_admin(actor);
        match change.direction {
            Direction::Join => {
                is_admin || (self.inviting == GroupInviting::Members && self.has(actor))
            }
            Direction::Leave => {
                let is_above = |user: &UserId| self.creator == Some(*user) || self.is_admin(*user);
                is_admin && !change.users.iter().any(is_above)
            }
        }
    }

    fn is_admin(&self, user: UserId) -> bool {
        self.admins.binary_search(&user).is_ok()
    }

    /// Whether somebody else has to become the owner when these have left.
    pub(super) fn loses_owner(&self, changed: &GroupChange) -> bool {
        let gone =
            |owner: UserId| self.has(owner) && changed.members.binary_search(&owner).is_err();
        !changed.members.is_empty() && self.creator.is_some_and(gone)
    }

    fn has(&self, user: UserId) -> bool {
        self.members.binary_search(&user).is_ok()
    }

    fn with(&self, joining: &[UserId]) -> Vec<UserId> {
        let mut members = [&self.members[..], joining].concat();
        members.sort_unstable();
        members
    }

    fn without(&self, leaving: &[UserId]) -> Vec<UserId> {
        let leaving: HashSet<UserId> = leaving.iter().copied().collect();
        let stays = |user: &UserId| !leaving.contains(user);
        self.members.iter().copied().filter(stays).collect()
    }
}

#[cfg(test)]
mod tests {
    use proto::ids::GroupId;

    use super::*;

    fn users(ids: &[u32]) -> Vec<UserId> {
        ids.iter().map(|id| UserId::new(*id).unwrap()).collect()
    }

    /// User 1 made it; 2 and 3 are in it.
    fn group(kind: GroupKind) -> Membership {
        Membership {
            kind,
            creator: UserId::new(1),
            version: 7,
            members: users(&[2, 3]),
            admins: Vec::new(),
            inviting: GroupInviting::from_number(0, kind).unwrap(),
            member_limit: 0,
        }
    }

    fn change(actor: u32, direction: Direction, ids: &[u32]) -> MemberChange {
        MemberChange {
            group_id: GroupId::new(9).unwrap(),
            actor: UserId::new(actor),
            direction,
            users: users(ids),
            limit: 4,
            groups_per_user: usize::MAX,
            request: None,
        }
    }

    #[test]
    fn who_is_inside_or_outside_already_is_passed_over() {
        let group = group(GroupKind::Temporary);
        let joined = group.after(&change(1, Direction::Join, &[1, 2, 4]));
        let joined = joined.unwrap();
        assert_eq!(joined.version, 8);
        assert_eq!(joined.changed, users(&[1, 4]));
        assert_eq!(joined.members, users(&[1, 2, 3, 4]));
        let left = group.after(&change(1, Direction::Leave, &[1, 2, 3, 4]));
        assert_eq!(left.clone().unwrap().changed, users(&[2, 3]));
        assert!(left.unwrap().members.is_empty());

        let nobody = Err(GroupRefusal::NothingToChange);
        assert_eq!(group.after(&change(1, Direction::Join, &[2, 3])), nobody);
        assert_eq!(group.after(&change(1, Direction::Leave, &[4])), nobody);
    }

    /// D-47: somebody who is not in a group changes nothing about it.
    #[test]
    fn the_system_and_the_creator_do_anything_and_members_bring_in_others() {
        use Direction::{Join, Leave};
        use GroupKind::{Normal, Temporary};

        let permitted = |kind, actor, direction| {
            let ids = if direction == Join { [4] } else { [2] };
            group(kind).after(&change(actor, direction, &ids)).is_ok()
        };
        for (actor, expected) in [
            (0, [true, true, true, true]),
            (1, [true, true, true, true]),
            (2, [true, false, false, false]),
            (4, [false, false, false, false]),
        ] {
            let kinds = [Temporary, Normal];
            let found = kinds.map(|kind| [Join, Leave].map(|way| permitted(kind, actor, way)));
            assert_eq!(found.concat(), expected, "user {actor}");
        }
    }

    #[test]
    fn a_group_has_an_end() {
        let mut group = group(GroupKind::Normal);
        let refused = group.after(&change(0, Direction::Join, &[4, 5, 6]));
        assert_eq!(refused, Err(GroupRefusal::TooManyMembers));
        assert!(group.after(&change(0, Direction::Join, &[4, 5])).is_ok());
        group.version = u32::MAX;
        let refused = group.after(&change(0, Direction::Join, &[4]));
        assert_eq!(refused, Err(GroupRefusal::VersionsUsedUp));
    }
}
