//! What the typed lines do.

use tokio::time::Instant;

use super::command::{HELP, Line};
use super::talk::Talk;
use super::view::whom;
use crate::client::Conversation;

/// Names that `/users` and `/who` list at once.
const MAX_LISTED: usize = 200;

/// Users whose presence is asked about at once.
const MAX_ASKED: usize = 2000;

impl Talk {
    /// Does what a line says; false when somebody it names is not known and `last_chance` is still to come.
    pub(super) async fn carry_out(&mut self, line: Line, last_chance: bool) -> bool {
        match line {
            Line::Say { whole, addressed } => return self.say(whole, addressed, last_chance),
            Line::To(name) => match name.strip_prefix('#') {
                Some(group) => self.choose_group(group).await,
                None => return self.choose(&name, last_chance),
            },
            Line::History(count) => self.history(count).await,
            Line::Who => self.who().await,
            Line::Unread => self.list_unread().await,
            Line::Group { name, members } => {
                return self.make_group(name, &members, last_chance).await;
            }
            Line::Groups => self.groups().await,
            Line::Members => self.members().await,
            Line::Add(names) => return self.add(&names, last_chance).await,
            Line::Users(text) => self.users(&text),
            Line::Help => HELP.lines().for_each(|line| self.view.note("help", line)),
            Line::Quit => self.leaving = Some(Instant::now() + super::talk::LAST_ACKS),
            Line::Nothing => {}
            Line::Unclear(words) => self.fail(&words),
        }
        true
    }

    pub(super) fn fail(&mut self, words: &str) {
        self.failed = true;
        self.view.error(words);
    }

    fn say(
        &mut self,
        whole: String,
        addressed: Option<(String, String)>,
        last_chance: bool,
    ) -> bool {
        if let Some((name, text)) = &addressed {
            if let Some(id) = self.people.find(name) {
                self.partner = Some(Conversation::User(id));
                self.outbox.add(Conversation::User(id), text.clone());
                return true;
            }
            if !last_chance {
                return false;
            }
        }
        match self.partner {
            Some(partner) => self.outbox.add(partner, whole),
            None => self.fail("nobody to send this to: write `NAME: text` or choose with /to NAME; /users lists the names"),
        }
        true
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
        let begin = match self.shown_back_to.get(&partner) {
            Some(1) => return self.view.note("history", "this is the beginning"),
            Some(oldest) => oldest - 1,
            None => 0,
        };
        match self.session.history(partner, begin, count).await {
            Ok(page) if page.is_empty() => self.view.note("history", "nothing older"),
            Ok(mut page) => {
                page.sort_unstable_by_key(|message| message.id);
                self.shown_back_to.insert(partner, page[0].id);
                for message in &page {
                    self.view
                        .message(&self.people, self.session.user_id(), message);
                }
            }
            Err(error) => self.fail(&format!("no history: {error}")),
        }
    }

    async fn who(&mut self) {
        let mut ids = self.people.ids();
        ids.truncate(MAX_ASKED);
        match self.session.users_status(ids).await {
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
        let unread = match self.session.unread().await {
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
