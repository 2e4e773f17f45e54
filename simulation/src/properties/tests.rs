//! Each property notices what it is for.

use std::time::Duration;

use super::*;
use crate::model::Stored;
use crate::plan::DevicePlan;
use proto::im::base_define::ClientType;

const CHAT: Conversation = Conversation::Single(1, 2);

/// Users 1 and 2 with a desktop each, logged in, and one message that went from 1 to 2 as it should.
struct Bed {
    plan: Plan,
    record: Record,
    store: Store,
    sessions: [usize; 2],
    message: usize,
}

impl Bed {
    fn new() -> Self {
        let device = |user| DevicePlan {
            user,
            kind: ClientType::Windows,
            home: 0,
            first_login: Duration::ZERO,
            moves: Vec::new(),
            messages: Vec::new(),
            leaves: None,
        };
        let record = Record::default();
        let sessions = [record.open(0, "msg-0"), record.open(1, "msg-1")];
        let message = record.wanted(0, CHAT, "text");
        record.acked(message, 1);
        let mut bed = Self {
            plan: Plan {
                devices: vec![device(1), device(2)],
                ..Plan::new(1)
            },
            record,
            store: Store::default(),
            sessions,
            message,
        };
        bed.store();
        let true_for_all = BTreeMap::from([(1, true), (2, true), (3, false)]);
        for session in bed.sessions {
            bed.record.in_session(session, |record| {
                record.found = Some(BTreeMap::new());
                record.asked = Some(true_for_all.clone());
                record.told = true_for_all.clone();
            });
        }
        let place = (CHAT, 1);
        bed.in_session(0, |record| record.acked.extend([place]));
        bed.in_session(1, |record| {
            record.pushed.extend([(place, vec!["text".into()])]);
        });
        bed
    }

    fn store(&mut self) {
        let message = Stored {
            sender: 1,
            to: 2,
            msg_type: 1,
            body: "text".into(),
            at: Duration::ZERO,
            group_version: None,
        };
        self.store.append(message, None);
    }

    fn in_session(&self, at: usize, change: impl FnOnce(&mut SessionRecord)) {
        self.record.in_session(self.sessions[at], change);
    }

    fn violated(&self) -> Vec<Property> {
        let violations = check(&self.plan, &self.record, &self.store);
        violations
            .iter()
            .map(|violation| violation.property)
            .collect()
    }
}

#[test]
fn a_good_run_has_nothing_wrong() {
    assert_eq!(Bed::new().violated(), []);
}

#[test]
fn each_property_notices_what_it_is_for() {
    let bed = Bed::new();
    bed.record.panicked("oh".to_owned());
    assert_eq!(bed.violated(), [Property::NothingBreaksDown]);

    let bed = Bed::new();
    bed.record.acked(bed.message, 2);
    assert_eq!(bed.violated(), [Property::AckedIsStored]);

    let mut bed = Bed::new();
    bed.store();
    bed.in_session(0, |record| record.found = Some([(CHAT, 2)].into()));
    bed.in_session(1, |record| record.found = Some([(CHAT, 2)].into()));
    assert_eq!(bed.violated(), [Property::StoredOnce]);

    let bed = Bed::new();
    bed.in_session(1, |record| {
        record
            .pushed
            .entry((CHAT, 1))
            .or_default()
            .push("text".into());
    });
    assert_eq!(bed.violated(), [Property::PushedOnce]);

    let bed = Bed::new();
    bed.in_session(1, |record| record.pushed.clear());
    assert_eq!(bed.violated(), [Property::ReachesEveryDevice]);

    let bed = Bed::new();
    bed.record.wanted(1, CHAT, "never sent");
    assert_eq!(bed.violated(), [Property::SentIsAcked]);

    let bed = Bed::new();
    bed.in_session(1, |record| record.found = None);
    assert_eq!(bed.violated(), [Property::EverybodyIsBack]);

    let mut bed = Bed::new();
    bed.plan.devices[1].user = 1;
    assert!(bed.violated().contains(&Property::OneOfEachClass));

    let bed = Bed::new();
    bed.in_session(0, |record| record.asked = Some([(2, false)].into()));
    assert_eq!(bed.violated(), [Property::PresenceAsked]);

    let bed = Bed::new();
    bed.in_session(0, |record| record.told = [(3, true)].into());
    assert_eq!(bed.violated(), [Property::PresenceTold]);
}
