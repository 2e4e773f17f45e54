//! What a msg_server may have missed.

use std::sync::Arc;
use std::time::Duration;

use im_base::dispatch::HandlerError;
use proto::ids::UserId;
use proto::im::ext::message::{ImMissedReq, ImMissedRsp, MissedMessage};

use super::{msg_info, session};
use crate::handlers::store_failed;
use crate::logic::missed::{self, MAX_USERS, MissedPlace};
use crate::server::DbProxy;
use crate::store::UnixMillis;

pub(in crate::handlers) async fn missed(
    proxy: Arc<DbProxy>,
    request: ImMissedReq,
) -> Result<ImMissedRsp, HandlerError> {
    if request.user_id.len() > MAX_USERS {
        return Err(HandlerError::Refused("too_many_users"));
    }
    let users: Vec<UserId> = request
        .user_id
        .iter()
        .copied()
        .filter_map(UserId::new)
        .collect();
    let place = match &request.page {
        Some(page) => {
            let place = MissedPlace::from_bytes(page);
            Some(place.ok_or(HandlerError::Refused("bad_field"))?)
        }
        None => None,
    };
    let age = Duration::from_millis(request.max_age_ms.into());
    let page = proxy.missed.page(&users, age, place).await;
    let page = page.map_err(|error| store_failed(&error))?;
    Ok(ImMissedRsp {
        result_code: 0,
        message: page
            .messages
            .into_iter()
            .map(|missed| message(missed, page.now))
            .collect(),
        next_page: page.next.map(|next| next.to_bytes().into()),
        attach_data: request.attach_data,
    })
}

fn message(missed: missed::MissedMessage, now: UnixMillis) -> MissedMessage {
    let age = now.since(missed.message.created_at).as_millis();
    let (_, to_session_id) = session(missed.to);
    MissedMessage {
        withheld: missed.message.withheld_from.map(|_| true),
        to_session_id,
        message: msg_info(missed.message),
        group_version: missed.group_version,
        age_ms: u32::try_from(age).unwrap_or(u32::MAX),
    }
}
