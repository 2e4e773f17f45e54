//! What is stored: everything acknowledged, once, under its number, in order, and nothing else.

use std::collections::BTreeMap;

use super::super::history::Talk;
use super::facts::{Facts, TalkFacts};
use super::{Rule, Violation};

pub(super) fn check(facts: &Facts<'_>, violations: &mut Vec<Violation>) {
    if !facts.complete || facts.rest.is_none() {
        violations.push(Violation::new(
            Rule::Whole,
            "the history has no beginning or no end",
        ));
    }
    // Where each message is stored.
    let mut places: BTreeMap<u64, Vec<(Talk, u32)>> = BTreeMap::new();
    for (talk, stored) in &facts.talks {
        if !stored.was_read {
            let text = format!("what is stored of {talk} was not read");
            violations.push(Violation::new(Rule::Whole, text));
        }
        for (id, all) in &stored.stored {
            for seen in all {
                if let Some(key) = seen.key {
                    places.entry(key).or_default().push((*talk, *id));
                }
            }
        }
        numbers(*talk, stored, violations);
        origin(facts, *talk, stored, violations);
        order(facts, *talk, stored, violations);
    }
    for (key, sending) in &facts.messages {
        let found = places.get(key).map(Vec::as_slice).unwrap_or_default();
        if found.len() > 1 {
            let text = format!("message {key} is stored {} times: {found:?}", found.len());
            violations.push(Violation::new(Rule::Once, text).of(*key));
        }
        let Some((_, id)) = sending.acks.first() else {
            continue;
        };
        if found.is_empty() {
            let text = format!(
                "message {key} was acknowledged as {id} of {} and is not stored",
                sending.talk
            );
            violations.push(Violation::new(Rule::AckedIsStored, text).of(*key));
            continue;
        }
        for (_, id) in &sending.acks {
            if !found.contains(&(sending.talk, *id)) {
                let text = format!(
                    "message {key} was acknowledged as {id} of {} and is stored as {found:?}",
                    sending.talk
                );
                violations.push(Violation::new(Rule::AckedId, text).of(*key));
            }
        }
    }
}

/// Each number from the beginning of the run on, once.
fn numbers(talk: Talk, facts: &TalkFacts, violations: &mut Vec<Violation>) {
    let mut next = facts.base + 1;
    for (id, all) in &facts.stored {
        if *id > next {
            let text = format!("{talk} has no message {next} to {}", id - 1);
            let gap = Violation::new(Rule::Contiguous, text);
            violations.push(gap.at(talk, next).at(talk, *id));
        }
        if *id < next || all.len() > 1 {
            let text = format!("{talk} has {} messages with the number {id}", all.len());
            violations.push(Violation::new(Rule::Contiguous, text).at(talk, *id));
        }
        next = id + 1;
    }
}

/// Everything that is stored was sent.
fn origin(facts: &Facts<'_>, talk: Talk, stored: &TalkFacts, violations: &mut Vec<Violation>) {
    for seen in stored.stored.values().flatten() {
        let sending = seen.key.and_then(|key| facts.messages.get(&key));
        if sending.is_none_or(|sending| sending.talk != talk || sending.user != seen.from) {
            let text = format!(
                "message {} of {talk}, from user {}, was not sent like that",
                seen.id, seen.from
            );
            let mut violation = Violation::new(Rule::Sent, text).at(talk, seen.id);
            violation.messages.extend(seen.key);
            violations.push(violation);
        }
    }
}

/// Whoever was acknowledged before another one was sent comes first.
fn order(facts: &Facts<'_>, talk: Talk, stored: &TalkFacts, violations: &mut Vec<Violation>) {
    // Of those with smaller numbers, the one that was sent last.
    let mut last: Option<(u64, u32, u64)> = None;
    for seen in stored.stored.values().flatten() {
        let Some((key, sending)) = seen
            .key
            .and_then(|key| Some((key, facts.messages.get(&key)?)))
        else {
            continue;
        };
        if let (Some((sent, id, other)), Some((acked, _))) = (last, sending.acks.first())
            && *acked < sent
            && id != seen.id
        {
            let text = format!(
                "message {} of {talk} was acknowledged before message {id} was sent",
                seen.id
            );
            violations.push(Violation::new(Rule::Order, text).of(key).of(other));
        }
        if last.is_none_or(|(sent, ..)| sending.sent > sent) {
            last = Some((sending.sent, seen.id, key));
        }
    }
}
