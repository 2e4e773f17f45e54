//! What users are to each other: wire to domain and back.

use std::sync::Arc;

use bytes::Bytes;
use im_base::dispatch::HandlerError;
use proto::ids::UserId;
use proto::im::ext::buddy::{
    Contact as ContactInfo, ContactNews, ImBlockReq, ImContactStepRsp, ImContactsReq,
    ImContactsRsp, ImFriendAnswerReq, ImFriendAskReq, ImFriendRemoveReq,
};

use crate::handlers::msg::user_id;
use crate::handlers::store_failed;
use crate::logic::contact::ContactError;
use crate::server::DbProxy;
use crate::store::{Contact, ContactRefusal, ContactSides, ContactStep};

pub(in crate::handlers) async fn ask(
    proxy: Arc<DbProxy>,
    request: ImFriendAskReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let greeting = request.greeting.unwrap_or_default();
    let step = ContactStep::Ask { greeting };
    let between = (request.user_id, request.to_user_id);
    take(&proxy, between, step, request.attach_data).await
}

pub(in crate::handlers) async fn answer(
    proxy: Arc<DbProxy>,
    request: ImFriendAnswerReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let step = match request.accept {
        true => ContactStep::Accept,
        false => ContactStep::Refuse,
    };
    let between = (request.user_id, request.from_user_id);
    take(&proxy, between, step, request.attach_data).await
}

pub(in crate::handlers) async fn remove(
    proxy: Arc<DbProxy>,
    request: ImFriendRemoveReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let between = (request.user_id, request.other_user_id);
    take(&proxy, between, ContactStep::Remove, request.attach_data).await
}

pub(in crate::handlers) async fn block(
    proxy: Arc<DbProxy>,
    request: ImBlockReq,
) -> Result<ImContactStepRsp, HandlerError> {
    let step = match request.blocked {
        true => ContactStep::Block,
        false => ContactStep::Unblock,
    };
    let between = (request.user_id, request.other_user_id);
    take(&proxy, between, step, request.attach_data).await
}

pub(in crate::handlers) async fn list(
    proxy: Arc<DbProxy>,
    request: ImContactsReq,
) -> Result<ImContactsRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    // what some clients send for nothing
    let cursor = request.cursor.as_deref().filter(|bytes| !bytes.is_empty());
    let page = proxy.contacts.page(user, cursor).await;
    let page = page.map_err(|error| store_failed(&error))?;
    Ok(ImContactsRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        cursor: Some(page.cursor.into()),
        more: Some(page.more),
        reset: Some(page.reset),
        contact: page.contacts.into_iter().map(contact).collect(),
        attach_data: request.attach_data,
    })
}

/// A step of the first one towards the other.
async fn take(
    proxy: &DbProxy,
    (user, other): (u32, u32),
    step: ContactStep,
    attach_data: Option<Bytes>,
) -> Result<ImContactStepRsp, HandlerError> {
    let own = user_id(user)?;
    let other = UserId::new(other).ok_or(HandlerError::Refused("no_such_user"))?;
    let taken = proxy.contacts.take(own, other, step).await;
    let sides = taken.map_err(|error| not_taken(&error))?;
    Ok(ImContactStepRsp {
        user_id: user,
        result_code: 0,
        reason: None,
        news: news(&sides),
        contact: Some(contact(sides.own)),
        attach_data,
    })
}

fn not_taken(error: &ContactError) -> HandlerError {
    HandlerError::Refused(match error {
        ContactError::ToSelf => "to_oneself",
        ContactError::Greeting => "bad_greeting",
        ContactError::Refused(ContactRefusal::NoSuchUser) => "no_such_user",
        ContactError::Refused(ContactRefusal::NoSuchRequest) => "no_request",
        ContactError::Refused(ContactRefusal::Blocks) => "blocked_by_oneself",
        ContactError::Refused(ContactRefusal::TooMany) => "too_many_contacts",
        ContactError::Refused(ContactRefusal::OtherTooMany) => "too_many_requests",
        ContactError::Store(error) => return store_failed(error),
    })
}

/// What is to be told, if anything.
fn news(sides: &ContactSides) -> Option<ContactNews> {
    let shown = |of: &Contact, is_news: bool| is_news.then(|| contact(of.clone()));
    let own = shown(&sides.own, sides.own_is_news);
    let other = shown(&sides.other, sides.other_is_news);
    (own.is_some() || other.is_some()).then_some(ContactNews { own, other })
}

pub(in crate::handlers) fn contact(contact: Contact) -> ContactInfo {
    ContactInfo {
        user_id: contact.other.get(),
        state: contact.state.number(),
        blocked: contact.blocked.then_some(true),
        greeting: Some(contact.greeting).filter(|greeting| !greeting.is_empty()),
        changed_at: contact.changed_at.seconds(),
        stamp: u64::try_from(contact.changed_at.0)
            .ok()
            .filter(|stamp| *stamp > 0),
    }
}
