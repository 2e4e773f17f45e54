//! What a session is told without having asked.

use proto::im::base_define::UserStatType;
use proto::im::buddy::{
    ImAllUserRsp, ImRemoveSessionNotify, ImSignInfoChangedNotify, ImUserStatNotify,
};
use proto::im::ext::buddy::{Contact, ImContactChanged};
use proto::im::ext::group::{GroupRequest, ImGroupChanged, ImGroupRequestChanged};
use proto::im::ext::message::{ImMessageRevised, ImReadBy, ImTyping};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::ImKickUser;
use proto::im::message::{ImMsgData, ImMsgDataReadNotify};
use proto::{Body, Pdu};
use tokio::sync::{mpsc, watch};

use super::error::CloseReason;
use super::message::Message;
use super::readers::ReadBy;
use super::revision::Revised;
use super::typing::Typing;

/// Events that wait for their reader; more are counted and dropped, see [`Event::Lagged`].
pub(super) const EVENT_CAPACITY: usize = 4096;

/// Something the server says of its own accord.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody wrote, or another device of the same user did.
    Message(Message),
    /// Another device of the same user read up to a message.
    ReadNotify(ImMsgDataReadNotify),
    /// A user's last desktop left, or the first one came. Told to desktops only.
    Presence {
        /// Whose.
        user_id: u32,
        /// Whether the user is there now; being away counts as there.
        online: bool,
    },
    /// Another device of the same user took a conversation off the list.
    SessionRemoved(ImRemoveSessionNotify),
    /// Somebody's signature changed.
    Signature(ImSignInfoChangedNotify),
    /// Members of one of the user's groups came or went, oneself perhaps.
    GroupChanged(ImGroupChangeMemberNotify),
    /// A group of the user is from now on as it says, and so are the members that it names. To clients that announced it.
    GroupIs(ImGroupChanged),
    /// An invitation, or a request to come into a group, is from now on as it says. To clients that announced it.
    GroupRequest(GroupRequest),
    /// A contact of the user is from now on as it says. To clients that announced it.
    ContactChanged(Contact),
    /// A message was recalled or edited. To clients that announced it. It may come before the message itself was fetched.
    Revised(Revised),
    /// Somebody begins or ceases to write. To clients that announced it.
    Typing(Typing),
    /// Somebody has read further. To clients that announced it.
    ReadBy(ReadBy),
    /// A further page of an address book; the first one answered the request.
    MoreUsers(ImAllUserRsp),
    /// This session is displaced; [`Event::Closed`] follows.
    Kicked {
        /// The wire's number.
        reason: i32,
    },
    /// The reader was too slow: this many events before the next one are lost. Messages can be fetched by id.
    Lagged {
        /// How many.
        lost: u64,
    },
    /// Any other frame, also an answer that nobody waits for any more.
    Other(Pdu),
    /// The last event.
    Closed(CloseReason),
}

impl Event {
    /// Reads a pushed frame as the user `me` sees it. What does not decode stays a frame.
    pub(super) fn from_pdu(me: u32, pdu: Pdu) -> Self {
        Self::typed(me, &pdu).unwrap_or(Self::Other(pdu))
    }

    fn typed(me: u32, pdu: &Pdu) -> Option<Self> {
        Some(match pdu.command() {
            ImMsgData::ID => Self::Message(Message::from_push(me, pdu.decode().ok()?)),
            ImMsgDataReadNotify::ID => Self::ReadNotify(pdu.decode().ok()?),
            ImUserStatNotify::ID => {
                let stat = pdu.decode::<ImUserStatNotify>().ok()?.user_stat;
                Self::Presence {
                    user_id: stat.user_id,
                    online: stat.status != UserStatType::UserStatusOffline as i32,
                }
            }
            ImRemoveSessionNotify::ID => Self::SessionRemoved(pdu.decode().ok()?),
            ImSignInfoChangedNotify::ID => Self::Signature(pdu.decode().ok()?),
            ImGroupChangeMemberNotify::ID => Self::GroupChanged(pdu.decode().ok()?),
            ImGroupChanged::ID => Self::GroupIs(pdu.decode().ok()?),
            ImGroupRequestChanged::ID => {
                Self::GroupRequest(pdu.decode::<ImGroupRequestChanged>().ok()?.request)
            }
            ImContactChanged::ID => {
                Self::ContactChanged(pdu.decode::<ImContactChanged>().ok()?.contact)
            }
            ImMessageRevised::ID => Self::Revised(Revised::from_notice(me, pdu.decode().ok()?)?),
            ImTyping::ID => Self::Typing(Typing::from_notice(pdu.decode().ok()?)),
            ImReadBy::ID => Self::ReadBy(ReadBy::from_notice(pdu.decode().ok()?)),
            ImAllUserRsp::ID => Self::MoreUsers(pdu.decode().ok()?),
            ImKickUser::ID => Self::Kicked {
                reason: pdu.decode::<ImKickUser>().ok()?.kick_reason,
            },
            _ => return None,
        })
    }
}

/// The events of one session, in the order in which they came.
#[derive(Debug)]
pub struct Events {
    pub(super) queue: mpsc::Receiver<Event>,
    pub(super) closed: watch::Receiver<Option<CloseReason>>,
    pub(super) finished: bool,
}

impl Events {
    /// The next event; after [`Event::Closed`] there is none. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        if self.finished {
            return None;
        }
        match self.queue.recv().await {
            Some(event) => Some(event),
            None => {
                self.finished = true;
                Some(Event::Closed(reason(&self.closed)))
            }
        }
    }

    /// The next event that `wanted` makes something of; `None` when the session closes first. Others are dropped.
    pub async fn find<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> Option<T> {
        while let Some(event) = self.next().await {
            if let Some(found) = wanted(event) {
                return Some(found);
            }
        }
        None
    }
}

/// Why the session is over, once it is.
pub(super) fn reason(closed: &watch::Receiver<Option<CloseReason>>) -> CloseReason {
    closed.borrow().clone().unwrap_or(CloseReason::Logout)
}
