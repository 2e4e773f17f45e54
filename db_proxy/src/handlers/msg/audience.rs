//! Whom it reaches that somebody is typing, and how far others have read.

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::im::ext::message::{ImReachReq, ImReachRsp, ImReadersReq, ImReadersRsp, Reader};

use super::{counterpart, user_id};
use crate::handlers::store_failed;
use crate::logic::audience::AudienceError;
use crate::server::DbProxy;
use crate::store::Audience;

pub(in crate::handlers) async fn reach(
    proxy: Arc<DbProxy>,
    request: ImReachReq,
) -> Result<ImReachRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let with = counterpart(request.session_type, request.session_id)?;
    let with = with.ok_or(HandlerError::Refused("no_receiver"))?;
    let reaches = proxy.audiences.reaches(user, with).await;
    let reaches = reaches.map_err(|error| refused(&error))?;
    Ok(ImReachRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        withheld: (!reaches).then_some(true),
        attach_data: request.attach_data,
    })
}

pub(in crate::handlers) async fn readers(
    proxy: Arc<DbProxy>,
    request: ImReadersReq,
) -> Result<ImReadersRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let with = counterpart(request.session_type, request.session_id)?;
    let with = with.ok_or(HandlerError::Refused("no_receiver"))?;
    let readers = proxy.audiences.readers(user, with).await;
    let readers = readers.map_err(|error| refused(&error))?.into_iter();
    Ok(ImReadersRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        reader: readers
            .map(|(user, id)| Reader {
                user_id: user.get(),
                msg_id: id.get(),
            })
            .collect(),
        attach_data: request.attach_data,
    })
}

fn refused(error: &AudienceError) -> HandlerError {
    HandlerError::Refused(match error {
        AudienceError::SwitchedOff => "switched_off",
        AudienceError::Refused(Audience::NotFriends) => "not_friends",
        AudienceError::Refused(Audience::NoSuchUser) => "no_such_user",
        AudienceError::Refused(Audience::NoSuchGroup) => "no_such_group",
        AudienceError::Refused(Audience::TooMany) => "too_many_members",
        AudienceError::Refused(Audience::Muted { .. }) => "muted",
        AudienceError::Refused(Audience::NotAMember | Audience::Others | Audience::Nobody) => {
            "not_a_member"
        }
        AudienceError::Store(error) => return store_failed(error),
    })
}
