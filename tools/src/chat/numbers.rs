//! The short numbers by which messages on the screen are named.

use std::collections::{HashMap, VecDeque};

use crate::client::Conversation;

/// Messages that can be named; older ones lose their numbers.
const CAPACITY: usize = 5_000;

#[derive(Clone, Copy, Debug)]
struct Shown {
    message: (Conversation, u32),
    own: bool,
}

#[derive(Debug, Default)]
pub(super) struct Numbers {
    shown: VecDeque<Shown>,
    of: HashMap<(Conversation, u32), u32>,
    /// The number of the first one of `shown`, less one.
    dropped: u32,
    /// The user's own latest message.
    own: Option<(Conversation, u32)>,
}

impl Numbers {
    /// The number of a message that is shown; the one it had if it was shown before.
    pub(super) fn give(&mut self, conversation: Conversation, id: u32, own: bool) -> u32 {
        let message = (conversation, id);
        if own
            && self
                .own
                .is_none_or(|(with, before)| with != conversation || before < id)
        {
            self.own = Some(message);
        }
        if let Some(number) = self.of.get(&message) {
            return *number;
        }
        if self.shown.len() == CAPACITY
            && let Some(oldest) = self.shown.pop_front()
        {
            self.of.remove(&oldest.message);
            self.dropped += 1;
        }
        self.shown.push_back(Shown { message, own });
        let number = self.dropped + u32::try_from(self.shown.len()).unwrap_or(u32::MAX);
        self.of.insert(message, number);
        number
    }

    /// The number that a message has, if it was shown.
    pub(super) fn of(&self, conversation: Conversation, id: u32) -> Option<u32> {
        self.of.get(&(conversation, id)).copied()
    }

    /// The message of a number.
    pub(super) fn message(&self, number: u32) -> Option<(Conversation, u32)> {
        let index = number.checked_sub(self.dropped)?.checked_sub(1)?;
        let shown = self.shown.get(usize::try_from(index).ok()?)?;
        Some(shown.message)
    }

    /// The id and the number of the user's own latest message in a conversation, of those up to an id.
    pub(super) fn own_up_to(&self, conversation: Conversation, id: u32) -> Option<(u32, u32)> {
        let fits =
            |shown: &&Shown| shown.own && shown.message.0 == conversation && shown.message.1 <= id;
        let (_, id) = self
            .shown
            .iter()
            .filter(fits)
            .map(|shown| shown.message)
            .max()?;
        Some((id, self.of(conversation, id)?))
    }

    /// The user's own message that was shown last.
    pub(super) fn own(&self) -> Option<(Conversation, u32)> {
        self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_number_and_old_ones_lose_theirs() {
        let with = Conversation::User(2);
        let mut numbers = Numbers::default();
        assert_eq!(numbers.give(with, 7, false), 1);
        assert_eq!(numbers.give(with, 8, true), 2);
        assert_eq!(numbers.give(with, 7, false), 1);
        assert_eq!(numbers.message(2), Some((with, 8)));
        assert_eq!(numbers.own(), Some((with, 8)));
        assert_eq!((numbers.message(0), numbers.message(3)), (None, None));
        assert_eq!(numbers.own_up_to(with, 7), None);
        assert_eq!(numbers.own_up_to(with, 9), Some((8, 2)));
        assert_eq!(numbers.own_up_to(Conversation::Group(2), 9), None);
        for id in 9..9 + CAPACITY as u32 {
            numbers.give(with, id, false);
        }
        assert_eq!(numbers.message(2), None);
        assert_eq!(numbers.of(with, 8), None);
        assert_eq!(numbers.message(3), Some((with, 9)));
    }
}
