//! Messages that are recalled or edited, and what clients see of it that don't know of such things.

use im_base::dispatch::HandlerError;
use proto::im::base_define::{MsgInfo, SessionType};
use proto::im::ext::message::{ImEditReq, ImMessageRevised, ImRecallReq, ImReviseRsp, ImSyncRsp};
use proto::im::message::{ImGetMsgByIdRsp, ImGetMsgListRsp};
use proto::{Body as _, Request, capability};

use crate::notice::{Devices, Told};
use crate::reach::Place;
use crate::session::Session;

/// Takes a message back. Those who see it are told.
pub(in crate::handlers) async fn recall(
    session: Session,
    request: ImRecallReq,
) -> Result<ImReviseRsp, HandlerError> {
    let of = place(request.session_type, request.session_id)?;
    session.take_allowance()?;
    let answer = revise(&session, request).await?;
    Ok(tell(&session, of, answer))
}

/// Gives a text another form. Those who see it are told.
pub(in crate::handlers) async fn edit(
    session: Session,
    request: ImEditReq,
) -> Result<ImReviseRsp, HandlerError> {
    let of = place(request.session_type, request.session_id)?;
    if request.msg_data.len() > session.server.limits.text_bytes {
        return Err(HandlerError::Refused("too_large"));
    }
    session.take_allowance()?;
    let answer = revise(&session, request).await?;
    Ok(tell(&session, of, answer))
}

async fn revise<Q>(session: &Session, request: Q) -> Result<ImReviseRsp, HandlerError>
where
    Q: Request<Reply = ImReviseRsp>,
{
    let server = &session.server;
    let revised = server.db.call(session.user_id(), &request).await;
    let mut answer: ImReviseRsp = server.noted(revised)?;
    answer.detach();
    if answer == ImReviseRsp::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    Ok(answer)
}

fn place(session_type: i32, session_id: u32) -> Result<Place, HandlerError> {
    let place = Place::read(session_type, session_id)?;
    place.ok_or(HandlerError::Refused("no_such_message"))
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
    let mut notice = ImMessageRevised {
        user_id: user.get(),
        session_type: session_type as i32,
        to_session_id,
        message: message.clone(),
    };
    let server = &session.server;
    let refers = !message.mention_user_id.is_empty()
        || message.mention_all.is_some()
        || message.reply_to_msg_id.is_some();
    if refers {
        let understand = Devices {
            with: capability::REVISIONS | capability::REFERENCES,
            except: Some(session.id),
            ..Default::default()
        };
        server.tell_devices(&told, &understand, &notice);
        strip_references(&mut notice.message);
    }
    let others = Devices {
        with: capability::REVISIONS,
        without: if refers { capability::REFERENCES } else { 0 },
        except: Some(session.id),
        ..Default::default()
    };
    server.tell_devices(&told, &others, &notice);
    if let Some(message) = &mut answer.message
        && !session.can(capability::REFERENCES)
    {
        strip_references(message);
    }
    answer
}

/// An answer with messages, as it is for a client that does not know of all that can be said of one: what stands in place of a
/// recalled message is all that it gets of that, and it gets nothing of what a message refers to.
pub(super) trait Understood {
    fn understood(self, session: &Session) -> Self;
}

impl Understood for ImGetMsgListRsp {
    fn understood(mut self, session: &Session) -> Self {
        strip(session, &mut self.msg_list);
        self
    }
}

impl Understood for ImGetMsgByIdRsp {
    fn understood(mut self, session: &Session) -> Self {
        strip(session, &mut self.msg_list);
        self
    }
}

impl Understood for ImSyncRsp {
    fn understood(mut self, session: &Session) -> Self {
        for conversation in &mut self.conversation {
            strip(session, &mut conversation.msg_list);
        }
        self
    }
}

fn strip(session: &Session, messages: &mut [MsgInfo]) {
    if !session.can(capability::REVISIONS) {
        for message in messages.iter_mut() {
            message.revision = None;
        }
    }
    if !session.can(capability::REFERENCES) {
        messages.iter_mut().for_each(strip_references);
    }
}

fn strip_references(message: &mut MsgInfo) {
    message.mention_user_id = Vec::new();
    message.mention_all = None;
    message.reply_to_msg_id = None;
}
