//! What users are to each other: who asked whom, who are friends, who blocks whom. Each step costs as much as a message.
//!
//! Devices are told how a contact is, not what was done: those of both sides, each their own view, but for the session that
//! took the step, which has it in its answer.

use im_base::dispatch::HandlerError;
use proto::capability::CONTACTS;
use proto::ids::UserId;
use proto::im::ext::buddy::{
    ContactNews, ImBlockReq, ImContactChanged, ImContactStepRsp, ImContactsReq, ImContactsRsp,
    ImFriendAnswerReq, ImFriendAskReq, ImFriendRemoveReq,
};
use proto::{Body, Request};

use crate::handlers::msg::ConversationKey;
use crate::handlers::other::ask as ask_db;
use crate::notice::Told;
use crate::session::Session;

pub(in crate::handlers) async fn ask(
    session: Session,
    request: ImFriendAskReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let other = request.to_user_id;
    take(&session, other, request).await
}

pub(in crate::handlers) async fn answer(
    session: Session,
    request: ImFriendAnswerReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let other = request.from_user_id;
    take(&session, other, request).await
}

pub(in crate::handlers) async fn remove(
    session: Session,
    request: ImFriendRemoveReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let other = request.other_user_id;
    take(&session, other, request).await
}

pub(in crate::handlers) async fn block(
    session: Session,
    request: ImBlockReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let other = request.other_user_id;
    take(&session, other, request).await
}

pub(in crate::handlers) async fn list(
    session: Session,
    request: ImContactsReq,
) -> Result<ImContactsRsp, HandlerError> {
    session.take_allowance()?;
    ask_db(&session, request).await
}

/// Asks the db_proxy that has the two's conversation, so that the steps of both keep an order, and tells their devices.
async fn take<Q>(
    session: &Session,
    other: u32,
    request: Q,
) -> Result<ImContactStepRsp, HandlerError>
where
    Q: Request<Reply = ImContactStepRsp>,
{
    let other = UserId::new(other).ok_or(HandlerError::Refused("no_such_user"))?;
    session.take_allowance()?;
    let server = &session.server;
    let key = ConversationKey::between(session.user_id(), other);
    let taken = server.db.call::<_, ImContactStepRsp>(key, &request).await;
    let mut answer = server.noted(taken)?;
    answer.detach();
    if answer == ImContactStepRsp::default() {
        return Err(HandlerError::Unavailable("no_answer"));
    }
    if let Some(news) = answer.news.take() {
        tell(session, other, news);
    }
    Ok(answer)
}

/// Tells the devices of both. Friends see each other come and go from then on.
fn tell(session: &Session, other: UserId, news: ContactNews) {
    let server = &session.server;
    let sides = [
        (session.user_id(), news.own, Some(session.id)),
        (other, news.other, None),
    ];
    for (user, contact, except) in sides {
        if let Some(contact) = contact {
            let notice = ImContactChanged { contact };
            server.acquaint_friend(&[user], &notice);
            server.tell(&Told::Users(vec![user]), CONTACTS, &notice, except);
        }
    }
}
