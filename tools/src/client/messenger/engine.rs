//! The task behind a [`Messenger`](super::Messenger): keeps a connection, writes down what comes, sends what waits, and tells
//! the application.
//!
//! Owner of the connection. Everything that lasts is in the store, so that the task may be dropped between any two steps.
//! Absent on purpose: waiting for the application. Its news wait in a queue that is filled from the store as it empties.

mod catching;
mod filling;
mod hearing;
mod jobs;
mod line;
mod requests;
mod sending;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proto::capability;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::news::{EndReason, News};
use super::place::Place;
use super::store::{LocalStore, StoreError};
use crate::client::message::Conversation;
use crate::client::{Account, Event, Events, Session};
use jobs::{Done, Jobs};
use line::Line;
use sending::Sending;

/// What the handles want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Go,
    Close,
    LogOut,
}

/// The ends that the handles hold the other ones of.
pub(super) struct Reins {
    /// There is something to be sent; the end of it: nobody is there any more.
    pub(super) pokes: mpsc::Receiver<()>,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) session: watch::Sender<Option<Session>>,
    pub(super) news: mpsc::Sender<News>,
}

pub(super) use line::unix_now;

pub(super) struct Engine {
    store: LocalStore,
    place: Place,
    account: Account,
    reins: Reins,
    /// The user's number, 0 before the first login.
    me: u32,
    line: Option<Line>,
    /// Of the connection that was left for another one: what comes is taken.
    old: Option<Events>,
    /// Connections so far; what was begun on an earlier one says nothing about this one.
    number: u32,
    jobs: Jobs,
    entering: bool,
    failures: u32,
    /// Connections that ended since the last one that lasted, that one included.
    breaks: u32,
    /// The server's clock minus this one's, in seconds.
    clock: i64,
    pinging: bool,

    /// A page is asked for.
    syncing: bool,
    /// When to ask what changed.
    sync_at: Option<Instant>,
    /// Everything before this connection was asked for and came.
    level: bool,
    /// That, or it could not be told.
    asked: bool,
    caught_up: bool,

    /// When to fetch what is missing: a message that overtook another is no loss yet.
    gaps: BTreeMap<Conversation, Instant>,
    filling: BTreeSet<Conversation>,
    refreshing: bool,
    refresh_at: Option<Instant>,

    /// When to ask who is to come into which group.
    requests_at: Option<Instant>,
    requesting: bool,

    reading: bool,
    reads_due: bool,
    sending: Sending,

    /// Conversations with messages that the application is to be told of.
    untold: BTreeSet<Conversation>,
    /// Those that wait for their writers' profiles.
    unnamed: BTreeSet<Conversation>,
    /// Users and groups to be asked for.
    to_learn: (BTreeSet<u32>, BTreeSet<u32>),
    learning: bool,
    /// Users and groups that were asked for and are nobody's.
    unknowable: BTreeSet<(bool, u32)>,
    queue: VecDeque<News>,
    lost: u64,
}

impl Engine {
    pub(super) fn new(store: LocalStore, place: Place, account: Account, reins: Reins) -> Self {
        Self {
            store,
            place,
            account,
            reins,
            me: 0,
            line: None,
            old: None,
            number: 0,
            jobs: Jobs::default(),
            entering: false,
            failures: 0,
            breaks: 0,
            clock: 0,
            pinging: false,
            syncing: false,
            sync_at: None,
            level: false,
            asked: false,
            caught_up: false,
            gaps: BTreeMap::new(),
            filling: BTreeSet::new(),
            refreshing: false,
            refresh_at: None,
            requests_at: None,
            requesting: false,
            reading: false,
            reads_due: false,
            sending: Sending::default(),
            untold: BTreeSet::new(),
            unnamed: BTreeSet::new(),
            to_learn: (BTreeSet::new(), BTreeSet::new()),
            learning: false,
            unknowable: BTreeSet::new(),
            queue: VecDeque::new(),
            lost: 0,
        }
    }

    /// Until it is over. `linked` is a connection that was made before.
    pub(super) async fn run(mut self, linked: Option<(Session, Events)>) {
        let reason = match self.live(linked).await {
            Ok(reason) | Err(reason) => reason,
        };
        self.last_reads().await;
        if *self.reins.orders.borrow() == Order::LogOut
            && let Some(line) = self.line.take()
        {
            line.log_out().await;
            // An error leaves a token that the server has forgotten.
            drop(self.store.keep_token(None).await);
        }
        self.line = None;
        self.reins.session.send_replace(None);
        self.jobs.stop().await;
        self.last_words(reason).await;
    }

    async fn live(&mut self, linked: Option<(Session, Events)>) -> Result<EndReason, EndReason> {
        self.me = self.store.user_id().await?;
        self.untold.extend(self.store.untold().await?);
        match linked {
            Some(linked) => self.linked(linked).await?,
            None => self.come_back(Vec::new(), None),
        }
        loop {
            self.work().await?;
            let due = self.next_due();
            tokio::select! {
                poke = self.reins.pokes.recv() => {
                    if poke.is_none() {
                        return Ok(EndReason::Closed);
                    }
                    self.sending.look = true;
                    self.reads_due = true;
                }
                _ = self.reins.orders.changed() => {
                    if *self.reins.orders.borrow_and_update() != Order::Go {
                        return Ok(EndReason::Closed);
                    }
                }
                events = ready_events(self.line.as_mut().map(|line| &mut line.events)) => {
                    self.heard(events, true).await?;
                }
                events = ready_events(self.old.as_mut()) => self.heard(events, false).await?,
                (number, done) = self.jobs.next() => self.done(number, done).await?,
                heard = room(&self.reins.news), if !self.queue.is_empty() => self.hand_out(heard),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    /// Begins what can begin.
    async fn work(&mut self) -> Result<(), StoreError> {
        if self.line.is_some() {
            self.catch_up();
            self.fill();
            self.refresh();
            self.ask_requests();
            self.mark_read();
            self.send().await?;
        }
        self.tell().await?;
        // what is told of says who is to be asked for
        self.learn();
        Ok(())
    }

    fn next_due(&self) -> Option<Instant> {
        self.line.as_ref()?;
        let sync = self.sync_at.filter(|_| !self.syncing);
        let gap = self
            .gaps
            .iter()
            .filter(|(conversation, _)| !self.filling.contains(conversation))
            .map(|(_, at)| *at)
            .min();
        let refresh = self.refresh_at.filter(|_| !self.refreshing);
        let requests = self.requests_at.filter(|_| !self.requesting);
        [sync, gap, refresh, requests, self.sending.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    fn can_sync(&self) -> bool {
        self.granted(capability::SYNC)
    }

    fn granted(&self, bit: u64) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.session.granted() & bit != 0)
    }

    /// A conversation may have something to tell, and something missing.
    fn touched(&mut self, conversation: Conversation, gap: Option<Instant>) {
        self.untold.insert(conversation);
        if let Some(at) = gap {
            let due = self.gaps.entry(conversation).or_insert(at);
            *due = (*due).min(at);
        }
    }

    /// Something that was begun has come to its end.
    async fn done(&mut self, number: u32, done: Done) -> Result<(), EndReason> {
        let of_now = number == self.number;
        match done {
            Done::Entered(entered) => self.entered(entered).await?,
            Done::Sent(draft, outcome) => self.sent(number, *draft, outcome).await?,
            // the rest was begun on a connection, and says nothing about the next one
            _ if !of_now => {}
            Done::Pinged(answered) => self.pinged(answered),
            Done::Clock(time) => self.clock = time,
            Done::CaughtUp(taken) => self.took(taken)?,
            Done::Filled(conversation, outcome) => self.filled(conversation, outcome)?,
            Done::Refreshed(revised) => self.refreshed(revised)?,
            Done::Learned(learned) => self.learned(learned)?,
            Done::Requests(came) => self.requests_came(came),
            Done::MarkedRead(outcome) => {
                self.reading = false;
                outcome?;
            }
        }
        Ok(())
    }
}

/// Waits until the application has room for more; false if nobody listens. Cancel-safe.
async fn room(news: &mpsc::Sender<News>) -> bool {
    news.reserve().await.is_ok()
}

/// All events that are there, at least one. Cancel-safe.
async fn ready_events(events: Option<&mut Events>) -> Vec<Event> {
    /// More than this are not written down at once.
    const BATCH: usize = 256;
    let Some(events) = events else {
        return std::future::pending().await;
    };
    let Some(first) = events.next().await else {
        return std::future::pending().await;
    };
    let mut ready = vec![first];
    while ready.len() < BATCH
        && let Ok(event) = events.queue.try_recv()
    {
        ready.push(event);
    }
    ready
}
