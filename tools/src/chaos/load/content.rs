//! What messages say: which run they are of, and which of its messages they are.

use bytes::Bytes;

use super::super::history::{Seen, Talk};
use crate::client::{Conversation, Message, Outgoing};

/// A run, told apart from others that used the same conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chaos) struct Run(pub(in crate::chaos) u32);

impl Run {
    /// A message of the run. The text follows from the number, and so does the key that makes a resend the same message.
    pub(super) fn message(self, key: u64, to: Conversation) -> Outgoing {
        let text = self.text(key);
        Outgoing {
            key: Some(Bytes::from(text.clone())),
            ..Outgoing::raw(to, to.text_type(), text)
        }
    }

    /// Which message of the run it is.
    fn key(self, data: &[u8]) -> Option<u64> {
        let key = u64::from_str_radix(std::str::from_utf8(data.get(15..)?).ok()?, 16).ok()?;
        (self.text(key).as_bytes() == data).then_some(key)
    }

    fn text(self, key: u64) -> String {
        format!("chaos {:08x} {key:x}", self.0)
    }

    /// A message as somebody saw it, and where.
    pub(in crate::chaos) fn seen(self, me: u32, message: &Message) -> (Talk, Seen) {
        let seen = Seen {
            id: message.id,
            from: message.from,
            key: self.key(&message.data),
        };
        (Talk::of(me, message.conversation), seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_text_of_this_run_is_a_message_of_it() {
        let run = Run(0xfeed);
        for key in [0, 1, 0xabc, u64::MAX] {
            let message = run.message(key, Conversation::User(1));
            assert_eq!(run.key(&message.data), Some(key));
            assert_eq!(message.key, Some(message.data.clone()));
            assert_eq!(Run(1).key(&message.data), None);
            assert_eq!(run.key(&message.data[1..]), None);
            let longer = [&message.data[..], b"0"].concat();
            assert_ne!(run.key(&longer), Some(key));
        }
    }
}
