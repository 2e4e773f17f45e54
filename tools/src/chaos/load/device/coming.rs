//! How a device comes, comes back, moves on, and catches up.

use std::time::Duration;

use proto::capability;
use tokio::time::{Instant, sleep};

use super::super::catch_up::{CatchUp, Knowledge};
use super::super::enter::{Entered, enter};
use super::{ANSWER, FIRST_BACKOFF, LONGEST_BACKOFF, Life, Line, Old, PING};
use crate::chaos::history::What;
use crate::client::{Address, CloseReason};

impl Life {
    pub(super) fn lost(&mut self, connection: u32, reason: &CloseReason) {
        self.disconnected(connection, &reason.to_string());
        self.give_up();
    }

    pub(super) fn disconnected(&self, connection: u32, reason: &str) {
        self.device.history.note(What::Disconnected {
            device: self.device.number,
            connection,
            reason: reason.to_owned(),
        });
    }

    /// The connection is gone.
    pub(super) fn give_up(&mut self) {
        self.catching = None;
        self.pinging = None;
        self.come_back(Duration::ZERO, Vec::new());
    }

    pub(super) fn pinged(&mut self, answered: bool) {
        if answered {
            return;
        }
        if let Some(line) = self.line.take() {
            let reason = format!("no answer to a ping within {} s", PING.as_secs());
            self.disconnected(line.number, &reason);
            self.give_up();
        }
    }

    /// Logs in after a wait, at one of these servers or where a login_server says.
    pub(super) fn come_back(&mut self, wait: Duration, servers: Vec<Address>) {
        let account = self.device.account.clone();
        let logins = self.device.logins.clone();
        let first = self.device.random.usize(0..logins.len());
        self.entering = Some(Box::pin(async move {
            sleep(wait).await;
            enter(&account, &servers, &logins[first]).await
        }));
    }

    pub(super) fn entered(&mut self, entered: Result<Entered, String>) {
        let device = self.device.number;
        let Entered {
            session,
            events,
            server,
        } = match entered {
            Ok(entered) => entered,
            Err(reason) => {
                self.device
                    .history
                    .note(What::NotConnected { device, reason });
                let wait = self.backoff.mul_f64(0.5 + self.device.random.f64());
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                self.come_back(wait, Vec::new());
                return;
            }
        };
        self.backoff = FIRST_BACKOFF;
        self.connections += 1;
        let granted = |bit| session.granted() & bit != 0;
        let syncs = granted(capability::SYNC);
        self.device.history.note(What::Connected {
            device,
            connection: self.connections,
            server,
            moves: granted(capability::RECONNECT),
            syncs,
        });
        let line = Line {
            number: self.connections,
            session: session.with_deadline(ANSWER),
            events,
            syncs,
            heard: Instant::now(),
        };
        if let Some(old) = self.line.replace(line) {
            let on_the_way = self.sending.len();
            self.old = Some(Old {
                number: old.number,
                events: old.events,
                session: (on_the_way > 0).then_some(old.session),
                on_the_way,
            });
        }
        self.catching = None;
        self.pinging = None;
        self.catch_up(0);
    }

    /// Asks for what is missing, after so many milliseconds.
    pub(super) fn catch_up(&mut self, wait_ms: u64) {
        let wait = Duration::from_millis(wait_ms);
        let Some(line) = &self.line else { return };
        if self.catching.is_some() {
            self.catch_again = Some(wait);
            return;
        }
        let catch_up = CatchUp {
            device: self.device.number,
            connection: line.number,
            session: line.session.clone(),
            syncs: line.syncs,
            run: self.device.run,
            history: self.device.history.clone(),
        };
        let knowledge = self.knowledge.clone();
        self.catching = Some(Box::pin(async move {
            sleep(wait).await;
            catch_up.run(knowledge).await
        }));
    }

    pub(super) fn caught_up(&mut self, knowledge: Option<Knowledge>) {
        // Without an answer the connection is over, which shows by itself.
        if let Some(knowledge) = knowledge {
            self.knowledge.memory.add(&knowledge.memory);
            self.knowledge.cursor = knowledge.cursor;
        }
        if let Some(wait) = self.catch_again.take() {
            self.catch_up(u64::try_from(wait.as_millis()).unwrap_or_default());
        }
    }
}
