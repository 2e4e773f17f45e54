//! The checker of `ferrotalk chaos` against histories of servers that keep every promise, and of servers that break one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "chaos/story.rs"]
mod story;

#[path = "chaos/corruption.rs"]
mod corruption;

use proptest::prelude::*;
use tools::chaos::check::{Rule, check, expected_unread, story as story_of};
use tools::chaos::history::{Record, Seen, Talk, Way, What, read, write};

use corruption::{CORRUPTIONS, Corruption};
use story::tell;

fn rules(records: &[Record]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = check(records).violations.iter().map(|v| v.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// A story in which a corruption has a place, from a seed on.
fn corrupted(corruption: &Corruption, seed: u64) -> Vec<Record> {
    for seed in seed..seed + 200 {
        let mut records = tell(seed, corruption.rule == Rule::Rolling);
        let mut random = fastrand::Rng::with_seed(seed);
        if (corruption.make)(&mut records, &mut random) {
            return records;
        }
    }
    panic!("no story has a place for: {}", corruption.what)
}

#[test]
fn each_broken_promise_is_found() {
    for corruption in CORRUPTIONS {
        let found = rules(&corrupted(corruption, 1));
        assert!(
            found.contains(&corruption.rule),
            "{}: {found:?}",
            corruption.what
        );
    }
}

#[test]
fn every_rule_has_a_server_that_breaks_it() {
    let mut broken: Vec<Rule> = CORRUPTIONS.iter().map(|c| c.rule).collect();
    broken.sort_unstable();
    broken.dedup();
    let all = [
        Rule::Whole,
        Rule::AckedIsStored,
        Rule::AckedId,
        Rule::Once,
        Rule::Contiguous,
        Rule::Sent,
        Rule::Order,
        Rule::SameForAll,
        Rule::PushedOnce,
        Rule::Delivered,
        Rule::Online,
        Rule::Answered,
        Rule::Unread,
        Rule::ReadPosition,
        Rule::Rolling,
    ];
    assert_eq!(broken, all);
}

#[test]
fn a_violation_comes_with_the_story_of_its_messages() {
    let lost = CORRUPTIONS.iter().find(|c| c.rule == Rule::AckedIsStored);
    let records = corrupted(lost.unwrap(), 1);
    let verdict = check(&records);
    let mut violations = verdict.violations.iter();
    let violation = violations.find(|v| v.rule == Rule::AckedIsStored).unwrap();
    let told = story_of(&records, violation);
    let key = violation.messages[0];
    let is = |wanted: fn(&What, u64) -> bool| told.iter().any(|r| wanted(&r.what, key));
    assert!(is(
        |what, key| matches!(what, What::Sent { key: sent, .. } if *sent == key)
    ));
    assert!(is(
        |what, key| matches!(what, What::Acked { key: acked, .. } if *acked == key)
    ));
    let about_others = |what: &What| matches!(what, What::Sent { key: sent, .. } if *sent != key);
    assert!(!told.iter().any(|record| about_others(&record.what)));
}

#[test]
fn what_is_expected_to_be_unread_is_what_the_last_word_is() {
    let records = tell(5, false);
    let expected = expected_unread(&records);
    for record in &records {
        let What::Unread {
            user,
            last: true,
            standings,
            ..
        } = &record.what
        else {
            continue;
        };
        let mut told: Vec<_> = standings.iter().map(|s| (s.talk, s.unread)).collect();
        told.sort_unstable();
        assert_eq!(expected.get(user).cloned().unwrap_or_default(), told);
    }
}

#[test]
fn a_history_is_judged_the_same_after_a_way_through_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let records = tell(3, false);
    let mut lines = Vec::new();
    write(&records, &mut lines).unwrap();
    std::fs::write(&path, lines).unwrap();
    assert_eq!(read(&path).unwrap(), records);
}

#[test]
fn conversations_that_are_none_of_the_run_are_not_judged() {
    let mut records = tell(4, false);
    let seen = Seen {
        id: 5,
        from: 3,
        key: None,
    };
    let what = What::Fetched {
        device: 1,
        connection: 1,
        way: Way::History,
        talk: Talk::Group(99),
        seen: vec![seen],
    };
    let at = records.len() / 2;
    let record = Record {
        at: records[at].at,
        what,
    };
    records.insert(at, record);
    assert_eq!(rules(&records), []);
}

#[test]
fn an_empty_history_is_no_success() {
    assert_eq!(rules(&[]), [Rule::Whole]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_correct_run_passes(seed in any::<u64>(), rolling in any::<bool>()) {
        let verdict = check(&tell(seed, rolling));
        prop_assert_eq!(verdict.violations, []);
        prop_assert_eq!(verdict.summary.acked, verdict.summary.messages);
    }

    #[test]
    fn a_single_broken_promise_is_found_wherever_it_is(
        seed in 0_u64..1 << 40,
        which in 0..CORRUPTIONS.len(),
    ) {
        let corruption = &CORRUPTIONS[which];
        let found = rules(&corrupted(corruption, seed));
        prop_assert!(found.contains(&corruption.rule), "{}: {found:?}", corruption.what);
    }
}
