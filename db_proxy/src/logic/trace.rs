//! For whoever asks later what became of a message.

use im_base::telemetry::trace::{self, Conversation as Named, Record, Step};

use crate::store::{AppendOutcome, Conversation, Counterpart, NewMessage};

/// A transaction with these messages is committed.
pub(super) fn committed(messages: &[NewMessage], outcomes: &[AppendOutcome]) {
    let batch = u32::try_from(messages.len()).unwrap_or(u32::MAX);
    for (message, outcome) in messages.iter().zip(outcomes) {
        let Ok(appended) = outcome else { continue };
        let step = Step::Committed {
            batch,
            duplicate: appended.duplicate,
        };
        let Some(conversation) = named(message) else {
            continue;
        };
        let id = appended.message_id.get();
        trace::ring().push(Record::now(conversation, id, step));
    }
}

/// `None` for a sender who takes no part, whose message is not stored.
fn named(message: &NewMessage) -> Option<Named> {
    match message.conversation {
        Conversation::Group(group) => Some(Named::Group(group.get())),
        single => match single.counterpart_of(message.sender)? {
            Counterpart::User(other) => Some(Named::between(message.sender.get(), other.get())),
            Counterpart::Group(_) => None,
        },
    }
}
