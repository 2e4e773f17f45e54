//! What the typed lines do.

use tokio::time::Instant;

use super::command::Line;
use super::help;
use super::mentions::composed;
use super::talk::{LAST_ACKS, Talk};
use super::view::whom;
use crate::client::messenger::{OutboxFull, StoreError};
use crate::client::{Conversation, Outgoing};

/// Names that `/users` and `/who` list at once.
const MAX_LISTED: usize = 200;

/// Users whose presence is asked about at once.
const MAX_ASKED: usize = 2000;

impl Talk {
    /// Does what a line says; false when somebody it names is not known and `last_chance` is still to come.
    pub(super) async fn carry_out(
        &mut self,
        line: Line,
        last_chance: bool,
    ) -> Result<bool, StoreError> {
        match line {
            Line::Say { whole, addressed } => {
                return self.say(whole, addressed, last_chance).await;
            }
            Line::To(name) => match name.strip_prefix('#') {
                Some(group) => return Ok(self.choose_group(group, last_chance)),
                None => return Ok(self.choose(&name, last_chance)),
            },
            Line::History(count) => self.history(count).await,
            Line::Chats => self.chats().await?,
            Line::Outbox => self.show_outbox().await?,
            Line::Recall(number) => self.recall(number).await,
            Line::Edit(number, text) => self.edit(number, &text).await,
            Line::Reply(number, text) => self.reply(number, &text).await?,
            Line::Who => self.who().await,
            Line::Unread => self.list_unread().await,
            Line::Seen => self.list_readers().await,
            Line::Friends => self.list_friends(),
            Line::Friend(step, name) => return Ok(self.befriend(step, &name, last_chance).await),
            Line::Group { name, members } => {
                return Ok(self.make_group(&name, &members, last_chance).await);
            }
            Line::InGroup(step) => return Ok(self.in_group(step, last_chance).await),
            Line::Groups => self.list_groups(),
            Line::Members => self.members().await,
            Line::Add(names) => return Ok(self.change(&names, true, last_chance).await),
            Line::Remove(names) => return Ok(self.change(&names, false, last_chance).await),
            Line::Users(text) => self.users(&text),
            Line::Help(None) => self.help(&help::overview()),
            Line::Help(Some(command)) => self.help(&help::about(command)),
            Line::Quit => self.leaving = Some(Instant::now() + LAST_ACKS),
            Line::LogOut => {
                self.log_out = true;
                self.leaving = Some(Instant::now() + LAST_ACKS);
            }
            Line::Nothing => {}
            Line::Unclear(words) => self.fail(&words),
        }
        Ok(true)
    }

    /// Says what did not work. Whoever types sees it and goes on; in a pipe nobody does, and the exit code tells.
    pub(super) fn fail(&mut self, words: &str) {
        self.failed |= !self.input.is_interactive();
        self.view.error(words);
    }

    fn help(&mut self, lines: &[String]) {
        lines.iter().for_each(|line| self.view.note("help", line));
    }

    async fn say(
        &mut self,
        whole: String,
        addressed: Option<(String, String)>,
        last_chance: bool,
    ) -> Result<bool, StoreError> {
        if let Some((name, text)) = &addressed {
            if let Some(id) = self.people.find(name) {
                self.partner = Some(Conversation::User(id));
                self.write(Conversation::User(id), text).await?;
                return Ok(true);
            }
            if !last_chance {
                return Ok(false);
            }
        }
        match self.partner {
            Some(partner) => self.write(partner, &whole).await?,
            None => self.fail("nobody to send this to: write `NAME: text` or choose with /to NAME; /users lists the names"),
        }
        Ok(true)
    }

    async fn write(&mut self, to: Conversation, text: &str) -> Result<(), StoreError> {
        let outgoing = composed(&self.people, to, text);
        self.send(&outgoing).await
    }

    /// Answers a message where it was written, and goes on there.
    async fn reply(&mut self, number: u32, text: &str) -> Result<(), StoreError> {
        let Some((conversation, id)) = self.named(Some(number)) else {
            return Ok(());
        };
        self.partner = Some(conversation);
        let outgoing = composed(&self.people, conversation, text).answering(id);
        self.send(&outgoing).await
    }

    async fn send(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        match self.messenger.send(outgoing).await {
            Ok(draft) => {
                self.pending.insert(draft);
            }
            Err(OutboxFull::Store(error)) => return Err(error),
            Err(error @ OutboxFull::Full) => self.fail(&error.to_string()),
        }
        Ok(())
    }

    fn choose(&mut self, name: &str, last_chance: bool) -> bool {
        match self.people.find(name) {
            Some(id) => {
                self.partner = Some(Conversation::User(id));
                let name = self.people.name(id);
                self.view.note("partner", &format!("writing to {name}"));
                true
            }
            None if last_chance => {
                self.fail(&format!("nobody is called {name}; /users lists the names"));
                true
            }
            None => false,
        }
    }

    async fn history(&mut self, count: u32) {
        let Some(partner) = self.partner else {
            return self.fail("/history needs somebody: choose with /to NAME");
        };
        let before = match self.shown_back_to.get(&partner) {
            Some(1) => return self.view.note("history", "this is the beginning"),
            Some(oldest) => *oldest,
            None => 0,
        };
        match self.messenger.history(partner, before, count).await {
            Ok(page) if page.is_empty() => self.view.note("history", "nothing older"),
            Ok(page) => {
                self.shown_back_to.insert(partner, page[0].message.id);
                for entry in &page {
                    self.show_message(&entry.message);
                }
            }
            Err(error) => self.fail(&format!("no history: {error}")),
        }
    }

    async fn chats(&mut self) -> Result<(), StoreError> {
        let states = self.messenger.store().conversations().await?;
        let states: Vec<_> = states.iter().filter(|state| !state.hidden).collect();
        if states.is_empty() {
            self.view.note("chats", "no conversations yet");
        }
        for state in states.into_iter().take(MAX_LISTED) {
            let unread = match state.unread {
                0 => String::new(),
                unread => format!(", {unread} unread"),
            };
            let name = whom(&self.people, state.conversation);
            let text = format!("{name}: {} messages{unread}", state.latest);
            self.view.note("chat", &text);
        }
        Ok(())
    }

    async fn show_outbox(&mut self) -> Result<(), StoreError> {
        let waiting = self.messenger.store().drafts().await?;
        if waiting.is_empty() {
            self.view.note("outbox", "everything is stored");
        }
        for draft in waiting {
            let to = whom(&self.people, draft.outgoing.to);
            let text = draft.text().unwrap_or_default();
            self.view.note("outbox", &format!("to {to}: {text}"));
        }
        Ok(())
    }

    /// The message of a short number, or the latest one of one's own.
    fn named(&mut self, number: Option<u32>) -> Option<(Conversation, u32)> {
        let named = match number {
            Some(number) => self.numbers.message(number),
            None => self.numbers.own(),
        };
        if named.is_none() {
            self.fail(&match number {
                Some(number) => format!("no message on this screen has the number {number}"),
                None => "no message of yours is on this screen: name one by its number".to_owned(),
            });
        }
        named
    }

    async fn recall(&mut self, number: Option<u32>) {
        let Some((conversation, id)) = self.named(number) else {
            return;
        };
        match self.messenger.recall(conversation, id).await {
            Ok(entry) => self.show_revised(&entry.message),
            Err(error) => self.fail(&format!("not taken back: {error}")),
        }
    }

    async fn edit(&mut self, number: Option<u32>, text: &str) {
        let Some((conversation, id)) = self.named(number) else {
            return;
        };
        match self.messenger.edit(conversation, id, text).await {
            Ok(entry) => self.show_revised(&entry.message),
            Err(error) => self.fail(&format!("not changed: {error}")),
        }
    }

    async fn who(&mut self) {
        let mut ids = self.people.ids();
        ids.truncate(MAX_ASKED);
        let Some(session) = self.messenger.session() else {
            return self.fail("cannot ask who is online: there is no connection");
        };
        match session.users_status(ids).await {
            Ok(stats) => {
                for (id, online) in stats {
                    self.people.set_online(id, online);
                }
                let all = self.people.matching("");
                let online: Vec<_> = all.iter().filter(|(_, _, online)| *online).collect();
                let names: Vec<&str> = online
                    .iter()
                    .take(MAX_LISTED)
                    .map(|(_, name, _)| *name)
                    .collect();
                let text = format!("{} online: {}", online.len(), names.join(", "));
                self.view.note("who", &text);
            }
            Err(error) => self.fail(&format!("cannot ask who is online: {error}")),
        }
    }

    async fn list_unread(&mut self) {
        let Some(session) = self.messenger.session() else {
            return self.fail(
                "cannot ask what is unread: there is no connection; /chats lists what is here",
            );
        };
        let unread = match session.unread().await {
            Ok(unread) => unread,
            Err(error) => return self.fail(&format!("cannot ask what is unread: {error}")),
        };
        if unread.unreadinfo_list.is_empty() {
            self.view.note("unread", "nothing is unread");
        }
        for info in unread.unreadinfo_list {
            let conversation = Conversation::from_wire(info.session_id, info.session_type);
            let text = format!(
                "{} from {}",
                info.unread_cnt,
                whom(&self.people, conversation)
            );
            self.view.note("unread", &text);
        }
    }

    fn users(&mut self, text: &str) {
        let found = self.people.matching(text);
        let (total, mut lines) = (found.len(), Vec::new());
        for (id, name, online) in found.into_iter().take(MAX_LISTED) {
            lines.push(format!(
                "{id:>8}  {name}{}",
                if online { "  (online)" } else { "" }
            ));
        }
        if total > MAX_LISTED {
            lines.push(format!(
                "… and {} more; /users TEXT narrows it down",
                total - MAX_LISTED
            ));
        }
        if total == 0 {
            lines.push("nobody".into());
        }
        lines.iter().for_each(|line| self.view.note("user", line));
    }
}
