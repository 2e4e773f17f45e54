//! What has to hold when everything is mended and some time has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proto::device::DeviceType;

use crate::conversation::Conversation;
use crate::model::Store;
use crate::plan::Plan;
use crate::record::{Record, SessionRecord};

/// One thing that has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    /// No host ends and no task panics.
    NothingBreaksDown,
    /// A message that was acknowledged is stored in its conversation under the id that the acknowledgement named.
    AckedIsStored,
    /// No message is stored twice.
    StoredOnce,
    /// A session gets a message once at most, and with what is stored.
    PushedOnce,
    /// A device that is there has every message of its conversations: found at its login, pushed, or its own.
    ReachesEveryDevice,
    /// What a device that is there wanted to send is acknowledged.
    SentIsAcked,
    /// Every device that was not displaced and did not leave is logged in and answered.
    EverybodyIsBack,
    /// Of two devices of a user that displace each other one is there.
    OneOfEachClass,
    /// Whoever asks is told truly who is online.
    PresenceAsked,
    /// The last that a device was told of a user is true.
    PresenceTold,
}

/// Properties that are checked and reported and do not fail a run. What is lost with a connection that breaks silently, or
/// with a msg_server that dies between storing a message and sending it on, is found at the next login and not pushed.
const REPORTED_ONLY: &[Property] = &[];

impl Property {
    pub(crate) fn is_enforced(self) -> bool {
        !REPORTED_ONLY.contains(&self)
    }
}

/// Something that does not hold.
pub(crate) struct Violation {
    pub(crate) property: Property,
    what: String,
}

impl Violation {
    pub(crate) fn broke_down(what: String) -> Self {
        Self {
            property: Property::NothingBreaksDown,
            what,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.property.is_enforced() {
            true => "violated",
            false => "known gap",
        };
        write!(f, "{weight}: {:?}: {}", self.property, self.what)
    }
}

/// Looks at everything once the run is over.
pub(crate) fn check(plan: &Plan, record: &Record, store: &Store) -> Vec<Violation> {
    let mut check = Check {
        plan,
        store,
        violations: Vec::new(),
    };
    let (sessions, sent) = (record.sessions(), record.sent());
    let open: Vec<&SessionRecord> = sessions.iter().filter(|session| session.is_open).collect();
    for panic in record.panics() {
        check.fails(Property::NothingBreaksDown, panic);
    }
    for message in &sent {
        for msg_id in &message.acked {
            check.acked_is_stored(message.conversation, *msg_id, &message.body);
        }
        let is_there = open.iter().any(|session| session.device == message.device);
        if message.acked.is_empty() && is_there {
            let what = format!("\"{}\" to {}", message.body, message.conversation);
            check.fails(Property::SentIsAcked, what);
        }
    }
    check.stored_once();
    for session in &sessions {
        check.pushed_once(session);
    }
    for session in &open {
        check.reaches(session);
    }
    check.devices(&open);
    check.presence(&open);
    check.violations
}

struct Check<'a> {
    plan: &'a Plan,
    store: &'a Store,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn fails(&mut self, property: Property, what: String) {
        self.violations.push(Violation { property, what });
    }

    fn device(&self, session: &SessionRecord) -> String {
        format!(
            "{} on {}",
            self.plan.devices[session.device], session.server
        )
    }

    fn body(&self, conversation: Conversation, msg_id: u32) -> Option<String> {
        let at = (msg_id as usize).checked_sub(1)?;
        let stored = self.store.messages(conversation).get(at)?;
        Some(String::from_utf8_lossy(&stored.body).into_owned())
    }

    fn acked_is_stored(&mut self, conversation: Conversation, msg_id: u32, body: &str) {
        let stored = self.body(conversation, msg_id);
        if stored.as_deref() != Some(body) {
            let what =
                format!("\"{body}\" was acked as {conversation} {msg_id}, which is {stored:?}");
            self.fails(Property::AckedIsStored, what);
        }
    }

    fn stored_once(&mut self) {
        let mut seen = BTreeSet::new();
        let mut twice = Vec::new();
        for (conversation, messages) in &self.store.conversations {
            for message in messages {
                if !seen.insert(message.body.clone()) {
                    twice.push(format!("{:?} in {conversation}", message.body));
                }
            }
        }
        for what in twice {
            self.fails(Property::StoredOnce, what);
        }
    }

    fn pushed_once(&mut self, session: &SessionRecord) {
        for ((conversation, msg_id), bodies) in &session.pushed {
            let stored = self.body(*conversation, *msg_id);
            if bodies.len() != 1 || stored.as_ref() != bodies.first() {
                let device = self.device(session);
                let what = format!(
                    "{device} got {conversation} {msg_id} as {bodies:?}, stored {stored:?}"
                );
                self.fails(Property::PushedOnce, what);
            }
        }
    }

    fn reaches(&mut self, session: &SessionRecord) {
        let device = self.device(session);
        let Some(found) = &session.found else {
            let what = format!("{device} was not told what is new");
            self.fails(Property::EverybodyIsBack, what);
            return;
        };
        let user = self.plan.devices[session.device].user;
        let of_his: Vec<(Conversation, u32)> = self
            .store
            .of_user(user)
            .map(|(conversation, messages)| (conversation, messages.len() as u32))
            .collect();
        for (conversation, latest) in of_his {
            let from = found.get(&conversation).copied().unwrap_or(0);
            let has = |msg_id: &u32| {
                let place = (conversation, *msg_id);
                session.pushed.contains_key(&place) || session.acked.contains(&place)
            };
            let missing: Vec<u32> = (from + 1..=latest).filter(|id| !has(id)).collect();
            if !missing.is_empty() {
                let what = format!("{device} never got {conversation} {missing:?} of {latest}");
                self.fails(Property::ReachesEveryDevice, what);
            }
        }
    }

    fn devices(&mut self, open: &[&SessionRecord]) {
        let class = |at: usize| {
            let device = &self.plan.devices[at];
            let is_mobile = DeviceType::parse(device.kind as i32).is_ok_and(DeviceType::is_mobile);
            (device.user, is_mobile)
        };
        let mut there: BTreeMap<(u32, bool), Vec<usize>> = BTreeMap::new();
        for at in 0..self.plan.devices.len() {
            let is_there = open.iter().any(|session| session.device == at);
            let devices = there.entry(class(at)).or_default();
            devices.extend(is_there.then_some(at));
        }
        let plan = self.plan;
        let has_left = |user: u32| {
            let mut of_his = plan.devices.iter().filter(|device| device.user == user);
            of_his.all(|device| device.leaves.is_some())
        };
        for ((user, is_mobile), devices) in there {
            let kind = if is_mobile { "phones" } else { "desktops" };
            let names: Vec<String> = devices
                .iter()
                .map(|at| self.plan.devices[*at].to_string())
                .collect();
            match devices.len() {
                0 if has_left(user) => {}
                0 => {
                    let what = format!("none of the {kind} of user {user} is there");
                    self.fails(Property::EverybodyIsBack, what);
                }
                1 => {}
                _ => {
                    let what = format!("{kind} of user {user} are there: {names:?}");
                    self.fails(Property::OneOfEachClass, what);
                }
            }
        }
    }

    fn presence(&mut self, open: &[&SessionRecord]) {
        let online: BTreeSet<u32> = open
            .iter()
            .map(|session| &self.plan.devices[session.device])
            .filter(|device| device.kind as i32 & 0x10 == 0)
            .map(|device| device.user)
            .collect();
        let truth = |user: &u32| online.contains(user);
        for session in open {
            let device = self.device(session);
            let wrong = |known: &BTreeMap<u32, bool>| -> Vec<(u32, bool)> {
                let known = known.iter();
                known
                    .filter(|(user, is_online)| truth(user) != **is_online)
                    .map(|(user, is_online)| (*user, *is_online))
                    .collect()
            };
            match session.asked.as_ref().map(wrong) {
                None => self.fails(Property::PresenceAsked, format!("{device} got no answer")),
                Some(wrong) if !wrong.is_empty() => {
                    let what = format!("{device} was answered {wrong:?}, online are {online:?}");
                    self.fails(Property::PresenceAsked, what);
                }
                Some(_) => {}
            }
            let wrong = wrong(&session.told);
            if !wrong.is_empty() {
                let what = format!("{device} was told {wrong:?}, online are {online:?}");
                self.fails(Property::PresenceTold, what);
            }
        }
    }
}

/// A line about how much happened.
pub(crate) fn summary(record: &Record, store: &Store) -> String {
    let (sessions, sent) = (record.sessions(), record.sent());
    let pushed: usize = sessions.iter().map(|session| session.pushed.len()).sum();
    let stored: usize = store.conversations.values().map(Vec::len).sum();
    let acked = sent.iter().filter(|sent| !sent.acked.is_empty()).count();
    format!(
        "{} sessions, {} messages written, {stored} stored, {acked} acked, {pushed} pushed",
        sessions.len(),
        sent.len(),
    )
}

#[cfg(test)]
mod tests;
