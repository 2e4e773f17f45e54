//! What goes on beside the loop: tasks that ask the server and write down what it says.
//!
//! They are tasks and not futures that the loop polls, for the store has one connection: a future that was given it and is
//! not polled would keep the loop waiting for it.

use im_base::task::Tasks;
use proto::ids::MessageId;
use proto::im::base_define::{GroupInfo, UserInfo};
use proto::im::ext::group::GroupRequest;
use tokio::sync::{mpsc, watch};

use super::super::place::AttemptError;
use super::super::store::{Draft, Entry, StoreError, Taken};
use super::Engine;
use super::catching::CatchError;
use crate::client::message::Conversation;
use crate::client::{Events, GroupError, SendError, Session};

/// Outcomes that wait for the loop; tasks wait beyond it.
const CAPACITY: usize = 16;

/// What became of something that was begun.
pub(super) enum Done {
    Entered(Result<(Session, Events), AttemptError>),
    Pinged(bool),
    Clock(i64),
    CaughtUp(Result<Taken, CatchError>),
    Filled(Conversation, Result<(), CatchError>),
    Refreshed(Result<Vec<Entry>, CatchError>),
    Learned(Result<Learned, StoreError>),
    Requests(Result<Vec<GroupRequest>, GroupError>),
    MarkedRead(Result<(), StoreError>),
    Sent(Box<Draft>, Result<MessageId, SendError>),
}

/// Profiles and groups that were asked for, and what came of it.
pub(super) struct Learned {
    pub(super) asked: (Vec<u32>, Vec<u32>),
    pub(super) users: Vec<UserInfo>,
    pub(super) groups: Vec<GroupInfo>,
}

/// The tasks of one engine.
pub(super) struct Jobs {
    tasks: Tasks,
    sender: mpsc::Sender<(u32, Done)>,
    outcomes: mpsc::Receiver<(u32, Done)>,
    /// Tasks end when the sender is gone: all of them, and those of the present connection.
    running: Option<watch::Sender<()>>,
    connected: watch::Sender<()>,
}

impl Default for Jobs {
    fn default() -> Self {
        let (sender, outcomes) = mpsc::channel(CAPACITY);
        Self {
            tasks: Tasks::default(),
            sender,
            outcomes,
            running: Some(watch::Sender::default()),
            connected: watch::Sender::default(),
        }
    }
}

impl Jobs {
    /// The next outcome, with the number of the connection on which it was begun. Cancel-safe.
    pub(super) async fn next(&mut self) -> (u32, Done) {
        match self.outcomes.recv().await {
            Some(outcome) => outcome,
            // there is a sender in this
            None => std::future::pending().await,
        }
    }

    /// What belongs to the present connection ends; what is written down by then stays.
    pub(super) fn next_connection(&mut self) {
        self.connected = watch::Sender::default();
    }

    /// Ends all of it, and waits until nothing is written any more.
    pub(super) async fn stop(&mut self) {
        self.running = None;
        self.next_connection();
        self.tasks.finished().await;
    }

    fn start(
        &self,
        number: u32,
        mut runs: watch::Receiver<()>,
        job: impl Future<Output = Done> + Send + 'static,
    ) {
        let outcomes = self.sender.clone();
        self.tasks.spawn("messenger's job", async move {
            let working = async {
                // An error means that nobody is left who would want to know.
                drop(outcomes.send((number, job.await)).await);
            };
            tokio::select! {
                () = working => {}
                _ = runs.changed() => {}
            }
        });
    }

    /// Goes on when the connection is another one.
    pub(super) fn start_for_good(
        &self,
        number: u32,
        job: impl Future<Output = Done> + Send + 'static,
    ) {
        if let Some(running) = &self.running {
            self.start(number, running.subscribe(), job);
        }
    }
}

impl Engine {
    /// Ends with the connection.
    pub(super) fn start(&self, job: impl Future<Output = Done> + Send + 'static) {
        self.jobs
            .start(self.number, self.jobs.connected.subscribe(), job);
    }
}
