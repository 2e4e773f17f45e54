use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FIRST: Pushed = Pushed::First(Order::Kept);

/// Two devices that are online from the start; the first one writes.
fn pair() -> (Ledger, u32) {
    let mut ledger = Ledger::default();
    let conversation = ledger.open(2);
    ledger.online(conversation, 0);
    ledger.online(conversation, 1);
    (ledger, conversation)
}

#[test]
fn a_push_may_come_before_the_acknowledgement() {
    let (mut ledger, conversation) = pair();
    let number = ledger.sent(conversation, 0).unwrap();
    assert_eq!(ledger.pushed(conversation, 1, number, 5), FIRST);
    assert_eq!(ledger.balance().unacked, 1);
    let acked = ledger.acked(conversation, 0, number, 5);
    let wanted = Acked {
        expected: 1,
        doubled: false,
    };
    assert_eq!(acked, wanted);
    assert_eq!(ledger.balance(), Balance::default());
}

#[test]
fn two_messages_with_one_id_are_seen_on_both_sides() {
    let (mut ledger, conversation) = pair();
    let first = ledger.sent(conversation, 0).unwrap();
    let second = ledger.sent(conversation, 0).unwrap();
    assert!(!ledger.acked(conversation, 0, first, 7).doubled);
    assert!(ledger.acked(conversation, 0, second, 7).doubled);
    assert_eq!(ledger.pushed(conversation, 1, first, 7), FIRST);
    assert_eq!(ledger.pushed(conversation, 1, second, 7), Pushed::Again);
}

#[test]
fn one_message_with_two_ids_is_seen_as_doubled() {
    let (mut ledger, conversation) = pair();
    let number = ledger.sent(conversation, 0).unwrap();
    assert_eq!(ledger.pushed(conversation, 1, number, 7), FIRST);
    assert_eq!(ledger.pushed(conversation, 1, number, 8), Pushed::Again);
}

#[test]
fn what_nobody_sent_is_unknown_and_what_comes_back_to_its_sender_is_doubled() {
    let (mut ledger, conversation) = pair();
    assert_eq!(ledger.pushed(conversation, 1, 0, 1), Pushed::Unknown);
    let number = ledger.sent(conversation, 0).unwrap();
    assert_eq!(ledger.pushed(conversation, 0, number, 1), Pushed::Again);
}

#[test]
fn a_device_that_was_away_has_lost_nothing() {
    let (mut ledger, conversation) = pair();
    let before = ledger.sent(conversation, 0).unwrap();
    ledger.acked(conversation, 0, before, 1);
    assert_eq!(ledger.balance().lost, 1);
    ledger.away(conversation, 1);
    let meanwhile = ledger.sent(conversation, 0).unwrap();
    assert_eq!(ledger.acked(conversation, 0, meanwhile, 2).expected, 0);
    ledger.online(conversation, 1);
    let after = ledger.sent(conversation, 0).unwrap();
    assert_eq!(ledger.acked(conversation, 0, after, 3).expected, 1);
    let wanted = Balance {
        lost: 1,
        away: 2,
        unacked: 0,
    };
    assert_eq!(ledger.balance(), wanted);
    // It may still be pushed, and is in order then.
    assert_eq!(ledger.pushed(conversation, 1, meanwhile, 2), FIRST);
    assert_eq!(ledger.pushed(conversation, 1, after, 3), FIRST);
    assert_eq!(ledger.balance().lost, 0);
}

proptest! {
    /// Any server: it acknowledges some messages, pushes some, some twice, in any order. The ledger says exactly what it did.
    #[test]
    fn it_says_what_the_server_did(
        messages in vec((0usize..4, any::<bool>()), 1..40),
        pushes in vec((0usize..4, any::<prop::sample::Index>()), 0..200),
        ids_from in 1u32..1000,
        gap in 1u32..3,
    ) {
        let mut ledger = Ledger::default();
        let conversation = ledger.open(4);
        for member in 0..4 {
            ledger.online(conversation, member);
        }
        let id_of = |number: u32| ids_from + number * gap;
        for (number, (sender, acked)) in messages.iter().enumerate() {
            prop_assert_eq!(ledger.sent(conversation, *sender), Some(number as u32));
            if *acked {
                let acked = ledger.acked(conversation, *sender, number as u32, id_of(number as u32));
                prop_assert_eq!(acked, Acked { expected: 3, doubled: false });
            }
        }
        let mut had: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); 4];
        for (number, (sender, _)) in messages.iter().enumerate() {
            had[*sender].insert(number);
        }
        let mut last = [None; 4];
        for (member, which) in &pushes {
            let number = which.index(messages.len());
            let pushed = ledger.pushed(conversation, *member, number as u32, id_of(number as u32));
            if had[*member].insert(number) {
                let in_order = last[*member].is_none_or(|last| number > last);
                let others: BTreeSet<usize> = messages.iter().map(|(sender, _)| *sender).filter(|sender| sender != member).collect();
                let order = match in_order {
                    true => Order::Kept,
                    false if others.len() > 1 => Order::Overtaken,
                    false => Order::Broken,
                };
                prop_assert_eq!(pushed, Pushed::First(order));
                last[*member] = last[*member].max(Some(number));
            } else {
                prop_assert_eq!(pushed, Pushed::Again);
            }
        }
        let mut wanted = Balance::default();
        for (member, had) in had.iter().enumerate() {
            for (number, (sender, acked)) in messages.iter().enumerate() {
                let has = had.contains(&number);
                wanted.lost += u64::from(*acked && !has);
                wanted.unacked += u64::from(!*acked && has && *sender != member);
            }
        }
        prop_assert_eq!(ledger.balance(), wanted);
    }
}
