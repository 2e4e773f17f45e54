//! Handing frames to the devices that are connected here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use im_base::telemetry::metrics::DELIVERIES;
use metrics::{Counter, counter};
use proto::ids::UserId;
use proto::im::buddy::ImpcLoginStatusNotify;
use proto::im::message::ImMsgData;
use proto::{Body, Pdu, capability};
use tokio::time::Instant;

use crate::delivered::Delivered;
use crate::presence::user_stat;
use crate::session::Session;
use crate::trace;
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
    /// The store, after it may have passed us by, in which it has been since then. Who logged in after that has it in the
    /// lists that he asked for.
    Store { since: Instant },
}

/// Who logged in that much later than a message was stored is not handed it: until then both may have happened at once.
const SEEN_AT_LOGIN: Duration = Duration::from_millis(500);

impl Source {
    fn is_for(self, session: &Session) -> bool {
        match self {
            Self::Session(sent_by) => session.id != sent_by,
            Self::Relay => true,
            Self::Store { since } => since + SEEN_AT_LOGIN >= session.opened_at,
        }
    }
}

/// A message as clients get it: encoded once, or twice if it refers to something, which not all understand.
#[derive(Clone)]
pub(crate) struct Frames {
    plain: Bytes,
    /// With what it refers to.
    full: Option<Bytes>,
}

impl Frames {
    /// Of a message without what is between servers.
    pub(crate) fn of(message: &ImMsgData) -> Self {
        let whole = Pdu::new(message, 0).to_frame();
        if !refers(message) {
            return Self::plain(whole);
        }
        let plain = ImMsgData {
            mention_user_id: Vec::new(),
            mention_all: None,
            reply_to_msg_id: None,
            ..message.clone()
        };
        Self {
            plain: Pdu::new(&plain, 0).to_frame(),
            full: Some(whole),
        }
    }

    /// Of a message that refers to nothing.
    pub(crate) fn plain(frame: Bytes) -> Self {
        Self {
            plain: frame,
            full: None,
        }
    }

    /// With everything, as other servers get it.
    pub(crate) fn whole(&self) -> Bytes {
        self.full.as_ref().unwrap_or(&self.plain).clone()
    }
}

/// Whether a message mentions somebody or answers another one.
pub(crate) fn refers(message: &ImMsgData) -> bool {
    !message.mention_user_id.is_empty()
        || message.mention_all.is_some()
        || message.reply_to_msg_id.is_some()
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
        frames: &Frames,
        source: Source,
    ) {
        if !self.delivered.first_time(message) {
            trace::repeated(message);
            return;
        }
        let mut handing_out = trace::HandingOut::of(message);
        for user in users {
            let Some(full) = &frames.full else {
                let is_for = |session: &Session| source.is_for(session);
                self.users.send_to(user, &frames.plain, is_for, |session| {
                    handing_out.to(session);
                });
                continue;
            };
            for (frame, understands) in [(full, true), (&frames.plain, false)] {
                let is_for = |session: &Session| {
                    session.can(capability::REFERENCES) == understands && source.is_for(session)
                };
                self.users
                    .send_to(user, frame, is_for, |session| handing_out.to(session));
            }
        }
        let devices = handing_out.done();
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
