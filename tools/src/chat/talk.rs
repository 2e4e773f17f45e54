//! The chat itself: lines in, news shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::ExitCode;
use std::time::Duration;

use proto::im::ext::group::GroupDetails;
use tokio::time::{Instant, sleep_until};

use super::command::parse;
use super::input::{Input, Typed};
use super::numbers::Numbers;
use super::people::People;
use super::requests::Requests;
use super::signs::Signs;
use super::view::{View, whom};
use crate::client::Conversation;
use crate::client::messenger::{DraftId, Messenger, NewsStream, StoreError};

/// How long a name that nobody has may still turn up: a large address book comes in pages.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// How long a pipe is left unread until everything is here that was said before.
const CATCHING_UP: Duration = Duration::from_secs(5);

/// How long the messages of a piped input may take after its end.
pub(super) const LAST_ACKS: Duration = Duration::from_secs(60);

/// Messages that wait to be stored before no more lines are read.
const MAX_PENDING: usize = 200;

/// How long what was shown waits to be marked as read, so that a burst is marked at once.
pub(super) const READ_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Talk {
    pub(super) messenger: Messenger,
    news: NewsStream,
    pub(super) input: Input,
    pub(super) view: View,
    pub(super) people: People,
    pub(super) numbers: Numbers,
    /// Who is to come into which group.
    pub(super) requests: Requests,
    /// Who types, and who has read what.
    pub(super) signs: Signs,
    /// Groups as they were last heard of, to say what is another.
    pub(super) details: HashMap<u32, GroupDetails>,
    /// Whether what is not sent by the end is sent by the next run.
    pub(super) lasting: bool,
    pub(super) me: u32,
    pub(super) connections: u32,
    /// What was written and is not known to be stored.
    pub(super) pending: BTreeSet<DraftId>,
    /// By conversation, the oldest id that `/history` showed.
    pub(super) shown_back_to: HashMap<Conversation, u32>,
    /// To be marked as read.
    pub(super) read: BTreeMap<Conversation, u32>,
    pub(super) read_at: Option<Instant>,
    pub(super) partner: Option<Conversation>,
    /// Until when lines are left unread.
    pub(super) quiet_until: Option<Instant>,
    /// A line for somebody who is not known yet.
    held: Option<String>,
    /// From when on a name that nobody has is nobody's.
    names_due: Instant,
    /// Names are not those any more that Tab completes.
    pub(super) renamed: bool,
    /// Something was not done that was asked for.
    pub(super) failed: bool,
    /// The token is forgotten in the end.
    pub(super) log_out: bool,
    /// The input has ended, by itself or by `/quit`; until when acknowledgements are waited for.
    pub(super) leaving: Option<Instant>,
}

impl Talk {
    pub(super) fn new(
        messenger: Messenger,
        news: NewsStream,
        input: Input,
        view: View,
        lasting: bool,
    ) -> Self {
        // Somebody who types sees what comes, and is not kept waiting for it.
        let quiet = !input.is_interactive();
        Self {
            quiet_until: quiet.then(|| Instant::now() + CATCHING_UP),
            messenger,
            news,
            input,
            view,
            people: People::default(),
            numbers: Numbers::default(),
            requests: Requests::default(),
            signs: Signs::default(),
            details: HashMap::new(),
            lasting,
            me: 0,
            connections: 0,
            pending: BTreeSet::new(),
            shown_back_to: HashMap::new(),
            read: BTreeMap::new(),
            read_at: None,
            partner: None,
            held: None,
            names_due: Instant::now() + NAME_PATIENCE,
            renamed: true,
            failed: false,
            // What is kept nowhere is of no use to a next run, and neither is its token.
            log_out: !lasting,
            leaving: None,
        }
    }

    /// Until the input ends and everything typed is stored.
    pub(super) async fn run(mut self) -> anyhow::Result<ExitCode> {
        let outcome = self.talk().await;
        self.mark_read().await;
        match self.log_out {
            true => self.messenger.log_out().await,
            false => self.messenger.close().await,
        }
        self.messenger.store().close().await;
        outcome?;
        Ok(if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    async fn talk(&mut self) -> anyhow::Result<()> {
        self.recollect().await?;
        if self.input.is_interactive() {
            self.view.note(
                "hint",
                "/help lists the commands, Tab completes, Ctrl-D leaves",
            );
        }
        loop {
            self.offer_names();
            if self.leaving.is_some() && self.pending.is_empty() && self.held.is_none() {
                return Ok(());
            }
            let reading = self.leaving.is_none()
                && self.held.is_none()
                && self.quiet_until.is_none()
                && self.pending.len() < MAX_PENDING;
            tokio::select! {
                typed = self.input.next(reading) => match typed {
                    Typed::Line(line) => self.typed(line).await?,
                    Typed::Writing(writing) => self.edited(writing).await,
                    Typed::NotText => self.fail(
                        "a line of the input is not UTF-8: it and what follows it are left out",
                    ),
                    Typed::End => self.leaving = Some(Instant::now() + LAST_ACKS),
                },
                news = self.news.next() => {
                    let Some(news) = news else { return Ok(()) };
                    self.happened(news).await?;
                }
                () = sleep_until(self.names_due), if self.held.is_some() => {
                    self.look_again().await?;
                }
                () = until(self.quiet_until) => self.quiet_until = None,
                () = until(self.read_at) => self.mark_read().await,
                () = until(self.leaving) => {
                    self.give_up().await?;
                    return Ok(());
                }
            }
        }
    }

    /// Carries a line out, or holds it while the name in it may still turn up.
    async fn typed(&mut self, line: String) -> Result<(), StoreError> {
        let last_chance = Instant::now() >= self.names_due;
        if self.carry_out(parse(&line), last_chance).await? {
            self.prompt();
        } else {
            self.held = Some(line);
        }
        Ok(())
    }

    /// Who is known can be completed.
    fn offer_names(&mut self) {
        if std::mem::take(&mut self.renamed) {
            self.input.complete(self.people.names());
        }
    }

    /// Somebody may be known now.
    pub(super) async fn look_again(&mut self) -> Result<(), StoreError> {
        self.offer_names();
        match self.held.take() {
            Some(line) => self.typed(line).await,
            None => Ok(()),
        }
    }

    /// More names may come for a while, or none.
    pub(super) fn names_come(&mut self, more: bool) {
        let patience = if more { NAME_PATIENCE } else { Duration::ZERO };
        self.names_due = Instant::now() + patience;
    }

    async fn give_up(&mut self) -> Result<(), StoreError> {
        self.failed = true;
        let waiting = self.messenger.store().drafts().await?;
        if self.lasting {
            let text = format!(
                "{} not stored yet; the next chat sends what is left",
                waiting.len()
            );
            self.view.error(&text);
            return Ok(());
        }
        for draft in waiting {
            let text = draft.text().unwrap_or_default();
            let why = "not acknowledged in time";
            self.view.lost(&self.people, draft.outgoing.to, &text, why);
        }
        Ok(())
    }

    /// What was shown is read. A connection that is gone hears of it later.
    pub(super) async fn mark_read(&mut self) {
        self.read_at = None;
        for (conversation, id) in std::mem::take(&mut self.read) {
            // An error leaves it unread, and the next run shows it once more.
            drop(self.messenger.mark_read(conversation, id).await);
        }
    }

    pub(super) fn prompt(&self) {
        let prompt = match self.partner {
            Some(partner) => format!("{}> ", whom(&self.people, partner)),
            None => "> ".into(),
        };
        self.input.prompt(prompt);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
