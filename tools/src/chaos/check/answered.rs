//! That every message is acknowledged in time, and that restarts in turn disturb nobody who can move.

use super::super::history::{Record, What};
use super::delivered::seconds;
use super::facts::Facts;
use super::{Rule, Violation};

pub(super) fn check(facts: &Facts<'_>, violations: &mut Vec<Violation>) {
    for (key, sending) in &facts.messages {
        let due = facts.deadline(sending.sent);
        let text = match sending.acks.first() {
            Some((acked, _)) if *acked <= due => continue,
            Some((acked, _)) => format!(
                "message {key} to {} was acknowledged {} after it was due",
                sending.talk,
                seconds(acked - due)
            ),
            None => format!("message {key} to {} was never acknowledged", sending.talk),
        };
        violations.push(Violation::new(Rule::Answered, text).of(*key));
    }
    if !facts.rolling {
        return;
    }
    for Record { at, what } in facts.records {
        if let What::Failed {
            device,
            connection,
            key,
            reason,
        } = what
            && facts.moves(*device, *connection)
        {
            let text = format!("message {key} failed at {}: {reason}", seconds(*at));
            violations.push(Violation::new(Rule::Rolling, text).of(*key));
        }
    }
}

impl Facts<'_> {
    /// Whether the server of a connection tells its client to move before it stops.
    pub(super) fn moves(&self, device: u32, connection: u32) -> bool {
        let facts = self.devices.get(&device);
        facts.is_some_and(|facts| facts.moves.contains(&connection))
    }
}
