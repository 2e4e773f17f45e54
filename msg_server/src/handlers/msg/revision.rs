//! Messages that are recalled or edited, and what clients see of it that don't know of such things.

use im_base::dispatch::HandlerError;
use proto::capability;
use proto::error::read_enum;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::{MsgInfo, SessionType};
use proto::im::ext::message::{ImEditReq, ImMessageRevised, ImRecallReq, ImReviseRsp, ImSyncRsp};
use proto::im::message::{ImGetMsgByIdRsp, ImGetMsgListRsp};

use crate::handlers::other::ask;
use crate::notice::Told;
use crate::session::Session;

/// Takes a message back. Those who see it are told.
pub(in crate::handlers) async fn recall(
    session: Session,
    request: ImRecallReq,
) -> Result<ImReviseRsp, HandlerError> {
    let of = Place::read(request.session_type, request.session_id)?;
    session.take_allowance()?;
    let answer = ask(&session, request).await?;
    Ok(tell(&session, of, answer))
}

/// Gives a text another form. Those who see it are told.
pub(in crate::handlers) async fn edit(
    session: Session,
    request: ImEditReq,
) -> Result<ImReviseRsp, HandlerError> {
    let of = Place::read(request.session_type, request.session_id)?;
    if request.msg_data.len() > session.server.limits.text_bytes {
        return Err(HandlerError::Refused("too_large"));
    }
    session.take_allowance()?;
    let answer = ask(&session, request).await?;
    Ok(tell(&session, of, answer))
}

/// The conversation of a message.
#[derive(Clone, Copy)]
enum Place {
    With(UserId),
    In(GroupId),
}

impl Place {
    fn read(session_type: i32, session_id: u32) -> Result<Self, HandlerError> {
        let place = match read_enum(session_type, "session_type")? {
            SessionType::Single => UserId::new(session_id).map(Self::With),
            SessionType::Group => GroupId::new(session_id).map(Self::In),
        };
        place.ok_or(HandlerError::Refused("no_such_message"))
    }
}

fn tell(session: &Session, of: Place, mut answer: ImReviseRsp) -> ImReviseRsp {
    let withheld = answer.withheld.take().unwrap_or_default();
    let (0, Some(message)) = (answer.result_code, &answer.message) else {
        return answer;
    };
    let user = session.user_id();
    let (told, session_type, to_session_id) = match of {
        // Of two, he who wrote it is the only one who may.
        Place::With(other) if withheld => {
            (Told::Users(vec![user]), SessionType::Single, other.get())
        }
        Place::With(other) => (Told::Pair(user, other), SessionType::Single, other.get()),
        Place::In(group) => (Told::Members(group), SessionType::Group, group.get()),
    };
    let notice = ImMessageRevised {
        user_id: user.get(),
        session_type: session_type as i32,
        to_session_id,
        message: message.clone(),
    };
    let server = &session.server;
    server.tell(&told, capability::REVISIONS, &notice, Some(session.id));
    answer
}

/// An answer with messages, as it is for a client that knows of no revisions: what stands in place of a recalled message
/// is all that it gets.
pub(super) trait Unrevised {
    fn unrevised(self, session: &Session) -> Self;
}

impl Unrevised for ImGetMsgListRsp {
    fn unrevised(mut self, session: &Session) -> Self {
        strip(session, &mut self.msg_list);
        self
    }
}

impl Unrevised for ImGetMsgByIdRsp {
    fn unrevised(mut self, session: &Session) -> Self {
        strip(session, &mut self.msg_list);
        self
    }
}

impl Unrevised for ImSyncRsp {
    fn unrevised(mut self, session: &Session) -> Self {
        for conversation in &mut self.conversation {
            strip(session, &mut conversation.msg_list);
        }
        self
    }
}

fn strip(session: &Session, messages: &mut [MsgInfo]) {
    if !session.can(capability::REVISIONS) {
        for message in messages {
            message.revision = None;
        }
    }
}
