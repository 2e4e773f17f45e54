//! What is told in passing: who is typing, and how far others have read.

use std::collections::HashMap;
use std::time::Duration;

use proto::capability;
use tokio::time::Instant;

use super::reasons;
use super::talk::Talk;
use crate::client::{Conversation, ReadBy, ReadersError, Session, Typing};

/// How long others may take the user to go on typing before they are told again.
const AGAIN: Duration = Duration::from_secs(4);

/// Somebody who goes on typing is shown once in so long.
const SPELL: Duration = Duration::from_secs(60);

/// People whose typing is remembered; more, and it is shown once too often.
const MOST_TYPING: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Whom the user's typing was told to, and when last.
    told: Option<(Conversation, Instant)>,
    /// Who was shown to type where, and when.
    typing: HashMap<(Conversation, u32), Instant>,
    /// How far others have read.
    read: HashMap<(Conversation, u32), Position>,
}

/// Of one reader of a conversation.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Everything up to this message.
    read: u32,
    /// Up to which one the user was shown it.
    shown: u32,
}

impl Signs {
    /// Whether this is the first that is heard of it for some time.
    fn begins(&mut self, who: (Conversation, u32), now: Instant) -> bool {
        if self.typing.len() >= MOST_TYPING {
            self.typing.clear();
        }
        let recent = |then: &Instant| now.duration_since(*then) < SPELL;
        if self.typing.get(&who).is_some_and(recent) {
            return false;
        }
        self.typing.insert(who, now);
        true
    }

    /// What was being typed is there.
    pub(super) fn wrote(&mut self, conversation: Conversation, user: u32) {
        self.typing.remove(&(conversation, user));
    }
}

impl Talk {
    /// The line that is typed has changed; `writing` if it is a message.
    pub(super) async fn edited(&mut self, writing: bool) {
        if !writing {
            if let Some((partner, _)) = self.signs.told.take() {
                self.say_typing(partner, false).await;
            }
            return;
        }
        let Some(partner) = self.partner else {
            return;
        };
        let told = self.signs.told;
        if told.is_none_or(|(to, at)| to != partner || at.elapsed() >= AGAIN) {
            self.signs.told = Some((partner, Instant::now()));
            self.say_typing(partner, true).await;
        }
    }

    async fn say_typing(&self, partner: Conversation, typing: bool) {
        if let Some(session) = self.session_with(capability::TYPING) {
            // An error is a connection that is gone, and so is what was told by it.
            drop(session.say_typing(partner, typing).await);
        }
    }

    fn session_with(&self, capability: u64) -> Option<Session> {
        let session = self.messenger.session()?;
        (session.granted() & capability != 0).then_some(session)
    }

    pub(super) fn somebody_types(&mut self, typing: Typing) {
        let who = (typing.conversation, typing.user_id);
        let begins = typing.typing && self.signs.begins(who, Instant::now());
        self.view.typing(&self.people, &typing, begins);
    }

    pub(super) fn somebody_reads(&mut self, read: ReadBy) {
        let number = self.numbers.of(read.conversation, read.id);
        self.view.read_by(&self.people, &read, number);
        let who = (read.conversation, read.user_id);
        let position = self.signs.read.entry(who).or_default();
        position.read = position.read.max(read.id);
        self.show_read(read.conversation);
    }

    /// Shows the user which of the messages to somebody were read, if that is news.
    pub(super) fn show_read(&mut self, conversation: Conversation) {
        let Conversation::User(peer) = conversation else {
            return;
        };
        let Some(position) = self.signs.read.get_mut(&(conversation, peer)) else {
            return;
        };
        let own = self.numbers.own_up_to(conversation, position.read);
        if let Some((id, number)) = own
            && id > position.shown
        {
            position.shown = id;
            self.view.was_read(&self.people, number, peer);
        }
    }

    /// `/seen`
    pub(super) async fn list_readers(&mut self) {
        let Some(partner) = self.partner else {
            return self.fail("/seen needs somebody: choose with /to NAME");
        };
        if self.messenger.session().is_none() {
            return self.fail("cannot ask who has read what: there is no connection");
        }
        let Some(session) = self.session_with(capability::READERS) else {
            return self.fail(
                "who has read what is not shown: this chat was started with --private, or the server does not tell",
            );
        };
        let readers = match session.readers(partner).await {
            Ok(readers) => readers,
            Err(ReadersError::Refused(reason)) => {
                let why = reasons::readers(&reason);
                return self.fail(&format!("who has read what is not shown: {why}"));
            }
            Err(error) => return self.fail(&format!("cannot ask who has read what: {error}")),
        };
        if readers.is_empty() {
            self.view
                .note("seen", "nobody has shown how far he has read here");
        }
        let state = self.messenger.store().conversation(partner).await;
        let latest = state.ok().flatten().map_or(u32::MAX, |state| state.latest);
        for reader in readers {
            let name = self.people.name(reader.user_id);
            let how_far = match self.numbers.of(partner, reader.id) {
                _ if reader.id >= latest => "everything".to_owned(),
                Some(number) => format!("up to {number}"),
                None => format!("up to #{}", reader.id),
            };
            self.view
                .note("seen", &format!("{name} has read {how_far}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_shown_once_until_something_is_written() {
        let mut signs = Signs::default();
        let (now, who) = (Instant::now(), (Conversation::User(2), 2));
        assert!(signs.begins(who, now));
        assert!(!signs.begins(who, now + SPELL / 2));
        assert!(signs.begins((Conversation::Group(1), 2), now));
        signs.wrote(Conversation::User(2), 2);
        assert!(signs.begins(who, now + SPELL / 2));
        assert!(signs.begins(who, now + SPELL * 2));
        for user in 0..10 * MOST_TYPING as u32 {
            signs.begins((Conversation::Group(1), user), now);
        }
        assert!(signs.typing.len() <= MOST_TYPING);
    }
}
