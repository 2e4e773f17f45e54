//! Getting level with the server: names, presence, what was written while this client was away.

use super::talk::Talk;
use super::view::whom;
use crate::client::{Conversation, Message};

/// Unread messages of one conversation that are shown; /history shows older ones.
const MAX_UNREAD: u32 = 100;

/// Users whose presence is asked about at the start.
const MAX_ASKED: usize = 2000;

impl Talk {
    /// After the first login. What cannot be fetched is said and does without.
    pub(super) async fn greet(&mut self) {
        let profile = self.session.profile().clone();
        let me = profile.user_id;
        self.people.learn([profile]);
        match self.session.all_users(0).await {
            Ok(page) => self.people.learn(page.user_list),
            Err(error) => self.view.error(&format!("no address book: {error}")),
        }
        let text = format!("logged in as {}", self.people.name(me));
        self.view.note("connected", &text);
        let mut ids = self.people.ids();
        ids.truncate(MAX_ASKED);
        if let Ok(stats) = self.session.users_status(ids).await {
            for (id, online) in stats {
                self.people.set_online(id, online);
            }
        }
        self.show_unread().await;
    }

    /// After a reconnect: everything between what was shown and what there is.
    pub(super) async fn catch_up(&mut self) {
        let known: Vec<Conversation> = self.seen.keys().copied().collect();
        for conversation in known {
            let Ok(latest) = self.session.latest_id(conversation).await else {
                return;
            };
            loop {
                let missing = self
                    .seen
                    .get(&conversation)
                    .map(|seen| seen.missing(latest));
                if !self.fetch(conversation, missing.unwrap_or_default()).await {
                    break;
                }
            }
        }
        self.show_unread().await;
    }

    /// Fetches what others overtook and what did not come by itself.
    pub(super) async fn fill_overdue_gaps(&mut self) {
        let overdue: Vec<(Conversation, Vec<u32>)> = self
            .seen
            .iter_mut()
            .map(|(conversation, seen)| (*conversation, seen.overdue()))
            .collect();
        for (conversation, missing) in overdue {
            self.fetch(conversation, missing).await;
        }
    }

    /// Fetches and shows messages; false when that brought nothing new. Ids that do not exist are not asked for again.
    async fn fetch(&mut self, conversation: Conversation, missing: Vec<u32>) -> bool {
        if missing.is_empty() {
            return false;
        }
        let Ok(messages) = self.session.by_ids(conversation, missing.clone()).await else {
            return false;
        };
        self.show(messages).await;
        let seen = self.seen.entry(conversation).or_default();
        for id in missing {
            seen.arrive(id);
        }
        true
    }

    async fn show_unread(&mut self) {
        let unread = match self.session.unread().await {
            Ok(unread) => unread,
            Err(error) => {
                return self
                    .view
                    .error(&format!("cannot ask what is unread: {error}"));
            }
        };
        for info in unread.unreadinfo_list {
            let conversation = Conversation::from_wire(info.session_id, info.session_type);
            let wanted = info.unread_cnt.min(MAX_UNREAD);
            if info.unread_cnt > wanted {
                let text = format!(
                    "{} older unread messages; /history shows them",
                    info.unread_cnt - wanted
                );
                self.view.note("unread", &text);
            }
            match self.last_of_others(conversation, wanted).await {
                Ok(messages) => self.show(messages).await,
                Err(error) => self
                    .view
                    .error(&format!("cannot fetch what is unread: {error}")),
            }
        }
    }

    /// The newest messages of a conversation that hold `wanted` by others, oldest first.
    async fn last_of_others(
        &self,
        conversation: Conversation,
        wanted: u32,
    ) -> Result<Vec<Message>, crate::client::RequestError> {
        let me = self.session.user_id();
        let mut messages: Vec<Message> = Vec::new();
        let mut begin = 0;
        loop {
            let by_others = messages.iter().filter(|message| message.from != me).count();
            let still = wanted.saturating_sub(u32::try_from(by_others).unwrap_or(u32::MAX));
            if still == 0 || messages.last().is_some_and(|oldest| oldest.id <= 1) {
                break;
            }
            let page = self.session.history(conversation, begin, still).await?;
            let Some(oldest) = page.last() else { break };
            begin = oldest.id.saturating_sub(1);
            messages.extend(page);
        }
        messages.reverse();
        Ok(messages)
    }

    /// Shows messages that were not shown yet, in the order of their ids, and marks them read.
    pub(super) async fn show(&mut self, mut messages: Vec<Message>) {
        let me = self.session.user_id();
        messages.sort_unstable_by_key(|message| message.id);
        self.learn_writers(&messages).await;
        let mut read = None;
        for message in messages {
            let seen = self.seen.entry(message.conversation).or_default();
            if seen.arrive(message.id) {
                self.view.message(&self.people, me, &message);
            }
            if message.from != me {
                read = Some((message.conversation, seen.latest()));
            }
        }
        if let Some((conversation, latest)) = read {
            self.answer_to(conversation);
            // A connection that broke leaves it unread, and the next login shows it once more.
            drop(self.session.mark_read(conversation, latest).await);
        }
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

    /// Somebody may have joined since the address book was fetched, and groups show up with their messages.
    async fn learn_writers(&mut self, messages: &[Message]) {
        let mut unknown: Vec<u32> = messages
            .iter()
            .map(|message| message.from)
            .filter(|id| !self.people.knows(*id))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty()
            && let Ok(profiles) = self.session.users_info(unknown).await
        {
            self.people.learn(profiles);
        }
        let groups = messages
            .iter()
            .filter_map(|message| match message.conversation {
                Conversation::Group(group) => Some(group),
                Conversation::User(_) => None,
            });
        self.learn_groups(groups.collect()).await;
    }
}
