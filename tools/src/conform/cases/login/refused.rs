//! Logins that fail, and what is not served without one.

use proto::Pdu;
use proto::im::base_define::ClientType;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::switch_service::Imp2pCmdMsg;

use crate::conform::case::{Outcome, Stop, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::expect::{fail, same};
use crate::conform::link::read;

cases! {
    /// A wrong password is answered with code 6, and the connection is closed.
    "login/wrong-password" wrong_password in Login {
        commands: [ImLoginReq],
    }
    /// A name that nobody has is answered as a wrong password is.
    "login/unknown-user" unknown_user in Login {
        commands: [ImLoginReq],
    }
    /// Names are compared exactly, and no part of the question reaches the database as a command.
    "login/name-is-data" name_is_data in Login {
        commands: [ImLoginReq],
        defects: [52],
    }
    /// An unknown client_type is not let in.
    "login/unknown-client-type" unknown_client_type in Fields {
        commands: [ImLoginReq],
    }
    /// An unknown online_status is not let in.
    "login/unknown-status" unknown_status in Fields {
        commands: [ImLoginReq],
    }
    /// Without a login nothing is passed on to anybody.
    "login/no-signal-without-it" no_signal_without_it in Login {
        commands: [Imp2pCmdMsg],
        defects: [42],
    }
}

/// Sends a login that has to be answered with code 6 and the end of the connection.
async fn is_refused(ctx: &Ctx, request: &ImLoginReq) -> Outcome {
    let mut device = ctx.connect(0).await?;
    let answer = device.log_in(request).await?;
    same("result_code", answer.result_code, 6)?;
    device
        .closes("the connection closed behind the refusal")
        .await
}

async fn wrong_password(ctx: &Ctx) -> Outcome {
    let right = ctx.login_request(ALICE, ClientType::Windows as i32);
    let wrong = ImLoginReq {
        password: crate::client::password_digest(&ctx.word()),
        ..right.clone()
    };
    is_refused(ctx, &wrong).await?;
    // A success clears the count of failures.
    let mut device = ctx.connect(0).await?;
    same("result_code", device.log_in(&right).await?.result_code, 0)
}

async fn unknown_user(ctx: &Ctx) -> Outcome {
    let mut request = ctx.login_request(ALICE, ClientType::Windows as i32);
    request.user_name = format!("nobody-{}", ctx.word());
    is_refused(ctx, &request).await
}

async fn name_is_data(ctx: &Ctx) -> Outcome {
    let mut request = ctx.login_request(ALICE, ClientType::Windows as i32);
    request.user_name = format!("{}' or '1'='1", request.user_name);
    is_refused(ctx, &request).await
}

/// Sends a login that must not succeed: refused, or not answered at all.
async fn is_not_let_in(ctx: &Ctx, request: &ImLoginReq) -> Outcome {
    let mut device = ctx.connect(0).await?;
    device.tell(request, 1).await?;
    let refusal = |pdu: &Pdu| {
        let answer = read::<ImLoginRes>(pdu)?;
        Some(match answer.result_code {
            0 => fail("no success", format!("{answer:?}")),
            _ => Ok(()),
        })
    };
    match device.find("a refusal", refusal).await {
        // Silence, or the end of the connection, is how the original says no.
        Err(Stop::Fail { expected, .. }) if expected == "a refusal" => Ok(()),
        other => other,
    }
}

async fn unknown_client_type(ctx: &Ctx) -> Outcome {
    is_not_let_in(ctx, &ctx.login_request(ALICE, 0x77)).await
}

async fn unknown_status(ctx: &Ctx) -> Outcome {
    let mut request = ctx.login_request(ALICE, ClientType::Windows as i32);
    request.online_status = 9;
    is_not_let_in(ctx, &request).await
}

async fn no_signal_without_it(ctx: &Ctx) -> Outcome {
    let mut bob = ctx.desktop(BOB).await?;
    let mut alice = ctx.desktop(ALICE).await?;
    let signal = |text: &str| Imp2pCmdMsg {
        from_user_id: ctx.id(ALICE),
        to_user_id: ctx.id(BOB),
        cmd_msg_data: text.to_owned(),
    };
    let (forged, honest) = (ctx.word(), ctx.word());
    // On bob's own server, so that nothing of it could be late.
    let mut stranger = ctx.connect(1).await?;
    stranger.tell(&signal(&forged), 0).await?;
    // Either the server closes, or it serves the heartbeat behind it.
    drop(stranger.fence().await);
    alice.tell(&signal(&honest), 0).await?;
    let is = |text: String| move |signal: &Imp2pCmdMsg| signal.cmd_msg_data == text;
    bob.push("the signal of a logged-in user", is(honest))
        .await?;
    bob.none("no signal from a connection without login", is(forged))
        .await
}
