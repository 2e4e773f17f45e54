//! Messages that are recalled or edited.

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::ids::MessageId;
use proto::im::ext::message::{ImEditReq, ImRecallReq, ImReviseRsp};

use super::{counterpart, msg_info, user_id};
use crate::handlers::store_failed;
use crate::logic::revision::RevisionError;
use crate::server::DbProxy;
use crate::store::{RevisionRefusal, StoredMessage};

pub(in crate::handlers) async fn recall(
    proxy: Arc<DbProxy>,
    request: ImRecallReq,
) -> Result<ImReviseRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let with = counterpart(request.session_type, request.session_id)?;
    let (Some(with), Some(id)) = (with, MessageId::new(request.msg_id)) else {
        return Err(HandlerError::Refused("no_such_message"));
    };
    let recalled = proxy.revisions.recall(user, with, id).await;
    let message = recalled.map_err(|error| refused(&error))?;
    Ok(ImReviseRsp {
        attach_data: request.attach_data,
        ..answer(request.user_id, message)
    })
}

pub(in crate::handlers) async fn edit(
    proxy: Arc<DbProxy>,
    request: ImEditReq,
) -> Result<ImReviseRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let with = counterpart(request.session_type, request.session_id)?;
    let (Some(with), Some(id)) = (with, MessageId::new(request.msg_id)) else {
        return Err(HandlerError::Refused("no_such_message"));
    };
    let edited = proxy.revisions.edit(user, with, id, request.msg_data).await;
    let message = edited.map_err(|error| refused(&error))?;
    Ok(ImReviseRsp {
        attach_data: request.attach_data,
        ..answer(request.user_id, message)
    })
}

fn answer(user_id: u32, message: StoredMessage) -> ImReviseRsp {
    ImReviseRsp {
        user_id,
        result_code: 0,
        withheld: message.withheld_from.map(|_| true),
        message: Some(msg_info(message)),
        ..Default::default()
    }
}

fn refused(error: &RevisionError) -> HandlerError {
    match error {
        RevisionError::Empty => HandlerError::Refused("empty"),
        RevisionError::TooLarge { .. } => HandlerError::Refused("too_large"),
        RevisionError::Refused(RevisionRefusal::NoSuchMessage) => {
            HandlerError::Refused("no_such_message")
        }
        RevisionError::Refused(RevisionRefusal::NotTheSender) => {
            HandlerError::Refused("not_the_sender")
        }
        RevisionError::Refused(RevisionRefusal::TooLate) => HandlerError::Refused("too_late"),
        RevisionError::Refused(RevisionRefusal::Recalled) => HandlerError::Refused("recalled"),
        RevisionError::Refused(RevisionRefusal::NoText) => HandlerError::Refused("no_text"),
        RevisionError::Store(error) => store_failed(error),
    }
}
