//! One session per user and class.

use std::time::Duration;

use proto::im::base_define::{ClientType, KickReasonType};
use proto::im::login::{ImKickPcClientReq, ImKickPcClientRsp, ImKickUser, ImLoginReq};
use proto::im::message::ImMsgData;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::same;

/// How long a displaced client may take to hang up by itself, and the server to do it then.
const GRACE: Duration = Duration::from_secs(15);

cases! {
    /// A login tells the user's older session of the same class to go, with reason 1 and number 0.
    "kick/same-class" same_class in Kick {
        commands: [ImLoginReq],
    }
    /// Also when the older session is on another msg_server.
    "kick/across-servers" across_servers in Kick {
        commands: [ImLoginReq],
        needs: [TwoServers],
    }
    /// Windows and macOS are one class, iOS and Android the other.
    "kick/classes" classes in Kick {
        commands: [ImLoginReq],
    }
    /// A session of the other class stays.
    "kick/other-class-stays" other_class_stays in Kick {
        commands: [ImLoginReq],
    }
    /// A displaced session ends, whether or not the client hangs up, and hears nothing more until then.
    "kick/displaced-session-ends" displaced_session_ends in Kick {
        commands: [ImLoginReq, ImMsgData],
        defects: [24],
    }
    /// A phone ends its user's desktop session, which is told reason 2; the phone is answered with 0.
    "kick/desktop-by-phone" desktop_by_phone in Kick {
        commands: [ImKickPcClientReq],
    }
    /// Also when there is no desktop the phone is answered with 0.
    "kick/no-desktop-by-phone" no_desktop_by_phone in Kick {
        commands: [ImKickPcClientReq],
    }
    /// A desktop cannot do that: no success is answered, and nobody is kicked.
    "kick/not-by-a-desktop" not_by_a_desktop in Kick {
        commands: [ImKickPcClientReq],
    }
}

/// Waits for the kick, which has to be for that reason.
async fn is_kicked(device: &mut Device, reason: KickReasonType) -> Outcome {
    let (pdu, kick) = device.frame("IMKickUser", |_: &ImKickUser| true).await?;
    same("kick_reason", kick.kick_reason, reason as i32)?;
    same("user_id", kick.user_id, device.id)?;
    is_push(&pdu, &kick)
}

async fn displaces(ctx: &Ctx, old: (ClientType, usize), new: (ClientType, usize)) -> Outcome {
    let mut older = ctx.login(ALICE, old.0, old.1).await?;
    let mut newer = ctx.login(ALICE, new.0, new.1).await?;
    is_kicked(&mut older, KickReasonType::KickReasonDuplicateUser).await?;
    newer
        .none("the newer session stays", |_: &ImKickUser| true)
        .await?;
    older.hang_up();
    newer.unread().await?;
    newer.leave().await
}

async fn same_class(ctx: &Ctx) -> Outcome {
    for kind in [ClientType::Windows, ClientType::Android] {
        displaces(ctx, (kind, 0), (kind, 0)).await?;
    }
    Ok(())
}

async fn across_servers(ctx: &Ctx) -> Outcome {
    for kind in [ClientType::Windows, ClientType::Android] {
        displaces(ctx, (kind, 0), (kind, 1)).await?;
        displaces(ctx, (kind, 1), (kind, 0)).await?;
    }
    Ok(())
}

async fn classes(ctx: &Ctx) -> Outcome {
    displaces(ctx, (ClientType::Windows, 0), (ClientType::Mac, 0)).await?;
    displaces(ctx, (ClientType::Ios, 0), (ClientType::Android, 0)).await
}

async fn other_class_stays(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    let mut desktop = ctx.desktop(ALICE).await?;
    let mut newer = ctx.login(ALICE, ClientType::Ios, 0).await?;
    is_kicked(&mut phone, KickReasonType::KickReasonDuplicateUser).await?;
    desktop
        .none("the desktop stays", |_: &ImKickUser| true)
        .await?;
    desktop.unread().await?;
    newer.unread().await?;
    Ok(())
}

async fn displaced_session_ends(ctx: &Ctx) -> Outcome {
    let mut older = ctx.login(ALICE, ClientType::Windows, 0).await?;
    let mut newer = ctx.login(ALICE, ClientType::Windows, 0).await?;
    is_kicked(&mut older, KickReasonType::KickReasonDuplicateUser).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    bob.says(newer.id, &data).await?;
    newer.hears(&data).await?;
    older
        .closes_within(GRACE, "the displaced connection closed by the server")
        .await?;
    let heard = older.inbox().any(|pdu| {
        let message = crate::conform::link::read::<ImMsgData>(pdu);
        message.is_some_and(|message| message.msg_data == data)
    });
    same("messages to a displaced session", heard, false)
}

async fn desktop_by_phone(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    for server in [0, 1] {
        let mut desktop = ctx.login(ALICE, ClientType::Windows, server).await?;
        let answer = phone.ask(&ImKickPcClientReq { user_id: phone.id }).await?;
        same("result_code", answer.result_code, 0)?;
        same("user_id", answer.user_id, phone.id)?;
        is_kicked(&mut desktop, KickReasonType::KickReasonMobileKick).await?;
    }
    Ok(())
}

async fn no_desktop_by_phone(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    let answer = phone.ask(&ImKickPcClientReq { user_id: phone.id }).await?;
    same("result_code", answer.result_code, 0)
}

async fn not_by_a_desktop(ctx: &Ctx) -> Outcome {
    let mut desktop = ctx.desktop(ALICE).await?;
    let seq_num = desktop.seq_num();
    let request = ImKickPcClientReq {
        user_id: desktop.id,
    };
    desktop.tell(&request, seq_num).await?;
    desktop.unread().await?;
    desktop
        .none("nobody is kicked", |_: &ImKickUser| true)
        .await?;
    desktop
        .none("no success", |answer: &ImKickPcClientRsp| {
            answer.result_code == 0
        })
        .await
}
