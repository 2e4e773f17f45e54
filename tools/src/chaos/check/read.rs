//! What is unread, and up to where users have read.
//!
//! Nothing confirms a read mark. So a position may be anywhere between the furthest mark that is known to count and the
//! furthest one that was sent; the last word is given only after every mark was made again in peace, and there the two
//! are one. What a user writes into a group reads it up to there.

use std::collections::BTreeMap;

use super::super::history::{Record, Standing, Talk, What};
use super::facts::{Facts, TalkFacts};
use super::{Rule, Violation};

/// Of one user and conversation, how far the position went: at a time, up to a message. Ascending in both.
#[derive(Default)]
struct Steps(Vec<(u64, u32)>);

impl Steps {
    fn step(&mut self, at: u64, id: u32) {
        if self.0.last().is_none_or(|(_, last)| id > *last) {
            self.0.push((at, id));
        }
    }

    /// The furthest up to a time.
    fn until(&self, at: u64) -> u32 {
        let count = self.0.partition_point(|(when, _)| *when <= at);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

type PerTalk = BTreeMap<(u32, Talk), Steps>;

pub(super) fn check(facts: &Facts<'_>, violations: &mut Vec<Violation>) {
    let (most, least) = (sent(facts), proven(facts));
    let mut last_words = Vec::new();
    for Record { at, what } in facts.records {
        let What::Unread {
            user,
            asked,
            complete,
            last,
            standings,
        } = what
        else {
            continue;
        };
        if *last {
            last_words.push(*user);
        }
        let answer = Answer {
            user: *user,
            asked: *asked,
            last: *last,
        };
        for (talk, stored) in &facts.talks {
            if !stored.members.contains(user) {
                continue;
            }
            let of = |steps: &PerTalk, until| {
                let steps = steps.get(&(*user, *talk));
                steps.map_or(0, |steps| steps.until(until)).max(stored.base)
            };
            let high = of(&most, *at);
            let low = if *last { high } else { of(&least, *asked) };
            match standings.iter().find(|standing| standing.talk == *talk) {
                Some(standing) => answer.named(standing, stored, (low, high), violations),
                None if *complete => answer.not_named(*talk, stored, high, violations),
                None => {}
            }
        }
    }
    let users: std::collections::BTreeSet<u32> =
        facts.devices.values().map(|device| device.user).collect();
    for user in users {
        if !last_words.contains(&user) {
            let text = format!("what user {user} has unread was not asked in the end");
            violations.push(Violation::new(Rule::Whole, text));
        }
    }
}

/// What the last word has to be, by user.
pub(super) fn expected(facts: &Facts<'_>) -> BTreeMap<u32, Vec<(Talk, u32)>> {
    let most = sent(facts);
    let mut expected: BTreeMap<u32, Vec<(Talk, u32)>> = BTreeMap::new();
    for (talk, stored) in &facts.talks {
        for user in &stored.members {
            let steps = most.get(&(*user, *talk));
            let read = steps.map_or(0, |steps| steps.until(u64::MAX));
            let count = others(stored, *user, read.max(stored.base), stored.latest());
            if count > 0 {
                expected.entry(*user).or_default().push((*talk, count));
            }
        }
    }
    expected
}

/// What one user was told.
struct Answer {
    user: u32,
    asked: u64,
    last: bool,
}

impl Answer {
    /// A conversation with what is unread in it.
    fn named(
        &self,
        told: &Standing,
        stored: &TalkFacts,
        (low, high): (u32, u32),
        violations: &mut Vec<Violation>,
    ) {
        let (talk, user) = (told.talk, self.user);
        let count = |from| others(stored, user, from, told.latest);
        if let Some(read) = told.read {
            if read.max(stored.base) < low || read > high {
                let text = format!(
                    "user {user} was told to have read {talk} up to {read}; it is from {low} to {high}"
                );
                violations.push(Violation::new(Rule::ReadPosition, text).at(talk, read));
            }
            if told.unread != count(read.max(stored.base)) {
                let text = format!(
                    "user {user} was told that {} are unread in {talk} up to {}, having read up to {read}: it is {}",
                    told.unread,
                    told.latest,
                    count(read.max(stored.base))
                );
                violations.push(Violation::new(Rule::Unread, text).at(talk, read));
            }
            return;
        }
        let (fewest, most) = (count(high), count(low));
        if told.unread < fewest || told.unread > most {
            let right = if fewest == most {
                fewest.to_string()
            } else {
                format!("{fewest} to {most}")
            };
            let text = format!(
                "user {user} was told that {} are unread in {talk} up to {}: it is {right}",
                told.unread, told.latest
            );
            violations.push(Violation::new(Rule::Unread, text).at(talk, high));
        }
    }

    /// A conversation that was left out: nothing is unread of what was there when it was asked for.
    fn not_named(
        &self,
        talk: Talk,
        stored: &TalkFacts,
        high: u32,
        violations: &mut Vec<Violation>,
    ) {
        let latest = if self.last {
            stored.latest()
        } else {
            let known = stored.known.iter().rev();
            let mut before = known.filter(|(_, known)| **known < self.asked);
            before.next().map_or(stored.base, |(id, _)| *id)
        };
        let unread = others(stored, self.user, high, latest);
        if unread > 0 {
            let text = format!(
                "user {} was told that nothing is unread in {talk}: it is {unread}, up to {latest}",
                self.user
            );
            violations.push(Violation::new(Rule::Unread, text).at(talk, latest));
        }
    }
}

/// Messages of others from behind `read` up to `latest`.
fn others(stored: &TalkFacts, user: u32, read: u32, latest: u32) -> u32 {
    if read >= latest {
        return 0;
    }
    let behind = stored.stored.range(read + 1..=latest);
    let of_others = behind
        .flat_map(|(_, all)| all)
        .filter(|seen| seen.from != user);
    u32::try_from(of_others.count()).unwrap_or(u32::MAX)
}

/// How far marks that were sent, and messages of one's own to groups, may have moved positions.
fn sent(facts: &Facts<'_>) -> PerTalk {
    let mut steps = own(facts, |sent, _| Some(sent));
    for Record { at, what } in facts.records {
        if let What::Marked { device, talk, id } = what {
            steps.push((*at, facts.user(*device), *talk, *id));
        }
    }
    ascending(steps)
}

/// How far they have moved them for certain: somebody was told.
fn proven(facts: &Facts<'_>) -> PerTalk {
    let mut steps = own(facts, |_, acked| acked);
    for Record { at, what } in facts.records {
        match what {
            What::MarkTold { device, talk, id } => {
                steps.push((*at, facts.user(*device), *talk, *id));
            }
            What::Unread {
                user, standings, ..
            } => {
                let known = standings
                    .iter()
                    .filter_map(|standing| Some((standing.talk, standing.read?)));
                steps.extend(known.map(|(talk, read)| (*at, *user, talk, read)));
            }
            _ => {}
        }
    }
    ascending(steps)
}

type Step = (u64, u32, Talk, u32);

/// One's own messages to groups, from the time on that `when` makes of sending and acknowledgement.
fn own(facts: &Facts<'_>, when: impl Fn(u64, Option<u64>) -> Option<u64>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (talk, stored) in &facts.talks {
        if matches!(talk, Talk::Pair(..)) {
            continue;
        }
        for seen in stored.stored.values().flatten() {
            let sending = seen.key.and_then(|key| facts.messages.get(&key));
            let at = sending.and_then(|sending| {
                let acked = sending.acks.first().map(|(at, _)| *at);
                when(sending.sent, acked)
            });
            if let Some(at) = at {
                steps.push((at, seen.from, *talk, seen.id));
            }
        }
    }
    steps
}

fn ascending(mut steps: Vec<Step>) -> PerTalk {
    steps.sort_unstable_by_key(|(at, ..)| *at);
    let mut all = PerTalk::new();
    for (at, user, talk, id) in steps {
        all.entry((user, talk)).or_default().step(at, id);
    }
    all
}
