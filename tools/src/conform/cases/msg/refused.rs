//! Messages that are not taken: acknowledged with msg_id 0, or not at all, and in no case delivered.

use bytes::Bytes;
use proto::im::message::ImMsgData;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::chat::text;
use crate::conform::expect::{holds, same};

cases! {
    /// A message without contents is refused and takes no id.
    "msg/empty" empty in Messages {
        commands: [ImMsgData],
    }
    /// A message to oneself is refused.
    "msg/to-oneself" to_oneself in Messages {
        commands: [ImMsgData],
    }
    /// A message to oneself is refused also if the request names another sender.
    "msg/to-oneself-forged" to_oneself_forged in Messages {
        commands: [ImMsgData],
    }
    /// A message to nobody, or to a user who does not exist, is refused and makes no conversation.
    "msg/to-nobody" to_nobody in Messages {
        commands: [ImMsgData],
        defects: [45],
    }
    /// A message of an unknown type is refused and not delivered.
    "msg/unknown-type" unknown_type in Fields {
        commands: [ImMsgData],
    }
}

async fn empty(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.says(bob.id, &ctx.text()).await?;
    alice.refused(&text(bob.id, &Bytes::new())).await?;
    let next = ctx.text();
    same(
        "id of the next message",
        alice.says(bob.id, &next).await?,
        before + 1,
    )?;
    bob.hears(&next).await?;
    bob.heard_nothing("no empty message", &Bytes::new()).await
}

async fn to_oneself(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut phone = ctx.phone(ALICE).await?;
    let (data, next) = (ctx.text(), ctx.text());
    let message = ImMsgData {
        from_user_id: alice.id,
        ..text(alice.id, &data)
    };
    alice.refused(&message).await?;
    alice.says(ctx.id(BOB), &next).await?;
    phone.hears(&next).await?;
    phone.heard_nothing("no message to oneself", &data).await
}

async fn to_oneself_forged(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let forged = ImMsgData {
        from_user_id: ctx.id(BOB),
        ..text(alice.id, &ctx.text())
    };
    alice.refused(&forged).await
}

async fn to_nobody(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for receiver in [0, ctx.nobody()] {
        alice.refused(&text(receiver, &ctx.text())).await?;
        let peer = Conversation::User(receiver);
        let listed = alice.recent_of(peer).await?;
        holds("no conversation with nobody", listed.is_none(), &listed)?;
        same("newest id", alice.latest(peer).await?, 0)?;
    }
    Ok(())
}

async fn unknown_type(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    for msg_type in [0, 0x7f] {
        let data = ctx.text();
        let message = ImMsgData {
            msg_type,
            ..text(bob.id, &data)
        };
        alice.refused(&message).await?;
        let next = ctx.text();
        alice.says(bob.id, &next).await?;
        bob.hears(&next).await?;
        bob.heard_nothing("no message of an unknown type", &data)
            .await?;
    }
    Ok(())
}
