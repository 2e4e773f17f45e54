//! Logins without the password: tokens that the server gave before.

use bytes::Bytes;
use proto::capability;
use proto::im::base_define::ClientType;
use proto::im::login::{ImKickPcClientReq, ImLoginReq, ImLoginRes};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx, Who};
use crate::conform::device::Device;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// Who announces nothing is sent nothing of an extension.
    "ferrotalk/no-token-unasked" no_token_unasked in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// Who announces resume tokens is granted them and given one, and logs in with it instead of the password. Each use
    /// gives the next.
    "ferrotalk/resume" resume in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// Until the next one is used, a token may be used again: the answer with the next one may have got lost.
    "ferrotalk/resume-again" resume_again in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// A token that is somebody else's, for another type of device, or none at all is refused with code 6, the reason, and
    /// the end of the connection.
    "ferrotalk/resume-refused" resume_refused in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// A logout ends the device's tokens.
    "ferrotalk/logout-ends-resume" logout_ends_resume in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// A phone that sends the desktops away ends their tokens.
    "ferrotalk/kick-ends-resume" kick_ends_resume in Kick {
        commands: [ImKickPcClientReq, ImLoginReq],
        needs: [Ferrotalk],
    }
}

const DESKTOP: ClientType = ClientType::Windows;

fn with_password(ctx: &Ctx, who: Who, kind: ClientType) -> ImLoginReq {
    ImLoginReq {
        capabilities: Some(capability::RESUME),
        ..ctx.login_request(who, kind as i32)
    }
}

fn with_token(ctx: &Ctx, who: Who, kind: ClientType, token: &Bytes) -> ImLoginReq {
    ImLoginReq {
        password: String::new(),
        resume_token: Some(token.clone()),
        ..with_password(ctx, who, kind)
    }
}

/// The token of a login that has to succeed.
async fn enter(ctx: &Ctx, server: usize, request: &ImLoginReq) -> Outcome<(Device, Bytes)> {
    let mut device = ctx.connect(server).await?;
    let answer = device.log_in(request).await?;
    same("result_code", answer.result_code, 0)?;
    let granted = answer.capabilities() & capability::RESUME;
    same("what is granted", granted, capability::RESUME)?;
    match answer.resume_token {
        Some(token) if token.len() == 32 => Ok((device, token)),
        other => fail(
            "a token of 32 bytes",
            format!("{:?} bytes", other.map(|t| t.len())),
        ),
    }
}

/// A login that has to be refused for its token alone.
async fn is_refused(ctx: &Ctx, request: &ImLoginReq) -> Outcome {
    let mut device = ctx.connect(0).await?;
    let answer: ImLoginRes = device.log_in(request).await?;
    same("result_code", answer.result_code, 6)?;
    same("resume_refused", answer.resume_refused, Some(true))?;
    holds("no token", answer.resume_token.is_none(), "one")?;
    device
        .closes("the connection closed behind the refusal")
        .await
}

/// The right password, so that the failures of a case are forgotten.
async fn forgiven(ctx: &Ctx, who: Who) -> Outcome {
    let mut device = ctx.login(who, DESKTOP, 0).await?;
    device.leave().await
}

async fn no_token_unasked(ctx: &Ctx) -> Outcome {
    let plain = ctx.login_request(ALICE, DESKTOP as i32);
    // a bit that no server knows grants nothing
    let unknown = ImLoginReq {
        capabilities: Some(1 << 63),
        ..plain.clone()
    };
    for request in [plain, unknown] {
        let mut device = ctx.connect(0).await?;
        let answer = device.log_in(&request).await?;
        same("result_code", answer.result_code, 0)?;
        let extended = (
            &answer.capabilities,
            &answer.resume_token,
            &answer.resume_refused,
        );
        same("fields of extensions", extended, (&None, &None, &None))?;
        device.leave().await?;
    }
    // and a token without the announcement is not looked at
    let (device, token) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.hang_up();
    let request = ImLoginReq {
        capabilities: None,
        ..with_token(ctx, ALICE, DESKTOP, &token)
    };
    let mut device = ctx.connect(0).await?;
    let answer = device.log_in(&request).await?;
    same("result_code", answer.result_code, 6)?;
    same("resume_refused", answer.resume_refused, None)?;
    forgiven(ctx, ALICE).await
}

async fn resume(ctx: &Ctx) -> Outcome {
    let (device, mut token) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.hang_up();
    for round in 1..4 {
        let request = with_token(ctx, ALICE, DESKTOP, &token);
        let (device, next) = enter(ctx, round % 2, &request).await?;
        same("user_id", device.id, ctx.id(ALICE))?;
        holds("another token", next != token, "the same")?;
        device.hang_up();
        token = next;
    }
    Ok(())
}

async fn resume_again(ctx: &Ctx) -> Outcome {
    let (device, first) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.hang_up();
    let (lost, _) = enter(ctx, 1, &with_token(ctx, ALICE, DESKTOP, &first)).await?;
    lost.hang_up();
    let (device, second) = enter(ctx, 0, &with_token(ctx, ALICE, DESKTOP, &first)).await?;
    device.hang_up();
    let (device, _) = enter(ctx, 0, &with_token(ctx, ALICE, DESKTOP, &second)).await?;
    device.hang_up();
    is_refused(ctx, &with_token(ctx, ALICE, DESKTOP, &first)).await?;
    forgiven(ctx, ALICE).await
}

async fn resume_refused(ctx: &Ctx) -> Outcome {
    let (device, token) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.hang_up();
    let wrong = [
        with_token(ctx, BOB, DESKTOP, &token),
        with_token(ctx, ALICE, ClientType::Android, &token),
        with_token(ctx, ALICE, DESKTOP, &Bytes::from(vec![7; 32])),
        with_token(ctx, ALICE, DESKTOP, &Bytes::new()),
        with_token(ctx, ALICE, DESKTOP, &Bytes::from(vec![7; 4_000])),
        ImLoginReq {
            user_name: format!("nobody-{}", ctx.word()),
            ..with_token(ctx, ALICE, DESKTOP, &token)
        },
    ];
    for request in wrong {
        is_refused(ctx, &request).await?;
    }
    // it is as good as before
    let (device, _) = enter(ctx, 0, &with_token(ctx, ALICE, DESKTOP, &token)).await?;
    device.hang_up();
    forgiven(ctx, BOB).await?;
    forgiven(ctx, ALICE).await
}

async fn logout_ends_resume(ctx: &Ctx) -> Outcome {
    let (mut device, token) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.leave().await?;
    is_refused(ctx, &with_token(ctx, ALICE, DESKTOP, &token)).await?;
    forgiven(ctx, ALICE).await
}

async fn kick_ends_resume(ctx: &Ctx) -> Outcome {
    let android = ClientType::Android;
    let (device, desktop) = enter(ctx, 0, &with_password(ctx, ALICE, DESKTOP)).await?;
    device.hang_up();
    let (mut phone, token) = enter(ctx, 1, &with_password(ctx, ALICE, android)).await?;
    let request = ImKickPcClientReq { user_id: phone.id };
    same("result_code", phone.ask(&request).await?.result_code, 0)?;
    phone.hang_up();
    is_refused(ctx, &with_token(ctx, ALICE, DESKTOP, &desktop)).await?;
    // its own is not touched
    let (phone, _) = enter(ctx, 0, &with_token(ctx, ALICE, android, &token)).await?;
    phone.hang_up();
    forgiven(ctx, ALICE).await
}
