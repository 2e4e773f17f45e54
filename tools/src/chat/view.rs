//! What the chat shows: lines for people, plain or coloured, or one JSON object per event.

mod groups;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proto::im::base_define::GroupModifyType;
use proto::im::ext::buddy::{Contact, ContactState};
use proto::im::group::ImGroupChangeMemberNotify;
use serde_json::{Value, json};

use super::input::Printer;
use super::people::People;
use super::reasons;
use crate::client::{Conversation, Message, ReadBy, Revision, Typing};
use crate::terminal::Paint;

pub(super) struct View {
    json: bool,
    paint: Paint,
    printer: Printer,
    zone: TimeZone,
}

impl View {
    pub(super) fn new(json: bool, printer: Printer) -> Self {
        Self {
            json,
            paint: printer.paint(),
            printer,
            zone: TimeZone::system(),
        }
    }

    /// A message, pushed or fetched, with the short number by which it is named, and that of the one that it answers.
    pub(super) fn message(
        &mut self,
        people: &People,
        me: u32,
        number: u32,
        answers: Option<u32>,
        message: &Message,
    ) {
        let references = &message.references;
        let for_me = message.from != me && references.mention(me);
        let from = people.name(message.from);
        let text = message.text();
        if self.json {
            self.object(json!({
                "event": "message",
                "id": message.id,
                "conversation": conversation(message.conversation),
                "from": message.from,
                "name": from,
                "mine": message.from == me,
                "time": message.sent_at,
                "text": text,
                "number": number,
                "revision": message.revision.map(revision),
                "answers": references.answers,
                "mentions": references.mentions,
                "mentions_everybody": references.everybody,
                "mentions_me": for_me,
            }));
            return;
        }
        let text =
            text.unwrap_or_else(|| format!("[{} bytes of another kind]", message.data.len()));
        let time = self.paint.dim(&self.time(message.sent_at));
        let name = self.paint.name(&from);
        let place = match message.conversation {
            Conversation::Group(group) => format!(" in {}", people.group_name(group)),
            Conversation::User(peer) if message.from == me => format!(" → {}", people.name(peer)),
            Conversation::User(_) => String::new(),
        };
        let number = self.paint.dim(&format!("{number:>3}"));
        let mark = match message.revision {
            Some(Revision::Edited) => self.paint.dim(" (edited)"),
            _ => String::new(),
        };
        let which = references.answers.map(|id| match answers {
            Some(number) => number.to_string(),
            None => format!("#{id}"),
        });
        let answer = which.map_or(String::new(), |which| {
            self.paint.dim(&format!(" (answers {which})"))
        });
        let call = match for_me {
            true => self.paint.warn(" (for you)"),
            false => String::new(),
        };
        // A message of several lines stays one block.
        let text = printable(&text).replace('\n', "\n              ");
        self.line(&format!(
            "{number} {time} {name}{place}{answer}{call}: {text}{mark}"
        ));
    }

    /// A message is stored.
    pub(super) fn stored(&mut self, people: &People, number: u32, message: &Message) {
        let (to, id) = (message.conversation, message.id);
        if self.json {
            self.object(json!({
                "event": "stored", "id": id, "conversation": conversation(to), "number": number,
                "text": message.text(), "answers": message.references.answers,
                "mentions": message.references.mentions,
                "mentions_everybody": message.references.everybody,
            }));
            return;
        }
        let mark = self.paint.good("✓");
        let number = self.paint.dim(&format!("{number:>3}"));
        let rest = self.paint.dim(&format!("#{id} to {}", whom(people, to)));
        self.line(&format!("{number} {mark} {rest}"));
    }

    /// A message is another one now.
    pub(super) fn revised(&mut self, people: &People, number: Option<u32>, message: &Message) {
        let text = message.text();
        if self.json {
            self.object(json!({
                "event": "revised", "id": message.id, "conversation": conversation(message.conversation),
                "number": number, "revision": message.revision.map(revision), "text": text,
            }));
            return;
        }
        let which = number.map_or(format!("#{}", message.id), |number| number.to_string());
        let (name, place) = (
            people.name(message.from),
            whom(people, message.conversation),
        );
        let line = match (message.revision, text) {
            (Some(Revision::Recalled), _) | (_, None) => {
                format!("{which}: {name} took this message back ({place})")
            }
            (_, Some(text)) => format!("{which}: {name} made this {} ({place})", printable(&text)),
        };
        self.line(&self.paint.dim(&line));
    }

    /// Somebody is something else to the user.
    pub(super) fn contact(&mut self, people: &People, contact: &Contact) {
        let name = people.name(contact.user_id);
        let (word, text) = standing(&name, contact);
        if self.json {
            self.object(json!({
                "event": "contact", "user": contact.user_id, "name": name, "state": word,
                "blocked": contact.blocked(), "greeting": contact.greeting,
            }));
            return;
        }
        self.line(&self.paint.dim(&printable(&text)));
    }

    /// A message is not stored.
    pub(super) fn lost(&mut self, people: &People, to: Conversation, text: &str, reason: &str) {
        if self.json {
            self.object(json!({
                "event": "refused", "conversation": conversation(to), "text": text, "reason": reason,
            }));
            return;
        }
        let mark = self.paint.bad("✗");
        let reason = reasons::message(reason);
        self.line(&format!("{mark} to {}: {reason}: {text}", whom(people, to)));
    }

    /// Somebody came or went.
    pub(super) fn presence(&mut self, people: &People, user_id: u32, online: bool) {
        let name = people.name(user_id);
        if self.json {
            self.object(
                json!({"event": "presence", "user": user_id, "name": name, "online": online}),
            );
            return;
        }
        let word = if online { "online" } else { "offline" };
        let line = format!("{name} is {word}");
        self.line(&self.paint.dim(&line));
    }

    /// Somebody begins or ceases to write; on a screen only what is news.
    pub(super) fn typing(&mut self, people: &People, typing: &Typing, is_news: bool) {
        let name = people.name(typing.user_id);
        if self.json {
            self.object(json!({
                "event": "typing", "user": typing.user_id, "name": name,
                "conversation": conversation(typing.conversation), "typing": typing.typing,
            }));
        } else if is_news {
            let place = match typing.conversation {
                Conversation::Group(group) => format!(" in {}", people.group_name(group)),
                Conversation::User(_) => String::new(),
            };
            self.line(&self.paint.dim(&format!("{name} is typing{place}")));
        }
    }

    /// Somebody has read up to a message; on a screen see [`was_read`](Self::was_read).
    pub(super) fn read_by(&mut self, people: &People, read: &ReadBy, number: Option<u32>) {
        if self.json {
            self.object(json!({
                "event": "read_by", "user": read.user_id, "name": people.name(read.user_id),
                "conversation": conversation(read.conversation), "id": read.id, "number": number,
            }));
        }
    }

    /// What the user wrote was read, up to this number.
    pub(super) fn was_read(&mut self, people: &People, number: u32, by: u32) {
        if !self.json {
            let mark = self.paint.good("✓✓");
            let number = self.paint.dim(&format!("{number:>3}"));
            let rest = self.paint.dim(&format!("read by {}", people.name(by)));
            self.line(&format!("{number} {mark} {rest}"));
        }
    }

    /// Members of a group came or went.
    pub(super) fn group_changed(&mut self, people: &People, notice: &ImGroupChangeMemberNotify) {
        let added = notice.change_type == GroupModifyType::Add as i32;
        if self.json {
            self.object(json!({
                "event": "members", "group": notice.group_id, "added": added, "by": notice.user_id,
                "users": notice.chg_user_id_list,
            }));
            return;
        }
        let names = notice.chg_user_id_list.iter().map(|id| people.name(*id));
        let names = names.collect::<Vec<_>>().join(", ");
        let by = match notice.user_id {
            0 => String::new(),
            user => format!(", by {}", people.name(user)),
        };
        let word = if added { "is in" } else { "is out of" };
        let group = people.group_name(notice.group_id);
        self.line(&self.paint.dim(&format!("{names} {word} {group}{by}")));
    }

    /// Something about the connection or a command's outcome; `event` names it in JSON.
    pub(super) fn note(&mut self, event: &str, text: &str) {
        if self.json {
            self.object(json!({"event": event, "text": text}));
        } else {
            self.line(&self.paint.dim(text));
        }
    }

    /// Something did not work.
    pub(super) fn error(&mut self, text: &str) {
        if self.json {
            self.object(json!({"event": "error", "text": text}));
        } else {
            self.line(&self.paint.bad(text));
        }
    }

    fn object(&mut self, object: Value) {
        self.printer.line(&object.to_string());
    }

    fn line(&mut self, text: &str) {
        self.printer.line(text);
    }

    /// The hour for today's, the day before it for others.
    fn time(&self, seconds: u32) -> String {
        let at = |stamp: Timestamp| stamp.to_zoned(self.zone.clone());
        match Timestamp::from_second(i64::from(seconds)).map(at) {
            Ok(then) if then.date() == at(Timestamp::now()).date() => {
                then.strftime("[%H:%M]").to_string()
            }
            Ok(then) => then.strftime("[%Y-%m-%d %H:%M]").to_string(),
            Err(_) => "[--:--]".into(),
        }
    }
}

/// What somebody is, in a word and in a sentence.
fn standing(name: &str, contact: &Contact) -> (&'static str, String) {
    let (word, text) = match ContactState::try_from(contact.state) {
        Ok(ContactState::ContactFriend) => ("friend", format!("{name} is your friend")),
        Ok(ContactState::ContactAsked) => ("asked", format!("you asked {name} to be friends")),
        Ok(ContactState::ContactAsksMe) => {
            let greeting = contact.greeting.as_deref().unwrap_or_default();
            let greeting = match greeting.is_empty() {
                true => String::new(),
                false => format!(": {greeting}"),
            };
            let text = format!("{name} asks to be your friend (/friend accept {name}){greeting}");
            ("asks_me", text)
        }
        _ => ("none", format!("{name} is no friend")),
    };
    match contact.blocked() {
        true => (word, format!("{name} is blocked")),
        false => (word, text),
    }
}

fn revision(revision: Revision) -> &'static str {
    match revision {
        Revision::Edited => "edited",
        Revision::Recalled => "recalled",
    }
}

/// What to call a conversation.
pub(super) fn whom(people: &People, conversation: Conversation) -> String {
    match conversation {
        Conversation::User(id) => people.name(id),
        Conversation::Group(id) => people.group_name(id),
    }
}

/// Others' text must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn conversation(conversation: Conversation) -> Value {
    match conversation {
        Conversation::User(id) => json!({"user": id}),
        Conversation::Group(id) => json!({"group": id}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_others_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
    }
}
