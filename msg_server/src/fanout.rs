//! Handing frames to the devices that are connected here.

use std::sync::Arc;

use im_base::telemetry::metrics::DELIVERIES;
use metrics::{Counter, counter};
use proto::ids::UserId;
use proto::im::base_define::{UserStat, UserStatType};
use proto::im::buddy::{ImUserStatNotify, ImpcLoginStatusNotify};
use proto::im::message::ImMsgData;
use proto::{Body, Pdu};

use crate::delivered::Delivered;
use crate::users::Users;

/// Local fan-out: a body is encoded once, its bytes are copied into each device's outbox.
pub(crate) struct Fanout {
    pub(crate) users: Arc<Users>,
    delivered: Delivered,
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

    /// A message that a session here sent and that is stored: to the sender's other devices and the receiver's.
    pub(crate) fn message(&self, message: &ImMsgData, frame: &[u8], sent_by: u64) {
        self.local
            .increment(self.deliver(message, frame, Some(sent_by)));
    }

    /// A message from another msg_server, to the devices of both sides here.
    pub(crate) fn relayed_message(&self, message: &ImMsgData, frame: &[u8]) {
        self.relayed.increment(self.deliver(message, frame, None));
    }

    fn deliver(&self, message: &ImMsgData, frame: &[u8], except: Option<u64>) -> u64 {
        if !self.delivered.first_time(message) {
            return 0;
        }
        let parties = [message.from_user_id, message.to_session_id];
        let devices: usize = parties
            .into_iter()
            .filter_map(UserId::new)
            .map(|user| self.users.send(user, frame, except))
            .sum();
        devices as u64
    }

    /// A notice to a user's devices here, but for the session it came from.
    pub(crate) fn notice<M: Body>(&self, user: UserId, notice: &M, except: Option<u64>) {
        self.users
            .send(user, &Pdu::new(notice, 0).to_frame(), except);
    }

    /// Somebody came online or went offline: every desktop here is told.
    pub(crate) fn presence(&self, user: UserId, is_online: bool) {
        let user_stat = UserStat {
            user_id: user.get(),
            status: user_stat(is_online),
        };
        self.users.send_to_desktops(
            &Pdu::new(
                &ImUserStatNotify {
                    user_stat,
                    ..Default::default()
                },
                0,
            )
            .to_frame(),
        );
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

/// The number of a status that presence knows.
pub(crate) fn user_stat(is_online: bool) -> i32 {
    if is_online {
        UserStatType::UserStatusOnline as i32
    } else {
        UserStatType::UserStatusOffline as i32
    }
}
