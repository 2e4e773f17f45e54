//! Service 5: files. Ferrotalk has no file_server; the numbers are here to be answered.

use crate::im::file::{
    ImFileAddOfflineReq, ImFileDelOfflineReq, ImFileHasOfflineReq, ImFileHasOfflineRsp,
    ImFileLoginReq, ImFileLoginRsp, ImFileNotify, ImFilePullDataReq, ImFilePullDataRsp, ImFileReq,
    ImFileRsp, ImFileState,
};

commands! {
    /// Joins a transfer in a role.
    0x0501 CID_FILE_LOGIN_REQ ImFileLoginReq = "IM.File.IMFileLoginReq" {
        path: [Client => FileServer],
        reply: ImFileLoginRsp,
    }
    /// Outcome of that.
    0x0502 CID_FILE_LOGIN_RES ImFileLoginRsp = "IM.File.IMFileLoginRsp" {
        path: [FileServer => Client],
    }
    /// A transfer is ready, cancelled, refused or done.
    0x0503 CID_FILE_STATE ImFileState = "IM.File.IMFileState" {
        path: [Client => FileServer, FileServer => Client],
    }
    /// Asks for a block of a file.
    0x0504 CID_FILE_PULL_DATA_REQ ImFilePullDataReq = "IM.File.IMFilePullDataReq" {
        path: [Client => FileServer, FileServer => Client],
        reply: ImFilePullDataRsp,
    }
    /// A block of a file.
    0x0505 CID_FILE_PULL_DATA_RSP ImFilePullDataRsp = "IM.File.IMFilePullDataRsp" {
        path: [Client => FileServer, FileServer => Client],
    }
    /// Offers a file to somebody.
    0x0506 CID_FILE_REQUEST ImFileReq = "IM.File.IMFileReq" {
        path: [Client => MsgServer],
        owner: from_user_id,
        reply: ImFileRsp,
        refusal: |req| ImFileRsp {
            result_code: 1,
            from_user_id: req.from_user_id,
            to_user_id: req.to_user_id,
            file_name: req.file_name.clone(),
            trans_mode: req.trans_mode,
            ..Default::default()
        },
    }
    /// Where to bring it, or that nobody can take it.
    0x0507 CID_FILE_RESPONSE ImFileRsp = "IM.File.IMFileRsp" {
        path: [MsgServer => Client],
    }
    /// A file is offered, or waits.
    0x0508 CID_FILE_NOTIFY ImFileNotify = "IM.File.IMFileNotify" {
        path: [MsgServer => Client, MsgServer => RouteServer, RouteServer => MsgServer],
    }
    /// Asks which files wait.
    0x0509 CID_FILE_HAS_OFFLINE_REQ ImFileHasOfflineReq = "IM.File.IMFileHasOfflineReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: user_id,
        attach: attach_data,
        reply: ImFileHasOfflineRsp,
    }
    /// The files that wait and where they are.
    0x050a CID_FILE_HAS_OFFLINE_RES ImFileHasOfflineRsp = "IM.File.IMFileHasOfflineRsp" {
        path: [DbProxy => MsgServer, MsgServer => Client],
        attach: attach_data,
    }
    /// A file was brought and waits for its receiver.
    0x050b CID_FILE_ADD_OFFLINE_REQ ImFileAddOfflineReq = "IM.File.IMFileAddOfflineReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: from_user_id,
    }
    /// A file that waited was fetched or declined.
    0x050c CID_FILE_DEL_OFFLINE_REQ ImFileDelOfflineReq = "IM.File.IMFileDelOfflineReq" {
        path: [Client => MsgServer, MsgServer => DbProxy],
        owner: to_user_id,
    }
}
