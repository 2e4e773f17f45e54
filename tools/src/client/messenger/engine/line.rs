//! The connection: made, lost, left for another one.

use std::time::Duration;

use proto::capability;
use proto::im::ext::login::ImReconnect;
use tokio::time::{Instant, sleep};

use super::super::news::{EndReason, News};
use super::super::place::{self, AttemptError};
use super::Engine;
use super::jobs::Done;
use crate::client::{Address, CloseReason, EnterError, Events, LoginError, RequestError, Session};

/// How long a connection that let a request wait in vain may take for a heartbeat.
const PING: Duration = Duration::from_secs(5);

/// How long a logout may take.
const LOG_OUT: Duration = Duration::from_secs(2);

/// A connection that ends earlier than this ended of what was done on it, and the next one may as well.
const STEADY: Duration = Duration::from_secs(10);

pub(super) struct Line {
    pub(super) session: Session,
    pub(super) events: Events,
    since: Instant,
}

impl Line {
    pub(super) async fn log_out(self) {
        // The connection closes in any case.
        drop(self.session.with_deadline(LOG_OUT).logout().await);
    }
}

impl Engine {
    /// Logs in after a wait, at one of these servers or wherever there is one.
    pub(super) fn come_back(&mut self, servers: Vec<Address>, after: Option<Duration>) {
        if self.entering {
            return;
        }
        self.entering = true;
        // The first connection that breaks is followed by another one at once.
        let failures = self.failures.max(self.breaks.saturating_sub(1));
        let wait = match (after, failures) {
            (Some(after), _) => after,
            (None, 0) => Duration::ZERO,
            (None, failures) => place::wait(failures),
        };
        let (place, account) = (self.place.clone(), self.account.clone());
        self.jobs.start_for_good(self.number, async move {
            sleep(wait).await;
            Done::Entered(place.enter_by(&account, &servers).await)
        });
    }

    pub(super) async fn entered(
        &mut self,
        entered: Result<(Session, Events), AttemptError>,
    ) -> Result<(), EndReason> {
        self.entering = false;
        match entered {
            Ok(linked) => self.linked(linked).await,
            Err(error) if error.is_retryable() || self.line.is_some() => {
                self.failures += 1;
                if self.line.is_none() {
                    self.come_back(Vec::new(), None);
                }
                Ok(())
            }
            Err(error) => {
                // one that the server called no good
                self.store
                    .keep_token(self.account.token().as_deref())
                    .await?;
                Err(match error {
                    AttemptError::Enter(EnterError::Login(error)) => refused(error),
                    _ => EndReason::PasswordNeeded,
                })
            }
        }
    }

    /// There is a connection; the one before it is left.
    pub(super) async fn linked(
        &mut self,
        (session, events): (Session, Events),
    ) -> Result<(), EndReason> {
        self.store.belongs_to(session.user_id()).await?;
        if let Some(token) = self.account.token() {
            self.store.keep_token(Some(&token)).await?;
        }
        self.store.keep_users(&[session.profile().clone()]).await?;
        self.me = session.user_id();
        self.failures = 0;
        self.number += 1;
        self.reins.session.send_replace(Some(session.clone()));
        let line = Line {
            session,
            events,
            since: Instant::now(),
        };
        // Answers to what is on its way still come: what waits for them holds that session.
        self.old = self.line.replace(line).map(|old| old.events);
        self.forget_jobs();
        self.sync_at = Some(Instant::now());
        let groups = self.granted(capability::GROUPS);
        self.requests_at = groups.then(Instant::now);
        self.level = false;
        self.asked = false;
        self.caught_up = false;
        self.reads_due = true;
        self.sending.look = true;
        self.ask_the_time();
        self.say(News::Connected);
        Ok(())
    }

    /// What was begun on a connection that is gone is begun anew.
    fn forget_jobs(&mut self) {
        self.syncing = false;
        self.filling.clear();
        self.refreshing = false;
        self.learning = false;
        self.requesting = false;
        self.reading = false;
        self.pinging = false;
        self.jobs.next_connection();
        self.untold.append(&mut self.unnamed);
        self.unknowable.clear();
    }

    pub(super) fn lost(&mut self, reason: &CloseReason) -> Result<(), EndReason> {
        if let CloseReason::Kicked { .. } = reason {
            return Err(EndReason::Kicked(reason.clone()));
        }
        self.unlink(&reason.to_string());
        Ok(())
    }

    fn unlink(&mut self, reason: &str) {
        let was_steady = |line: &Line| line.since.elapsed() >= STEADY;
        self.breaks = match self.line.take().is_some_and(|line| was_steady(&line)) {
            true => 1,
            false => self.breaks.saturating_add(1),
        };
        self.grounded(self.number);
        self.number += 1;
        self.forget_jobs();
        self.reins.session.send_replace(None);
        let reason = reason.to_owned();
        self.say(News::Disconnected { reason });
        self.come_back(Vec::new(), None);
    }

    /// The server says where to go before it stops.
    pub(super) fn move_on(&mut self, order: ImReconnect) {
        if !self.granted(capability::RECONNECT) {
            return;
        }
        let within = u64::from(order.within_ms);
        let first = u64::from(order.after_ms).min(within);
        // well before the end, for logging in takes time as well
        let last = first.max(within / 2);
        let wait = Duration::from_millis(fastrand::u64(first..=last));
        let trust = self.place.trust().cloned();
        let servers = order.server.into_iter().filter_map(|server| {
            let port = u16::try_from(server.port).ok()?;
            let address = Address {
                backup: server.ip2,
                tls_port: server.tls_port.and_then(|port| u16::try_from(port).ok()),
                ..Address::direct(&server.ip1, port)
            };
            address.secured(trust.as_ref()).ok()
        });
        self.come_back(servers.collect(), Some(wait));
    }

    /// A request waited in vain: is anybody there?
    pub(super) fn ping(&mut self) {
        let Some(line) = &self.line else { return };
        if std::mem::replace(&mut self.pinging, true) {
            return;
        }
        let session = line.session.with_deadline(PING);
        self.start(async move { Done::Pinged(session.ping().await.is_ok()) });
    }

    pub(super) fn pinged(&mut self, answered: bool) {
        self.pinging = false;
        if !answered && self.line.is_some() {
            self.unlink("the server does not answer");
        }
    }

    fn ask_the_time(&self) {
        let Some(line) = &self.line else { return };
        let session = line.session.clone();
        self.start(async move {
            let asked = unix_now();
            match session.time().await {
                Ok(time) => Done::Clock(i64::from(time) - asked),
                Err(_) => Done::Clock(0),
            }
        });
    }

    /// By the server's clock, in Unix seconds.
    pub(super) fn now(&self) -> u32 {
        u32::try_from(unix_now() + self.clock).unwrap_or_default()
    }

    /// When to try again what failed; `None`: the connection is gone, and the next one does it.
    pub(super) fn again(&mut self, error: &RequestError) -> Option<Instant> {
        /// Before something that failed is asked again.
        const AGAIN: Duration = Duration::from_secs(1);
        match error {
            RequestError::Closed(_) => None,
            RequestError::Nak {
                retry_after: Some(after),
                ..
            } => Some(Instant::now() + *after),
            RequestError::Deadline { .. } => {
                self.ping();
                Some(Instant::now() + AGAIN)
            }
            _ => Some(Instant::now() + AGAIN),
        }
    }
}

fn refused(error: LoginError) -> EndReason {
    EndReason::Refused(std::sync::Arc::new(error))
}

pub(in crate::client::messenger) fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
