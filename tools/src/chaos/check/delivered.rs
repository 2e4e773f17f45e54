//! What devices get: what is stored, in time, and once over a connection.

use std::collections::HashSet;

use super::super::history::{Record, Seen, Talk, What};
use super::facts::{DeviceFacts, Facts};
use super::{Rule, Violation};

/// Messages that one sentence names at most.
const NAMED: usize = 5;

pub(super) fn check(facts: &Facts<'_>, violations: &mut Vec<Violation>) {
    let mut pushed: HashSet<(u32, u32, Talk, u32)> = HashSet::new();
    for Record { at, what } in facts.records {
        match what {
            What::Pushed {
                device,
                connection,
                talk,
                seen,
            } => {
                same(facts, *device, *talk, seen, violations);
                if !pushed.insert((*device, *connection, *talk, seen.id)) {
                    let text = format!(
                        "{} got message {} of {talk} twice over connection {connection}, the second time at {}",
                        name(facts, *device),
                        seen.id,
                        seconds(*at)
                    );
                    violations.push(Violation::new(Rule::PushedOnce, text).at(*talk, seen.id));
                }
            }
            What::Fetched {
                device, talk, seen, ..
            } => {
                for seen in seen {
                    same(facts, *device, *talk, seen, violations);
                }
            }
            _ => {}
        }
    }
    for (device, at) in &facts.devices {
        missing(facts, at, violations);
        if at.open.is_empty() {
            let text = format!("{} is not connected in the end", name(facts, *device));
            violations.push(Violation::new(Rule::Online, text));
        }
    }
}

/// A device sees what is stored.
fn same(facts: &Facts<'_>, device: u32, talk: Talk, seen: &Seen, violations: &mut Vec<Violation>) {
    let Some(stored) = facts.talks.get(&talk) else {
        return;
    };
    let of_user = stored.members.contains(&facts.user(device));
    if of_user && seen.id <= stored.base {
        // From before the run.
        return;
    }
    let found = stored.stored.get(&seen.id);
    if of_user && found.is_some_and(|found| found.contains(seen)) {
        return;
    }
    let what = match found.and_then(|found| found.first()) {
        _ if !of_user => "is not in that conversation".to_owned(),
        Some(found) => format!("what is stored is {:?} from {}", found.key, found.from),
        None => "nothing is stored there".to_owned(),
    };
    let text = format!(
        "{} got message {} of {talk} as {:?} from {}: {what}",
        name(facts, device),
        seen.id,
        seen.key,
        seen.from
    );
    let mut violation = Violation::new(Rule::SameForAll, text).at(talk, seen.id);
    violation.messages.extend(seen.key);
    violations.push(violation);
}

/// Everything stored was there in time.
fn missing(facts: &Facts<'_>, device: &DeviceFacts, violations: &mut Vec<Violation>) {
    for (talk, stored) in &facts.talks {
        if !stored.members.contains(&device.user) {
            continue;
        }
        let (mut never, mut late) = (Vec::new(), Vec::new());
        for (id, all) in &stored.stored {
            let known = stored.known.get(id).copied();
            let due = facts.deadline(known.or(facts.rest).unwrap_or(facts.end));
            match device.has.get(&(*talk, *id)) {
                Some(got) if *got <= due => {}
                Some(got) => late.push((*id, all, got - due)),
                None => never.push((*id, all, 0)),
            }
        }
        for (what, list) in [("never got", never), ("got late", late)] {
            let Some((_, _, most)) = list.iter().max_by_key(|(_, _, late)| *late) else {
                continue;
            };
            let ids: Vec<String> = list
                .iter()
                .take(NAMED)
                .map(|(id, ..)| id.to_string())
                .collect();
            let more = match list.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let by = match most {
                0 => String::new(),
                most => format!(", up to {} after it was due", seconds(*most)),
            };
            let text = format!(
                "{} {what} {} of {talk}{more}{by}",
                device.name,
                ids.join(", ")
            );
            let mut violation = Violation::new(Rule::Delivered, text);
            for (id, all, _) in list.iter().take(NAMED) {
                violation.places.push((*talk, *id));
                violation
                    .messages
                    .extend(all.iter().filter_map(|seen| seen.key));
            }
            violations.push(violation);
        }
    }
}

fn name(facts: &Facts<'_>, device: u32) -> String {
    match facts.devices.get(&device) {
        Some(facts) if !facts.name.is_empty() => facts.name.clone(),
        _ => format!("device {device}"),
    }
}

/// Microseconds in words.
pub(super) fn seconds(micros: u64) -> String {
    let millis = micros / 1000;
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}
