//! One scenario as several, one for each process.

use super::Scenario;

impl Scenario {
    /// Users who cannot be separated: the members of a group, the two of a pair.
    fn block(&self) -> u32 {
        let paired = self.one_to_one.is_some() || self.history.is_some();
        match &self.group {
            Some(group) if paired && group.size % 2 == 1 => group.size * 2,
            Some(group) => group.size,
            None if paired => 2,
            None => 1,
        }
    }

    /// Parts that add up to the whole, at most `self.processes`; fewer if there are not enough users.
    pub fn split(&self) -> Vec<Self> {
        let block = self.block();
        let blocks = (self.users / block).max(1);
        let parts = self.processes.min(blocks);
        let mut first = 0;
        (0..parts)
            .map(|part| {
                let mut users = portion(u64::from(blocks), part, parts) as u32 * block;
                if part == parts - 1 {
                    users = self.users - first;
                }
                let of_users = ratio(users, self.users);
                let share = Share {
                    part,
                    parts,
                    of_users,
                };
                let scenario = self.part(first, users, share);
                first += users;
                scenario
            })
            .collect()
    }

    /// Users `first` up to `first + users`, counted from 0.
    fn part(&self, first: u32, users: u32, share: Share) -> Self {
        let mut part = self.clone();
        part.processes = 1;
        part.first_user += first;
        part.users = users;
        part.login_concurrency = share.at_least_one(self.login_concurrency);
        part.login_rate *= share.of_users;
        // Of what is counted from the front, as many as fall into this part.
        let overlap = |count: u32| count.saturating_sub(first).min(users);
        if let Some(pairs) = &mut part.one_to_one {
            pairs.pairs = overlap(self.pairs() * 2) / 2;
            pairs.rate *= ratio(pairs.pairs, self.pairs());
            let before = first.min(self.pairs() * 2) / 2;
            let messages = of_writers(pairs.messages, before, pairs.pairs, self.pairs());
            // A limit of 0 would mean none.
            if pairs.pairs == 0 || (messages == 0 && pairs.messages > 0) {
                part.one_to_one = None;
            } else {
                pairs.messages = messages;
            }
        }
        if let Some(group) = &mut part.group {
            group.groups = overlap(self.groups() * group.size) / group.size;
            group.rate *= ratio(group.groups, self.groups());
            let before = first.min(self.groups() * group.size) / group.size;
            let messages = of_writers(group.messages, before, group.groups, self.groups());
            if group.groups == 0 || (messages == 0 && group.messages > 0) {
                part.group = None;
            } else {
                group.messages = messages;
            }
        }
        if let Some(logins) = &mut part.logins {
            // Those before the first one who logs in during the load have no share of it.
            let (before, all) = (
                first.saturating_sub(logins.online),
                self.users - logins.online,
            );
            let mine = users - overlap(logins.online);
            logins.online = overlap(logins.online);
            let concurrency = of_writers(logins.concurrency.into(), before, mine, all);
            logins.concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX).max(1);
            logins.rate *= ratio(mine, all);
        }
        if let Some(presence) = &mut part.presence {
            presence.rate *= share.of_users;
        }
        if let Some(history) = &mut part.history {
            history.rate *= share.of_users;
        }
        part
    }
}

#[derive(Clone, Copy)]
struct Share {
    part: u32,
    parts: u32,
    of_users: f64,
}

impl Share {
    fn at_least_one(self, count: u32) -> u32 {
        (portion(u64::from(count), self.part, self.parts) as u32).max(1)
    }
}

/// The part's portion of a number; all portions add up to it.
fn portion(count: u64, part: u32, parts: u32) -> u64 {
    let (part, parts) = (u64::from(part), u64::from(parts));
    count * (part + 1) / parts - count * part / parts
}

/// What falls to `mine` of `all` pairs, groups or logins, if `before` of them are in earlier parts; it adds up to `count`.
fn of_writers(count: u64, before: u32, mine: u32, all: u32) -> u64 {
    let until =
        |pairs: u32| (u128::from(count) * u128::from(pairs) / u128::from(all.max(1))) as u64;
    until(before + mine) - until(before)
}

fn ratio(of: u32, all: u32) -> f64 {
    f64::from(of) / f64::from(all.max(1))
}
