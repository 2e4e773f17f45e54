//! Service 5, as far as a msg_server is asked: offers, and files that wait.

use proto::im::base_define::TransferFileType;
use proto::im::file::{
    ImFileAddOfflineReq, ImFileDelOfflineReq, ImFileHasOfflineReq, ImFileNotify, ImFileReq,
};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::expect::{holds, same, skip};

cases! {
    /// Without a file_server an offer is answered with result 1, an empty task and what was asked, and nobody is told.
    "file/offer-without-server" offer_without_server in Files {
        commands: [ImFileReq],
    }
    /// The list of files that wait is answered, to the user who asks.
    "file/waiting" waiting in Files {
        commands: [ImFileHasOfflineReq],
    }
    /// The answer has no note of the servers' own.
    "file/no-attach-data" no_attach_data in Fields {
        commands: [ImFileHasOfflineReq],
        defects: [71],
    }
    /// What has no reply leaves the connection as it was: a file that was uploaded, one that was fetched.
    "file/without-reply" without_reply in Files {
        commands: [ImFileAddOfflineReq, ImFileDelOfflineReq],
    }
}

async fn offer_without_server(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    for mode in [
        TransferFileType::FileTypeOnline,
        TransferFileType::FileTypeOffline,
    ] {
        let request = ImFileReq {
            from_user_id: alice.id,
            to_user_id: bob.id,
            file_name: format!("{}.txt", ctx.word()),
            file_size: 100,
            trans_mode: mode as i32,
        };
        let answer = alice.ask(&request).await?;
        if answer.result_code == 0 {
            return skip("a file_server is there");
        }
        same("result_code", answer.result_code, 1)?;
        same("task_id", answer.task_id.as_str(), "")?;
        same("from_user_id", answer.from_user_id, alice.id)?;
        same("to_user_id", answer.to_user_id, bob.id)?;
        same("file_name", answer.file_name, request.file_name)?;
        same("trans_mode", answer.trans_mode, request.trans_mode)?;
    }
    let data = ctx.text();
    alice.says(bob.id, &data).await?;
    bob.hears(&data).await?;
    bob.none("no notice of a file", |_: &ImFileNotify| true)
        .await
}

async fn waiting(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let request = ImFileHasOfflineReq {
        user_id: ctx.id(BOB),
        attach_data: None,
    };
    let answer = alice.ask(&request).await?;
    same("user_id", answer.user_id, alice.id)
}

async fn no_attach_data(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let request = ImFileHasOfflineReq {
        user_id: alice.id,
        attach_data: None,
    };
    let answer = alice.ask(&request).await?;
    holds("no attach_data", answer.attach_data.is_none(), &answer)
}

async fn without_reply(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let task_id = ctx.word();
    let (from_user_id, to_user_id) = (alice.id, ctx.id(BOB));
    let added = ImFileAddOfflineReq {
        from_user_id,
        to_user_id,
        task_id: task_id.clone(),
        file_name: "conform.txt".into(),
        file_size: 1,
    };
    alice.tell(&added, 0).await?;
    alice.unread().await?;
    let deleted = ImFileDelOfflineReq {
        from_user_id,
        to_user_id,
        task_id,
    };
    // Whoever uploaded it may not take it away, so both ask.
    alice.tell(&deleted, 0).await?;
    alice.unread().await?;
    let mut bob = ctx.desktop(BOB).await?;
    bob.tell(&deleted, 0).await?;
    bob.unread().await?;
    Ok(())
}
