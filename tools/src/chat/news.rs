//! What the messenger tells, shown.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use super::talk::{READ_AFTER, Talk};
use super::view::whom;
use crate::client::messenger::{EndReason, Entry, News, StoreError};
use crate::client::{Conversation, Event, Message};

/// Users whose presence is asked about.
const MAX_ASKED: usize = 2000;

/// How long that may take.
const ASKING: Duration = Duration::from_secs(3);

/// Unread messages of an earlier run that are shown of each conversation.
const MAX_UNREAD: u32 = 100;

impl Talk {
    /// What is here from earlier runs.
    pub(super) async fn recollect(&mut self) -> Result<(), StoreError> {
        let store = self.messenger.store().clone();
        self.me = store.user_id().await?;
        self.people.learn(store.users().await?);
        for group in store.groups().await? {
            self.people.learn_group(group);
        }
        for contact in store.contacts().await? {
            self.people.learn_contact(contact);
        }
        let waiting = store.drafts().await?;
        if !waiting.is_empty() {
            let text = format!("{} messages of before are sent now", waiting.len());
            self.view.note("resending", &text);
            self.pending.extend(waiting.iter().map(|draft| draft.id));
        }
        // What an earlier run was told of and did not come to show.
        for state in store.conversations().await? {
            if state.unread == 0 {
                continue;
            }
            let newest = store.messages(state.conversation, 0, MAX_UNREAD).await?;
            for entry in newest {
                let id = entry.message.id;
                if id > state.read && id <= state.told {
                    self.show(&entry);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn happened(&mut self, news: News) -> anyhow::Result<()> {
        match news {
            News::Connected => self.connected().await?,
            News::CaughtUp => {
                self.quiet_until = None;
                self.names_come(false);
                self.look_again().await?;
                self.ask_who_is_there().await;
            }
            News::Disconnected { reason } => {
                let text = format!("{reason}; connecting again");
                self.view.note("disconnected", &text);
            }
            News::Message(entry) => {
                self.show(&entry);
                self.prompt();
            }
            News::Sent { draft, entry } => {
                self.pending.remove(&draft);
                let message = &entry.message;
                let number = self.numbers.give(message.conversation, message.id, true);
                self.view.stored(&self.people, number, message);
                self.show_read(message.conversation);
            }
            News::NotSent { draft, reason } => {
                self.pending.remove(&draft.id);
                self.failed = true;
                let reason = match reason.as_str() {
                    "" => "refused by the server",
                    reason => reason,
                };
                let text = draft.text().unwrap_or_default();
                self.view
                    .lost(&self.people, draft.outgoing.to, &text, reason);
            }
            News::Revised(entry) => self.show_revised(&entry.message),
            News::Users(users) => {
                self.people.learn(users);
                self.renamed = true;
                self.names_come(true);
                self.look_again().await?;
            }
            News::Presence { user_id, online } => {
                let news = self.people.set_online(user_id, online);
                if news && user_id != self.me {
                    self.view.presence(&self.people, user_id, online);
                }
            }
            News::Contact(contact) => {
                let before = self.people.learn_contact(contact.clone());
                if before.as_ref() != Some(&contact) {
                    self.view.contact(&self.people, &contact);
                }
            }
            News::Group(group) => {
                self.people.learn_group(group);
                self.renamed = true;
                self.look_again().await?;
            }
            News::GroupIs(changed) => self.group_is(changed),
            News::GroupRequest(request) => self.request_is(request),
            News::Members(notice) => self.view.group_changed(&self.people, &notice),
            News::Left(group) => self.left(group),
            News::Cleared => {
                self.people.forget();
                self.view
                    .note("cleared", "the server has begun anew: the history here too");
            }
            News::Lagged { .. } => self.recollect_names().await?,
            News::Event(Event::Typing(typing)) => self.somebody_types(typing),
            News::Event(Event::ReadBy(read)) => self.somebody_reads(read),
            News::Read { .. } | News::Event(_) => {}
            News::Ended(EndReason::Closed) => {}
            News::Ended(EndReason::Kicked(reason)) => return Err(reason.into()),
            News::Ended(reason) => return Err(anyhow!("{reason}")),
        }
        Ok(())
    }

    async fn connected(&mut self) -> Result<(), StoreError> {
        self.connections += 1;
        self.me = self.messenger.store().user_id().await?;
        if self.connections > 1 {
            self.view.note("connected", "connected again");
            return Ok(());
        }
        if let Some(session) = self.messenger.session() {
            self.people.learn([session.profile().clone()]);
        }
        let text = format!("logged in as {}", self.people.name(self.me));
        self.view.note("connected", &text);
        Ok(())
    }

    async fn ask_who_is_there(&mut self) {
        let Some(session) = self.messenger.session() else {
            return;
        };
        let mut ids = self.people.ids();
        ids.truncate(MAX_ASKED);
        if let Ok(stats) = session.with_deadline(ASKING).users_status(ids).await {
            for (id, online) in stats {
                self.people.set_online(id, online);
            }
        }
    }

    async fn recollect_names(&mut self) -> Result<(), StoreError> {
        let store = self.messenger.store().clone();
        self.people.learn(store.users().await?);
        for group in store.groups().await? {
            self.people.learn_group(group);
        }
        for contact in store.contacts().await? {
            self.people.learn_contact(contact);
        }
        self.renamed = true;
        Ok(())
    }

    /// Shows a message; what others wrote is read by that.
    fn show(&mut self, entry: &Entry) {
        let message = &entry.message;
        self.show_message(message);
        if message.from == self.me {
            return;
        }
        self.signs.wrote(message.conversation, message.from);
        let read = self.read.entry(message.conversation).or_default();
        *read = message.id.max(*read);
        self.read_at
            .get_or_insert_with(|| Instant::now() + READ_AFTER);
        self.answer_to(message.conversation);
    }

    pub(super) fn show_message(&mut self, message: &Message) {
        let own = message.from == self.me;
        let number = self.numbers.give(message.conversation, message.id, own);
        let answered = message.references.answers;
        let answers = answered.and_then(|id| self.numbers.of(message.conversation, id));
        self.view
            .message(&self.people, self.me, number, answers, message);
    }

    pub(super) fn show_revised(&mut self, message: &Message) {
        let number = self.numbers.of(message.conversation, message.id);
        self.view.revised(&self.people, number, message);
    }

    /// Somebody wrote: if nobody was chosen yet, answers go there.
    fn answer_to(&mut self, conversation: Conversation) {
        if self.partner.is_none() {
            self.partner = Some(conversation);
            let name = whom(&self.people, conversation);
            let text = format!("your answers go to {name}; /to NAME changes that");
            self.view.note("partner", &text);
        }
    }

    pub(super) fn left(&mut self, group: u32) {
        if self.partner == Some(Conversation::Group(group)) {
            self.partner = None;
            self.prompt();
        }
        let text = format!("you are not in {} any more", self.people.group_name(group));
        self.view.note("left", &text);
        self.people.forget_group(group);
        self.details.remove(&group);
        self.renamed = true;
    }
}
