//! Service 4: groups. There are none yet that anybody could be in, and none can be made.

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupCreateRsp,
    ImGroupInfoListReq, ImGroupInfoListRsp, ImGroupShieldReq, ImGroupShieldRsp,
    ImNormalGroupListReq, ImNormalGroupListRsp,
};

use crate::server::MsgServer;
use crate::session::Session;

const NOT_AVAILABLE: HandlerError = HandlerError::Refused("not_available");

pub(super) fn normal_list(
    _: &Session,
    request: ImNormalGroupListReq,
) -> Result<ImNormalGroupListRsp, HandlerError> {
    Ok(ImNormalGroupListRsp {
        user_id: request.user_id,
        group_version_list: Vec::new(),
        attach_data: None,
    })
}

pub(super) fn info(
    _: &Session,
    request: ImGroupInfoListReq,
) -> Result<ImGroupInfoListRsp, HandlerError> {
    Ok(ImGroupInfoListRsp {
        user_id: request.user_id,
        ..Default::default()
    })
}

pub(super) fn create(
    _: &Session,
    _request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    Err(NOT_AVAILABLE)
}

pub(super) fn change_members(
    _: &Session,
    _request: ImGroupChangeMemberReq,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    Err(NOT_AVAILABLE)
}

pub(super) fn shield(
    _: &Session,
    _request: ImGroupShieldReq,
) -> Result<ImGroupShieldRsp, HandlerError> {
    Err(NOT_AVAILABLE)
}

/// Makes a group as the system. Bound to no session.
pub(crate) async fn create_as_system(
    server: &Arc<MsgServer>,
    request: ImGroupCreateReq,
) -> Result<ImGroupCreateRsp, HandlerError> {
    Ok(server.db.call(0, &request).await?)
}

/// Changes the members of a group as the system.
pub(crate) async fn change_as_system(
    server: &Arc<MsgServer>,
    request: ImGroupChangeMemberReq,
) -> Result<ImGroupChangeMemberRsp, HandlerError> {
    Ok(server.db.call(request.group_id, &request).await?)
}
