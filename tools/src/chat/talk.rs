//! The chat's loop: input, events, acknowledgements, reconnects. One task owns all of its state.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::command::parse;
use super::input::Input;
use super::link::Link;
use super::outbox::{Outbox, Outcome};
use super::people::People;
use super::seen::Seen;
use super::view::{View, whom};
use crate::client::{CloseReason, Conversation, Event, Events, Session};

/// Between two looks for messages that are missing between others.
const GAP_CHECK: Duration = Duration::from_secs(2);

/// How long a name that nobody has may still turn up: a large address book comes in pages.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// How long the messages of a piped input may take after its end.
pub(super) const LAST_ACKS: Duration = Duration::from_secs(60);

type Relink = BoxFuture<'static, anyhow::Result<(Session, Events)>>;

pub(super) struct Talk {
    link: Link,
    pub(super) session: Session,
    events: Events,
    /// Set while the connection is down.
    relink: Option<Relink>,
    input: Input,
    pub(super) view: View,
    pub(super) people: People,
    pub(super) outbox: Outbox,
    pub(super) seen: HashMap<Conversation, Seen>,
    /// By conversation, the oldest id that `/history` showed.
    pub(super) shown_back_to: HashMap<Conversation, u32>,
    pub(super) partner: Option<Conversation>,
    /// A line for somebody who is not known yet.
    held: Option<String>,
    /// From when on a name that nobody has is nobody's.
    names_due: Instant,
    /// Something was not done that was asked for.
    pub(super) failed: bool,
    /// The input has ended, by itself or by `/quit`; until when acknowledgements are waited for.
    pub(super) leaving: Option<Instant>,
}

impl Talk {
    pub(super) fn new(
        link: Link,
        session: Session,
        events: Events,
        input: Input,
        view: View,
    ) -> Self {
        Self {
            link,
            session,
            events,
            relink: None,
            input,
            view,
            people: People::default(),
            outbox: Outbox::default(),
            seen: HashMap::new(),
            shown_back_to: HashMap::new(),
            partner: None,
            held: None,
            names_due: Instant::now() + NAME_PATIENCE,
            failed: false,
            leaving: None,
        }
    }

    /// Until the input ends and everything typed is stored.
    pub(super) async fn run(mut self) -> anyhow::Result<ExitCode> {
        self.greet().await;
        if self.input.is_interactive() {
            self.view
                .note("hint", "/help lists the commands, Ctrl-D leaves");
        }
        self.prompt();
        let mut gaps = interval(GAP_CHECK);
        gaps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let paced = if self.relink.is_none() {
                self.outbox.pump(&self.session).await
            } else {
                None
            };
            if self.leaving.is_some() && self.outbox.is_empty() && self.held.is_none() {
                break;
            }
            let reading = self.leaving.is_none() && self.held.is_none() && !self.outbox.is_full();
            tokio::select! {
                line = self.input.next(), if reading => match line {
                    Some(line) => self.typed(line).await,
                    None => self.leaving = Some(Instant::now() + LAST_ACKS),
                },
                event = self.events.next(), if self.relink.is_none() => {
                    if let Some(event) = event {
                        self.happened(event).await?;
                        self.prompt();
                    }
                }
                linked = relinked(&mut self.relink), if self.relink.is_some() => {
                    self.relink = None;
                    (self.session, self.events) = linked?;
                    self.view.note("connected", "connected again");
                    self.catch_up().await;
                }
                outcome = self.outbox.next(), if self.outbox.awaits() => {
                    if let Some(outcome) = outcome {
                        self.settled(outcome);
                    }
                }
                () = until(paced), if paced.is_some() => {}
                () = sleep_until(self.names_due), if self.held.is_some() => {
                    if let Some(line) = self.held.take() {
                        self.typed(line).await;
                    }
                }
                () = until(self.leaving), if self.leaving.is_some() => {
                    self.give_up();
                    break;
                }
                _ = gaps.tick(), if self.relink.is_none() => self.fill_overdue_gaps().await,
            }
        }
        // The connection closes in any case.
        drop(
            self.session
                .with_deadline(Duration::from_secs(2))
                .logout()
                .await,
        );
        Ok(if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    /// Carries a line out, or holds it while the name in it may still turn up.
    async fn typed(&mut self, line: String) {
        let last_chance = Instant::now() >= self.names_due;
        if self.carry_out(parse(&line), last_chance).await {
            self.prompt();
        } else {
            self.held = Some(line);
        }
    }

    async fn happened(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Message(message) => self.show(vec![message]).await,
            Event::Presence { user_id, online } => {
                let news = self.people.set_online(user_id, online);
                if news && user_id != self.session.user_id() {
                    self.view.presence(&self.people, user_id, online);
                }
            }
            Event::GroupChanged(notice) => {
                self.learn_groups(vec![notice.group_id]).await;
                self.view.group_changed(&self.people, &notice);
            }
            Event::MoreUsers(page) => {
                self.people.learn(page.user_list);
                self.names_due = Instant::now() + NAME_PATIENCE;
                if let Some(line) = self.held.take() {
                    self.typed(line).await;
                }
            }
            Event::Lagged { lost } => {
                self.view.note(
                    "lagged",
                    &format!("{lost} events were too many at once; messages are fetched again"),
                );
                self.catch_up().await;
            }
            Event::Closed(reason @ CloseReason::Kicked { .. }) => return Err(reason.into()),
            Event::Closed(reason) => {
                self.view
                    .note("disconnected", &format!("{reason}; connecting again"));
                self.relink = Some(Box::pin(self.link.clone().reconnect()));
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored(draft, id) => {
                self.seen.entry(draft.to()).or_default().arrive(id.get());
                self.view.stored(&self.people, draft.to(), id.get());
            }
            Outcome::Lost(draft, error) => {
                self.failed = true;
                self.view
                    .lost(&self.people, draft.to(), &draft.text, &error.to_string());
            }
        }
    }

    fn give_up(&mut self) {
        self.failed = true;
        for draft in self.outbox.abandon() {
            self.view.lost(
                &self.people,
                draft.to(),
                &draft.text,
                "not acknowledged in time",
            );
        }
    }

    fn prompt(&self) {
        let prompt = match self.partner {
            Some(partner) => format!("{}> ", whom(&self.people, partner)),
            None => "> ".into(),
        };
        self.input.prompt(prompt);
    }
}

async fn relinked(relink: &mut Option<Relink>) -> anyhow::Result<(Session, Events)> {
    match relink {
        Some(relink) => relink.await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
