//! Counts and times of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::history::{Record, What};
use super::facts::{Facts, Fault};

/// Counts and times, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How long messages were sent.
    pub sending_ms: u64,
    /// Messages that were sent, resends not counted.
    pub messages: u64,
    /// Of those, acknowledged ones.
    pub acked: u64,
    /// Messages that were pushed.
    pub pushed: u64,
    /// Messages that came in answers.
    pub fetched: u64,
    /// Logins.
    pub logins: u64,
    /// Logins that failed.
    pub failed_logins: u64,
    /// Attempts to send that failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Of those, the ones of clients that are told to move before a server stops.
    pub failed_of_moving: u64,
    /// Logins of such clients.
    pub logins_of_moving: u64,
    /// The longest time from the first sending of a message to its acknowledgement.
    pub longest_ack_ms: u64,
    /// The message that took it.
    pub longest_ack: Option<u64>,
    /// The longest time from the acknowledgement of a message until a device had it.
    pub longest_delivery_ms: u64,
    /// What happened when.
    pub faults: Vec<FaultSummary>,
}

/// A fault, and how it was felt: by what was sent or due from its beginning until the next one began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultSummary {
    /// Counts from 1.
    pub fault: u32,
    /// In words.
    pub what: String,
    /// Since the beginning of the run.
    pub began_ms: u64,
    /// How long it lasted.
    pub lasted_ms: u64,
    /// The longest time until a message was acknowledged.
    pub longest_ack_ms: u64,
    /// The longest time until a device had an acknowledged message.
    pub longest_delivery_ms: u64,
    /// Attempts to send that failed.
    pub failed: u64,
}

pub(super) fn of(facts: &Facts<'_>) -> Summary {
    let mut summary = Summary {
        messages: facts.messages.len() as u64,
        faults: facts.faults.iter().map(felt).collect(),
        ..Summary::default()
    };
    let began: Vec<u64> = facts.faults.iter().map(|fault| fault.began).collect();
    let during = |at: u64| began.partition_point(|began| *began <= at).checked_sub(1);
    let first = facts.messages.values().map(|sending| sending.sent).min();
    if let (Some(first), Some(rest)) = (first, facts.rest) {
        summary.sending_ms = rest.saturating_sub(first) / 1000;
    }
    for (key, sending) in &facts.messages {
        let Some((acked, _)) = sending.acks.first() else {
            continue;
        };
        summary.acked += 1;
        let took = (acked - sending.sent) / 1000;
        if took > summary.longest_ack_ms {
            summary.longest_ack_ms = took;
            summary.longest_ack = Some(*key);
        }
        if let Some(fault) = during(sending.sent) {
            let felt = &mut summary.faults[fault];
            felt.longest_ack_ms = felt.longest_ack_ms.max(took);
        }
    }
    for ((talk, id), got) in facts.devices.values().flat_map(|device| &device.has) {
        let known = facts.talks.get(talk).and_then(|talk| talk.known.get(id));
        let Some(known) = known else { continue };
        let took = got.saturating_sub(*known) / 1000;
        summary.longest_delivery_ms = summary.longest_delivery_ms.max(took);
        if let Some(fault) = during(*known) {
            let felt = &mut summary.faults[fault];
            felt.longest_delivery_ms = felt.longest_delivery_ms.max(took);
        }
    }
    for record in facts.records {
        count(facts, record, &during, &mut summary);
    }
    summary
}

fn count(
    facts: &Facts<'_>,
    Record { at, what }: &Record,
    during: &impl Fn(u64) -> Option<usize>,
    summary: &mut Summary,
) {
    match what {
        What::Connected { moves, .. } => {
            summary.logins += 1;
            summary.logins_of_moving += u64::from(*moves);
        }
        What::NotConnected { .. } => summary.failed_logins += 1,
        What::Pushed { .. } => summary.pushed += 1,
        What::Fetched { seen, .. } => summary.fetched += seen.len() as u64,
        What::Failed {
            device,
            connection,
            reason,
            ..
        } => {
            *summary.failed.entry(reason.clone()).or_default() += 1;
            summary.failed_of_moving += u64::from(facts.moves(*device, *connection));
            if let Some(fault) = during(*at) {
                summary.faults[fault].failed += 1;
            }
        }
        _ => {}
    }
}

fn felt(fault: &Fault) -> FaultSummary {
    FaultSummary {
        fault: fault.number,
        what: fault.what.clone(),
        began_ms: fault.began / 1000,
        lasted_ms: (fault.ended - fault.began) / 1000,
        longest_ack_ms: 0,
        longest_delivery_ms: 0,
        failed: 0,
    }
}
