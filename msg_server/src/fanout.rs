//! Handing frames to the devices that are connected here.

use std::sync::Arc;

use im_base::telemetry::metrics::DELIVERIES;
use metrics::{Counter, counter};
use proto::ids::UserId;
use proto::im::buddy::ImpcLoginStatusNotify;
use proto::im::message::ImMsgData;
use proto::{Body, Pdu};

use crate::delivered::Delivered;
use crate::presence::user_stat;
use crate::trace;
use crate::users::Users;

/// Local fan-out: a body is encoded once, its bytes are copied into each device's outbox.
pub(crate) struct Fanout {
    users: Arc<Users>,
    pub(crate) delivered: Delivered,
    local: Counter,
    relayed: Counter,
}

impl Fanout {
    pub(crate) fn new(users: Arc<Users>) -> Self {
        Self {
            users,
            delivered: Delivered::default(),
            local: counter!(DELIVERIES, "source" => "local"),
            relayed: counter!(DELIVERIES, "source" => "relay"),
        }
    }

    /// A stored message, to the devices of these users here. `sent_by` is the session here that sent it, which does not
    /// get it back; `None`: it came from another msg_server. A message that was handed out before is not again.
    pub(crate) fn message(
        &self,
        message: &ImMsgData,
        users: impl IntoIterator<Item = UserId>,
        frame: &[u8],
        sent_by: Option<u64>,
    ) {
        if !self.delivered.first_time(message) {
            trace::repeated(message);
            return;
        }
        let mut handing_out = trace::HandingOut::of(message);
        for user in users {
            self.users
                .send_noting(user, frame, sent_by, |session| handing_out.to(session));
        }
        let devices = handing_out.done();
        let counter = match sent_by {
            Some(_) => &self.local,
            None => &self.relayed,
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
