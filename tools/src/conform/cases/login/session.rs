//! A login that succeeds, and how a session ends.

use proto::im::base_define::{ClientType, UserStatType};
use proto::im::login::{ImKickUser, ImLoginReq, ImLoginRes, ImLogoutReq};
use proto::im::message::{ImClientTimeReq, ImUnreadMsgCntReq};
use proto::im::other::ImHeartBeat;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::expect::{fail, holds, same};

cases! {
    /// A successful login is answered with the server's time, the status that was chosen, and the own profile with
    /// status 0.
    "login/ok-fields" ok_fields in Login {
        commands: [ImLoginReq, ImClientTimeReq],
    }
    /// Each kind of client is let in: Windows, macOS, iOS, Android.
    "login/client-types" client_types in ClientTypes {
        commands: [ImLoginReq],
    }
    /// The answer to the login is the first frame; pushes come behind it.
    "login/answer-comes-first" answer_comes_first in Login {
        commands: [ImLoginReq],
    }
    /// A second login on a logged-in connection is not carried out, and changes nothing.
    "login/second-on-a-connection" second_on_a_connection in Login {
        commands: [ImLoginReq, ImUnreadMsgCntReq],
    }
    /// A login is answered while the user's older connection is being closed.
    "login/quick-relogin" quick_relogin in Login {
        commands: [ImLoginReq],
        defects: [23],
    }
    /// Heartbeat and time are served before the login.
    "login/before-it" before_it in Login {
        commands: [ImHeartBeat, ImClientTimeReq],
    }
    /// A logout is answered with 0, and the server closes behind it.
    "login/logout" logout in Login {
        commands: [ImLogoutReq],
    }
    /// A logout of the desktop leaves the phone alone.
    "login/logout-of-one-device" logout_of_one_device in Login {
        commands: [ImLogoutReq],
    }
}

async fn ok_fields(ctx: &Ctx) -> Outcome {
    for status in [
        UserStatType::UserStatusOnline,
        UserStatType::UserStatusLeave,
    ] {
        let mut device = ctx.connect(0).await?;
        let mut request = ctx.login_request(ALICE, ClientType::Windows as i32);
        request.online_status = status as i32;
        let answer = device.log_in(&request).await?;
        same("result_code", answer.result_code, 0)?;
        same("online_status", answer.online_status, Some(status as i32))?;
        let clock = device.ask(&ImClientTimeReq {}).await?.server_time;
        let near = clock.abs_diff(answer.server_time) <= 2;
        holds(
            "the server's clock as server_time",
            near,
            (answer.server_time, clock),
        )?;
        let Some(user) = answer.user_info else {
            return fail("user_info", "none");
        };
        same(
            "user_real_name",
            &user.user_real_name,
            &ctx.user(ALICE).name,
        )?;
        same("user_id", user.user_id, ctx.id(ALICE))?;
        same("status", user.status, 0)?;
        device.leave().await?;
    }
    Ok(())
}

async fn client_types(ctx: &Ctx) -> Outcome {
    for kind in [
        ClientType::Windows,
        ClientType::Mac,
        ClientType::Ios,
        ClientType::Android,
    ] {
        let mut device = ctx.login(ALICE, kind, 0).await?;
        same("user_id", device.id, ctx.id(ALICE))?;
        device.leave().await?;
    }
    Ok(())
}

async fn answer_comes_first(ctx: &Ctx) -> Outcome {
    let mut device = ctx.connect(0).await?;
    let request = ctx.login_request(ALICE, ClientType::Windows as i32);
    device.log_in(&request).await?;
    let early: Vec<_> = device.inbox().map(|pdu| pdu.command()).collect();
    holds("no frame before the answer", early.is_empty(), early)
}

async fn second_on_a_connection(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let seq_num = alice.seq_num();
    let other = ctx.login_request(BOB, ClientType::Windows as i32);
    alice.tell(&other, seq_num).await?;
    // Behind it the connection is still that of the first user.
    let unread = alice.ask(&ImUnreadMsgCntReq::default()).await?;
    same(
        "user_id of what is asked next",
        unread.user_id,
        ctx.id(ALICE),
    )?;
    alice
        .none("no second success", |answer: &ImLoginRes| {
            answer.result_code == 0
        })
        .await
}

async fn quick_relogin(ctx: &Ctx) -> Outcome {
    const ROUNDS: usize = 10;
    let request = ctx.login_request(ALICE, ClientType::Windows as i32);
    let mut old = ctx.desktop(ALICE).await?;
    for _ in 0..ROUNDS {
        let mut new = ctx.connect(0).await?;
        new.tell(&request, 1).await?;
        old.hang_up();
        let (_, answer) = new.reply::<ImLoginReq>(1).await?;
        same("result_code", answer.result_code, 0)?;
        old = new;
    }
    old.leave().await
}

async fn before_it(ctx: &Ctx) -> Outcome {
    let mut device = ctx.connect(0).await?;
    device.fence().await?;
    device.ask(&ImClientTimeReq {}).await?;
    let request = ctx.login_request(ALICE, ClientType::Windows as i32);
    same("result_code", device.log_in(&request).await?.result_code, 0)
}

async fn logout(ctx: &Ctx) -> Outcome {
    for kind in [ClientType::Windows, ClientType::Android] {
        let mut device = ctx.login(ALICE, kind, 0).await?;
        let answer = device.ask(&ImLogoutReq {}).await?;
        same("result_code", answer.result_code, 0)?;
        device
            .closes("the connection closed behind the answer")
            .await?;
    }
    Ok(())
}

async fn logout_of_one_device(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    let mut desktop = ctx.desktop(ALICE).await?;
    desktop.leave().await?;
    phone.none("no kick", |_: &ImKickUser| true).await?;
    phone.unread().await?;
    Ok(())
}
