//! The rules for users, departments, groups and their members: what is carried, what is mended first, what is left.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::{GROUP_TEXT, Renamed, TEXT, fit};
use super::raw::{RawDepartment, RawGroup, RawMember, RawUser};
use crate::store::{GroupKind, Row, UnixMillis, UserStatus};
use crate::transfer::{Origin, Reason, Report};

/// What the rules look up: who and what is carried.
#[derive(Debug, Default)]
pub struct Known {
    /// Nothing is later than this.
    pub(super) now: UnixMillis,
    pub(super) users: HashSet<u32>,
    /// Who is no user any more, but whose messages are carried.
    pub(super) gone: BTreeSet<u32>,
    pub(super) departments: HashSet<u32>,
    /// With the time at which each was made.
    pub(super) groups: BTreeMap<u32, UnixMillis>,
    pub(super) renamed: Renamed,
}

/// Somebody who is in a group, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: u32,
    pub joined: UnixMillis,
}

/// Behind it there has to be room for new ids: nobody counts up to there, but somebody may have typed it.
pub(super) const LAST_ID: u32 = 4_000_000_000;

/// An id that the wire can carry and that is not "none".
pub(super) fn id(raw: i64) -> Option<u32> {
    u32::try_from(raw)
        .ok()
        .filter(|id| (1..=LAST_ID).contains(id))
}

impl Known {
    pub(super) fn at(now: UnixMillis) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Seconds as a time, and whether it had to be brought back from the future.
    pub(super) fn time(&self, seconds: i64) -> (UnixMillis, bool) {
        let time = UnixMillis(seconds.max(0).saturating_mul(1000));
        (time.min(self.now), time > self.now)
    }

    /// Whether messages of that user are carried.
    pub(super) fn has_writer(&self, raw: i64) -> bool {
        id(raw).is_some_and(|id| self.users.contains(&id) || self.gone.contains(&id))
    }

    /// Somebody wrote, who has to be there for it: `false` if his id is none.
    pub(super) fn wrote(&mut self, raw: i64) -> bool {
        let Some(id) = id(raw) else { return false };
        if !self.users.contains(&id) {
            self.gone.insert(id);
        }
        true
    }

    /// The rows of those who are no users any more: nobody logs in as one, and clients do not list them.
    pub(super) fn gone(&self, report: &mut Report) -> Vec<Row> {
        let rows = self.gone.iter().map(|id| {
            report.find(Reason::UserGone, || format!("user {id}"));
            let raw = RawUser {
                id: (*id).into(),
                name: gone_name(*id),
                status: UserStatus::LEFT.0.into(),
                ..RawUser::default()
            };
            // not one of the rows there are to account for, nor one whose password anybody misses
            self.user(raw, &mut Report::default())
        });
        rows.flatten().collect()
    }

    /// The row of a user; `None` if he is left.
    pub fn user(&self, raw: RawUser, report: &mut Report) -> Option<Row> {
        let Some(id) = id(raw.id) else {
            report.find(Reason::UserId, || format!("id {}", raw.id));
            return None;
        };
        let name = self.name(id, &raw.name, report);
        let password = password(&raw.password, &raw.salt);
        if password.is_none() {
            report.find(Reason::UserPassword, || format!("user {id}"));
        }
        let mut department = super::people::id(raw.department).unwrap_or(0);
        if raw.department != 0 && !self.departments.contains(&department) {
            report.find(Reason::UserDepartment, || {
                format!("user {id}: department {}", raw.department)
            });
            department = 0;
        }
        let (created, _) = self.time(raw.created);
        let (updated, late) = self.time(raw.updated);
        if late {
            report.find(Reason::UserTime, || format!("user {id}"));
        }
        let mut status = raw.status;
        if status < 0 {
            report.find(Reason::UserStatus, || format!("user {id}"));
            status = UserStatus::LEFT.0.into();
        }
        let mut too_long = false;
        let mut fit = |text: String| fit(text, TEXT, &mut too_long);
        let [nick, real_name, avatar] =
            [raw.nick, raw.name.trim().to_owned(), raw.avatar].map(&mut fit);
        let [email, phone, domain, sign_info] =
            [raw.email, raw.phone, raw.domain, raw.sign_info].map(&mut fit);
        if too_long {
            report.find(Reason::UserText, || format!("user {id}"));
        }
        report.carry(Origin::Users, 1);
        Some(vec![
            id.into(),
            name.into(),
            password.unwrap_or_default().into(),
            raw.sex.clamp(0, 2).into(),
            nick.into(),
            real_name.into(),
            avatar.into(),
            department.into(),
            email.into(),
            phone.into(),
            domain.into(),
            status.min(u32::MAX.into()).into(),
            sign_info.into(),
            i64::from(raw.push_shield != 0).into(),
            created.0.into(),
            updated.0.into(),
        ])
    }

    fn name(&self, id: u32, name: &str, report: &mut Report) -> String {
        if let Some(new) = self.renamed.doubled.get(&id) {
            report.find(Reason::UserRenamed, || {
                format!("user {id}: {name:?} is {new:?} now")
            });
            return new.clone();
        }
        if let Some(new) = self.renamed.mended.get(&id) {
            report.find(Reason::UserName, || {
                format!("user {id}: {name:?} is {new:?} now")
            });
            return new.clone();
        }
        name.to_owned()
    }

    /// The rows of all departments.
    pub fn departments(&self, raw: Vec<RawDepartment>, report: &mut Report) -> Vec<Row> {
        let parents = raw.iter().filter_map(|one| Some((id(one.id)?, one.parent)));
        let parents: HashMap<u32, i64> = parents.collect();
        let rows = raw.into_iter().filter_map(|raw| {
            let id = department_id(&raw).map_err(|reason| {
                report.find(reason, || format!("department {}", raw.id));
            });
            let id = id.ok()?;
            let mut name = raw.name.trim().to_owned();
            if name.is_empty() {
                name = format!("department {id}");
                report.find(Reason::DepartmentName, || name.clone());
            }
            let mut too_long = false;
            name = fit(name, TEXT, &mut too_long);
            if too_long {
                report.find(Reason::DepartmentText, || format!("department {id}"));
            }
            let mut parent = super::people::id(raw.parent).unwrap_or(0);
            if raw.parent != 0
                && (!self.departments.contains(&parent) || is_in_a_ring(id, &parents))
            {
                report.find(Reason::DepartmentParent, || {
                    format!("department {id} below {}", raw.parent)
                });
                parent = 0;
            }
            let (created, _) = self.time(raw.created);
            let (updated, late) = self.time(raw.updated);
            if late {
                report.find(Reason::DepartmentTime, || format!("department {id}"));
            }
            report.carry(Origin::Departments, 1);
            Some(vec![
                id.into(),
                name.into(),
                parent.into(),
                raw.priority.clamp(0, u32::MAX.into()).into(),
                raw.status.into(),
                created.0.into(),
                updated.0.into(),
            ])
        });
        rows.collect()
    }

    /// The row of a group; `None` if it is left.
    pub fn group(&self, raw: RawGroup, report: &mut Report) -> Option<Row> {
        let id = match group_id(&raw) {
            Ok(id) => id,
            Err(reason) => {
                report.find(reason, || format!("group {}", raw.id));
                return None;
            }
        };
        let mut name = raw.name;
        if name.trim().is_empty() {
            name = format!("group {id}");
            report.find(Reason::GroupName, || name.clone());
        }
        let mut too_long = false;
        let [name, avatar] = [name, raw.avatar].map(|text| fit(text, GROUP_TEXT, &mut too_long));
        if too_long {
            report.find(Reason::GroupText, || format!("group {id}"));
        }
        let kind = GroupKind::from_number(raw.kind).unwrap_or_else(|| {
            report.find(Reason::GroupKind, || {
                format!("group {id}: type {}", raw.kind)
            });
            GroupKind::Temporary
        });
        let mut creator = super::people::id(raw.creator).unwrap_or(0);
        if raw.creator != 0 && !self.users.contains(&creator) {
            report.find(Reason::GroupCreator, || {
                format!("group {id}: creator {}", raw.creator)
            });
            creator = 0;
        }
        let (created, _) = self.time(raw.created);
        let (updated, late) = self.time(raw.updated);
        if late {
            report.find(Reason::GroupTime, || format!("group {id}"));
        }
        report.carry(Origin::Groups, 1);
        Some(vec![
            id.into(),
            kind.number().into(),
            name.into(),
            avatar.into(),
            creator.into(),
            0i64.into(),
            raw.version.clamp(1, u32::MAX.into()).into(),
            created.0.into(),
            updated.0.into(),
            // as nobody has set anything
            String::new().into(),
            0i64.into(),
            0i64.into(),
            0i64.into(),
            0i64.into(),
            0i64.into(),
            0i64.into(),
        ])
    }

    /// Who is in a group, by id.
    pub fn members(&self, group: u32, raw: &[RawMember], report: &mut Report) -> Vec<Member> {
        let mut members: BTreeMap<u32, UnixMillis> = BTreeMap::new();
        for raw in raw {
            let example = || format!("user {} in group {group}", raw.user);
            let Some(user) = id(raw.user).filter(|user| self.users.contains(user)) else {
                report.find(Reason::MemberUser, example);
                continue;
            };
            if raw.status != 0 {
                report.find(Reason::MemberLeft, example);
                continue;
            }
            let (joined, _) = self.time(raw.updated);
            match members.get_mut(&user) {
                None => {
                    members.insert(user, joined);
                    report.carry(Origin::Members, 1);
                }
                Some(first) => {
                    // of two moments the one that hides less
                    *first = joined.min(*first);
                    report.find(Reason::MemberDouble, example);
                }
            }
        }
        let member = |(user, joined)| Member { user, joined };
        members.into_iter().map(member).collect()
    }
}

/// What somebody is called whose row is gone.
pub(super) fn gone_name(id: u32) -> String {
    format!("deleted-{id}")
}

pub(super) fn department_id(raw: &RawDepartment) -> Result<u32, Reason> {
    let id = id(raw.id).ok_or(Reason::DepartmentId)?;
    if matches!(raw.status, 0 | 1) {
        Ok(id)
    } else {
        Err(Reason::DepartmentStatus)
    }
}

pub(super) fn group_id(raw: &RawGroup) -> Result<u32, Reason> {
    let id = id(raw.id).ok_or(Reason::GroupId)?;
    if raw.status == 0 {
        Ok(id)
    } else {
        Err(Reason::GroupRemoved)
    }
}

/// Whether the way up from a department comes back to it. All of a ring go to the top.
fn is_in_a_ring(start: u32, parents: &HashMap<u32, i64>) -> bool {
    let mut at = start;
    for _ in 0..=parents.len() {
        match parents.get(&at).copied().and_then(id) {
            Some(parent) if parent == start => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

/// The stored form of a TeamTalk password; `None` if the hash is none.
fn password(hash: &str, salt: &str) -> Option<String> {
    let hash = hash.trim().to_ascii_lowercase();
    let is_md5 = hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_md5.then(|| format!("teamtalk${salt}${hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Table, Value};

    fn known() -> Known {
        Known {
            users: [1, 2, 3].into(),
            departments: [1, 2, 3, 4].into(),
            ..Known::at(UnixMillis::from_seconds(1_000))
        }
    }

    fn count(report: &Report, reason: Reason) -> u64 {
        report.findings.get(&reason).map_or(0, |found| found.count)
    }

    #[test]
    fn a_user_is_carried_with_hash_and_salt() {
        let raw = RawUser {
            id: 1,
            name: "anna".to_owned(),
            password: "4E66E8C029D64E67F7AADF045CA45851".to_owned(),
            salt: "12$4".to_owned(),
            department: 9,
            updated: 1_001,
            ..RawUser::default()
        };
        let mut report = Report::default();
        let row = known().user(raw, &mut report).unwrap();
        let column = |name| &row[Table::Users.column(name)];
        let stored = "teamtalk$12$4$4e66e8c029d64e67f7aadf045ca45851";
        assert_eq!(*column("password"), Value::Text(stored.to_owned()));
        assert_eq!(*column("department_id"), Value::Int(0));
        assert_eq!(*column("updated_at_ms"), Value::Int(1_000_000));
        assert_eq!(count(&report, Reason::UserDepartment), 1);
        assert_eq!(count(&report, Reason::UserTime), 1);
    }

    #[test]
    fn a_password_nobody_can_type_lets_nobody_in() {
        for hash in ["", "secret", "4e66e8c029d64e67f7aadf045ca4585g"] {
            assert_eq!(password(hash, "1"), None, "{hash}");
        }
    }

    #[test]
    fn departments_in_a_ring_go_to_the_top() {
        let department = |id, parent| RawDepartment {
            id,
            parent,
            name: "x".to_owned(),
            ..RawDepartment::default()
        };
        let raw = vec![
            department(1, 2),
            department(2, 1),
            department(3, 2),
            department(4, 77),
        ];
        let mut report = Report::default();
        let rows = known().departments(raw, &mut report);
        let parents = rows.iter().map(|row| row[2].int());
        assert_eq!(Vec::from_iter(parents), [0, 0, 2, 0]);
        assert_eq!(count(&report, Reason::DepartmentParent), 3);
    }

    #[test]
    fn members_are_users_who_are_in_it_once() {
        let member = |user, status, updated| RawMember {
            user,
            status,
            updated,
        };
        let raw = [
            member(2, 0, 50),
            member(2, 0, 40),
            member(3, 1, 1),
            member(9, 0, 1),
            member(1, 0, 7),
        ];
        let mut report = Report::default();
        let members = known().members(5, &raw, &mut report);
        let expected = [(1, 7), (2, 40)].map(|(user, joined)| Member {
            user,
            joined: UnixMillis::from_seconds(joined),
        });
        assert_eq!(members, expected);
        let account = report.account(Origin::Members, raw.len() as u64);
        assert!(account.balances(), "{account:?}");
    }
}
