//! For whoever asks later what became of a message: what is noted on its way through this process.

use im_base::telemetry::trace::{self, Conversation, Record, Step};
use proto::ids::MessageId;
use proto::im::base_define::SessionType;
use proto::im::message::{ImMsgData, ImMsgDataAck};

use crate::session::Session;

/// Devices of one message that are noted one by one; of those beyond only the number is.
const NAMED_DEVICES: usize = 16;

/// One sending of a message by a client.
#[derive(Clone, Copy)]
pub(crate) struct Sending {
    request: u64,
    conversation: Conversation,
}

impl Sending {
    /// It has come.
    pub(crate) fn received(session: &Session, message: &ImMsgData, seq_num: u16) -> Self {
        let sending = Self {
            request: trace::next_request(),
            conversation: conversation(message),
        };
        let key = message.client_msg_id.as_deref();
        let step = Step::Received {
            request: sending.request,
            user: session.user_id().get(),
            session: session.id,
            seq_num,
            key: key.map_or(0, trace::key_hash),
        };
        trace::note(sending.conversation, 0, step);
        sending
    }

    /// It is stored under this id.
    pub(crate) fn stored(self, id: MessageId) {
        let request = self.request;
        trace::note(self.conversation, id.get(), Step::Stored { request });
    }

    /// Its sender is told that it is not known to be stored.
    pub(crate) fn refused(self, reason: &'static str) {
        let request = self.request;
        trace::note(self.conversation, 0, Step::Refused { request, reason });
    }
}

/// A message came over this link to a route_server.
pub(crate) fn arrived(message: &ImMsgData, link: usize) {
    let link = place(link);
    trace::note(
        conversation(message),
        message.msg_id,
        Step::Arrived { link },
    );
}

/// A message was given to a link to a route_server, or waits for one.
pub(crate) fn relayed(message: &ImMsgData, link: Option<usize>) {
    let link = link.map(place);
    trace::note(
        conversation(message),
        message.msg_id,
        Step::Relayed { link },
    );
}

/// A message came that was handed out here before.
pub(crate) fn repeated(message: &ImMsgData) {
    trace::note(conversation(message), message.msg_id, Step::Repeated);
}

/// A device says that it has a message.
pub(crate) fn acknowledged(session: &Session, ack: &ImMsgDataAck) {
    let user = session.user_id().get();
    let conversation = match ack.session_type == SessionType::Group as i32 {
        true => Conversation::Group(ack.session_id),
        false => Conversation::between(user, ack.session_id),
    };
    let step = Step::Acknowledged {
        user,
        session: session.id,
        device: session.device.raw(),
    };
    trace::note(conversation, ack.msg_id, step);
}

/// A message being handed to devices, all in one moment.
pub(crate) struct HandingOut {
    record: Record,
    devices: usize,
}

impl HandingOut {
    pub(crate) fn of(message: &ImMsgData) -> Self {
        let none = Step::HandedOut { devices: 0 };
        Self {
            record: Record::now(conversation(message), message.msg_id, none),
            devices: 0,
        }
    }

    /// It is in this session's outbox.
    pub(crate) fn to(&mut self, session: &Session) {
        self.devices += 1;
        if self.devices <= NAMED_DEVICES {
            let step = Step::Pushed {
                user: session.user_id().get(),
                session: session.id,
                device: session.device.raw(),
            };
            trace::ring().push(self.record.and(step));
        }
    }

    /// To so many in all.
    pub(crate) fn done(self) -> usize {
        let devices = place(self.devices);
        trace::ring().push(self.record.and(Step::HandedOut { devices }));
        self.devices
    }
}

fn conversation(message: &ImMsgData) -> Conversation {
    let (from, to) = (message.from_user_id, message.to_session_id);
    Conversation::of_message(from, to, message.msg_type)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
