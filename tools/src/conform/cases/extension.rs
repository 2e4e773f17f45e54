//! What Ferrotalk promises beyond the protocol.

use bytes::Bytes;
use proto::Pdu;
use proto::im::base_define::ClientType;
use proto::im::login::{ImKickPcClientReq, ImLoginReq};
use proto::im::message::{ImMsgData, ImUnreadMsgCntReq};
use proto::im::other::ImHeartBeat;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::chat::text;
use crate::conform::expect::{holds, same};

cases! {
    /// A message sent again with the same client_msg_id is acknowledged with the same id and delivered once.
    "ferrotalk/resend-by-key" resend_by_key in Messages {
        commands: [ImMsgData],
        defects: [78],
        needs: [Ferrotalk],
    }
    /// Also after a reconnect.
    "ferrotalk/resend-after-reconnect" resend_after_reconnect in Messages {
        commands: [ImMsgData],
        defects: [78],
        needs: [Ferrotalk],
    }
    /// A client's own msg_id is such a key, too, together with the contents.
    "ferrotalk/resend-by-number" resend_by_number in Messages {
        commands: [ImMsgData],
        defects: [78],
        needs: [Ferrotalk],
    }
    /// The key is not delivered.
    "ferrotalk/key-is-not-delivered" key_is_not_delivered in Messages {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// A key has 64 bytes at most.
    "ferrotalk/key-length" key_length in Messages {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// A message that is refused is acknowledged with msg_id 0, and with what was asked.
    "ferrotalk/refusals-are-answered" refusals_are_answered in Messages {
        commands: [ImMsgData],
        defects: [18],
        needs: [Ferrotalk],
    }
    /// A second login on a connection is answered with code 6.
    "ferrotalk/second-login-is-answered" second_login_is_answered in Login {
        commands: [ImLoginReq],
        needs: [Ferrotalk],
    }
    /// Before the login another command than login, heartbeat and time closes the connection.
    "ferrotalk/closes-before-login" closes_before_login in Login {
        commands: [ImUnreadMsgCntReq],
        defects: [42],
        needs: [Ferrotalk],
    }
    /// Before the login a frame above 8 KiB closes the connection.
    "ferrotalk/small-frames-before-login" small_frames_before_login in Sizes {
        commands: [],
        defects: [30],
        needs: [Ferrotalk],
    }
    /// A desktop that wants to kick desktops is answered with 1.
    "ferrotalk/kick-by-desktop-is-answered" kick_by_desktop_is_answered in Kick {
        commands: [ImKickPcClientReq],
        needs: [Ferrotalk],
    }
}

/// A key that nobody has used before.
fn key(ctx: &Ctx) -> Option<Bytes> {
    Some(Bytes::from(ctx.word()))
}

async fn resend_by_key(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let message = ImMsgData {
        client_msg_id: key(ctx),
        ..text(bob.id, &ctx.text())
    };
    let id = alice.stores(&message).await?.msg_id;
    same(
        "msg_id of the resend",
        alice.stores(&message).await?.msg_id,
        id,
    )?;
    bob.hears(&message.msg_data).await?;
    let next = ctx.text();
    same(
        "id of the next message",
        alice.says(bob.id, &next).await?,
        id + 1,
    )?;
    bob.hears(&next).await?;
    bob.heard_nothing("the message once", &message.msg_data)
        .await
}

async fn resend_after_reconnect(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let message = ImMsgData {
        client_msg_id: key(ctx),
        ..text(ctx.id(BOB), &ctx.text())
    };
    let id = alice.stores(&message).await?.msg_id;
    alice.leave().await?;
    let mut alice = ctx.login(ALICE, ClientType::Windows, 1).await?;
    same(
        "msg_id of the resend",
        alice.stores(&message).await?.msg_id,
        id,
    )
}

async fn resend_by_number(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let message = ImMsgData {
        msg_id: fastrand::u32(1_000_000..),
        ..text(ctx.id(BOB), &ctx.text())
    };
    let id = alice.stores(&message).await?.msg_id;
    same(
        "msg_id of the resend",
        alice.stores(&message).await?.msg_id,
        id,
    )?;
    let other = ImMsgData {
        msg_data: ctx.text(),
        ..message
    };
    let next = alice.stores(&other).await?.msg_id;
    same("msg_id of other contents", next, id + 1)
}

async fn key_is_not_delivered(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let message = ImMsgData {
        client_msg_id: key(ctx),
        ..text(bob.id, &ctx.text())
    };
    alice.stores(&message).await?;
    let heard = bob.hears(&message.msg_data).await?;
    holds("no client_msg_id", heard.client_msg_id.is_none(), &heard)
}

async fn key_length(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for (length, stored) in [(64, true), (65, false)] {
        let message = ImMsgData {
            client_msg_id: Some(Bytes::from(format!("{:x<length$}", ctx.word()))),
            ..text(ctx.id(BOB), &ctx.text())
        };
        let ack = alice.ask(&message).await?;
        same(
            &format!("stored with a key of {length} bytes"),
            ack.msg_id > 0,
            stored,
        )?;
    }
    Ok(())
}

async fn refusals_are_answered(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for to in [alice.id, ctx.nobody(), 0] {
        let ack = alice.ask(&text(to, &ctx.text())).await?;
        same("msg_id", ack.msg_id, 0)?;
        same("user_id", ack.user_id, alice.id)?;
        same("session_id", ack.session_id, to)?;
        same("session_type", ack.session_type, 1)?;
    }
    Ok(())
}

async fn second_login_is_answered(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let again = ctx.login_request(ALICE, ClientType::Windows as i32);
    same("result_code", alice.ask(&again).await?.result_code, 6)?;
    alice.unread().await?;
    Ok(())
}

async fn closes_before_login(ctx: &Ctx) -> Outcome {
    let mut device = ctx.connect(0).await?;
    device.tell(&ImUnreadMsgCntReq::default(), 2).await?;
    device.closes("the connection closed").await
}

async fn small_frames_before_login(ctx: &Ctx) -> Outcome {
    let mut device = ctx.connect(0).await?;
    let mut header = Pdu::new(&ImHeartBeat {}, 0).header;
    header.length = 8 * 1024 + 1;
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    device.write(&bytes).await?;
    device.closes("the connection closed").await
}

async fn kick_by_desktop_is_answered(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let answer = alice.ask(&ImKickPcClientReq { user_id: alice.id }).await?;
    same("result_code", answer.result_code, 1)
}
