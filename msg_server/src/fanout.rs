//! Handing frames to the devices that are connected here.

use std::sync::Arc;
use std::time::Duration;

use im_base::telemetry::metrics::DELIVERIES;
use metrics::{Counter, counter};
use proto::ids::UserId;
use proto::im::buddy::ImpcLoginStatusNotify;
use proto::im::message::ImMsgData;
use proto::{Body, Pdu};

use crate::delivered::Delivered;
use crate::presence::user_stat;
use crate::session::Session;
use crate::users::Users;

/// Local fan-out: a body is encoded once, its bytes are copied into each device's outbox.
pub(crate) struct Fanout {
    users: Arc<Users>,
    pub(crate) delivered: Delivered,
    local: Counter,
    relayed: Counter,
    missed: Counter,
}

/// Where a message comes from, which decides who is not to get it.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// This session here, which has it.
    Session(u64),
    /// Another msg_server.
    Relay,
    /// The store, after it may have passed us by. As [`clock::login_stamp`](crate::clock::login_stamp): who logged in later has
    /// asked for his lists since, and so has whoever logged in after the message was stored.
    Store { logged_in_before: u64 },
}

/// A message that is that much older than a login is in the lists that the client asked for then. The clocks of two machines
/// may differ, and messages know whole seconds.
const SEEN_AT_LOGIN: Duration = Duration::from_secs(3);

impl Source {
    fn is_for(self, session: &Session, message: &ImMsgData) -> bool {
        match self {
            Self::Session(sent_by) => session.id != sent_by,
            Self::Relay => true,
            Self::Store { logged_in_before } => {
                let login = Duration::from_nanos(session.login_stamp);
                let stored = Duration::from_secs(message.create_time.into());
                session.login_stamp <= logged_in_before && stored + SEEN_AT_LOGIN >= login
            }
        }
    }
}

impl Fanout {
    pub(crate) fn new(users: Arc<Users>) -> Self {
        Self {
            users,
            delivered: Delivered::default(),
            local: counter!(DELIVERIES, "source" => "local"),
            relayed: counter!(DELIVERIES, "source" => "relay"),
            missed: counter!(DELIVERIES, "source" => "store"),
        }
    }

    /// A stored message, to the devices of these users here. A message that was handed out before is not again.
    pub(crate) fn message(
        &self,
        message: &ImMsgData,
        users: impl IntoIterator<Item = UserId>,
        frame: &[u8],
        source: Source,
    ) {
        if !self.delivered.first_time(message) {
            return;
        }
        let devices: usize = users
            .into_iter()
            .map(|user| {
                let is_for = |session: &Session| source.is_for(session, message);
                self.users.send_to(user, frame, is_for)
            })
            .sum();
        let counter = match source {
            Source::Session(_) => &self.local,
            Source::Relay => &self.relayed,
            Source::Store { .. } => &self.missed,
        };
        counter.increment(devices as u64);
    }

    /// A notice to a user's devices here, but for the session it came from.
    pub(crate) fn notice<M: Body>(&self, user: UserId, notice: &M, except: Option<u64>) {
        self.users
            .send(user, &Pdu::new(notice, 0).to_frame(), except);
    }

    /// Something about a user that everybody sees, or his contacts and himself.
    pub(crate) fn profile<M: Body>(&self, user: UserId, audience: Option<&[UserId]>, notice: &M) {
        let frame = Pdu::new(notice, 0).to_frame();
        match audience {
            None => self.users.send_to_all(&frame),
            Some(audience) => {
                let others = audience.iter().filter(|other| **other != user);
                for user in others.chain([&user]) {
                    self.users.send(*user, &frame, None);
                }
            }
        }
    }

    /// A user's desktop came or the last one went: the user's phones here are told.
    pub(crate) fn own_desktop(&self, user: UserId, is_online: bool) {
        let notice = ImpcLoginStatusNotify {
            user_id: user.get(),
            login_stat: user_stat(is_online),
        };
        self.users
            .send_to_phones(user, &Pdu::new(&notice, 0).to_frame());
    }
}
