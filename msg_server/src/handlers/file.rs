//! Service 5: files. Ferrotalk has no file_server; clients are told so as a msg_server without one would.

use im_base::dispatch::HandlerError;
use proto::NoReply;
use proto::im::file::{
    ImFileAddOfflineReq, ImFileDelOfflineReq, ImFileHasOfflineReq, ImFileHasOfflineRsp, ImFileReq,
    ImFileRsp,
};

use crate::session::Session;

const NO_FILE_SERVER: HandlerError = HandlerError::Refused("no_file_server");

pub(super) fn offer(_: &Session, _request: ImFileReq) -> Result<ImFileRsp, HandlerError> {
    Err(NO_FILE_SERVER)
}

/// No file ever waits.
pub(super) fn waiting(
    _: &Session,
    request: ImFileHasOfflineReq,
) -> Result<ImFileHasOfflineRsp, HandlerError> {
    Ok(ImFileHasOfflineRsp {
        user_id: request.user_id,
        offline_file_list: Vec::new(),
        ip_addr_list: Vec::new(),
        attach_data: None,
    })
}

pub(super) fn brought(_: &Session, _request: ImFileAddOfflineReq) -> Result<NoReply, HandlerError> {
    Err(NO_FILE_SERVER)
}

pub(super) fn fetched(_: &Session, _request: ImFileDelOfflineReq) -> Result<NoReply, HandlerError> {
    Err(NO_FILE_SERVER)
}
