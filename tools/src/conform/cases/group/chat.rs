//! Messages in a group.

use proto::im::message::{ImGetMsgListReq, ImMsgData};

use super::super::msg::voice::{sound, voice};
use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::device::chat::text;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// The acknowledgement has the sender, the group, the id and session type 2; the first message is number 1.
    "group/ack-fields" ack_fields in Groups {
        commands: [ImMsgData],
    }
    /// A message reaches every device of every member, on whatever msg_server, the sender's other device included.
    "group/reaches-all-members" reaches_all_members in Groups {
        commands: [ImMsgData],
    }
    /// It does not come back on the connection that sent it.
    "group/not-to-the-sender" not_to_the_sender in Groups {
        commands: [ImMsgData],
    }
    /// It has number 0.
    "group/number-zero" number_zero in SequenceNumbers {
        commands: [ImMsgData],
    }
    /// The notes that servers make for themselves (attach_data) are not in it.
    "group/no-attach-data" no_attach_data in Fields {
        commands: [ImMsgData],
        defects: [71],
    }
    /// It comes once on each device.
    "group/once" once in Groups {
        commands: [ImMsgData],
    }
    /// The sender is whoever is logged in, whatever the request says.
    "group/sender-is-the-session" sender_is_the_session in Fields {
        commands: [ImMsgData],
    }
    /// Of 25 messages that two members send at once all are acknowledged, with ids from 1 to 25.
    "group/quick-ones" quick_ones in Groups {
        commands: [ImMsgData],
        defects: [3, 37],
    }
    /// A message of somebody who is not in the group is refused and reaches nobody.
    "group/outsiders-message" outsiders_message in Groups {
        commands: [ImMsgData],
    }
    /// A message to a group that does not exist is refused.
    "group/unknown-group" unknown_group in Groups {
        commands: [ImMsgData],
    }
    /// Whoever was removed gets no further message and can write none.
    "group/removed-hears-nothing" removed_hears_nothing in Groups {
        commands: [ImMsgData],
    }
    /// Whoever was added gets every message from then on.
    "group/added-hears" added_hears in Groups {
        commands: [ImMsgData],
    }
    /// A voice message is delivered, and is in the history byte for byte.
    "group/voice" voice_in_group in Groups {
        commands: [ImMsgData, ImGetMsgListReq],
        defects: [60, 66, 94],
    }
    /// Without sound, 4 bytes or less, it is refused.
    "group/voice-without-sound" voice_without_sound in Groups {
        commands: [ImMsgData],
        defects: [2],
    }
}

async fn ack_fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    for id in 1..=3 {
        let ack = alice.stores(&text(group, &ctx.text())).await?;
        same("user_id", ack.user_id, alice.id)?;
        same("session_id", ack.session_id, group.id())?;
        same("session_type", ack.session_type, 2)?;
        same("msg_id", ack.msg_id, id)?;
    }
    Ok(())
}

async fn reaches_all_members(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut devices = [
        ctx.phone(ALICE).await?,
        ctx.desktop(BOB).await?,
        ctx.phone(BOB).await?,
        ctx.desktop(CAROL).await?,
        ctx.phone(CAROL).await?,
    ];
    let group = alice
        .makes_group(&[ALICE, BOB, CAROL].map(|who| ctx.id(who)))
        .await?;
    let data = ctx.text();
    let id = alice.says(group, &data).await?;
    for device in &mut devices {
        let message = device.hears(&data).await?;
        same("msg_id", message.msg_id, id)?;
        same("from_user_id", message.from_user_id, alice.id)?;
        same("to_session_id", message.to_session_id, group.id())?;
        same("msg_type", message.msg_type, group.text_type())?;
        holds("a create_time", message.create_time > 0, &message)?;
    }
    Ok(())
}

async fn not_to_the_sender(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let (data, answer) = (ctx.text(), ctx.text());
    alice.says(group, &data).await?;
    bob.hears(&data).await?;
    bob.says(group, &answer).await?;
    alice.hears(&answer).await?;
    alice
        .heard_nothing("no copy for the sending connection", &data)
        .await
}

async fn number_zero(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut near = ctx.desktop(CAROL).await?;
    let mut far = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, near.id, far.id]).await?;
    let data = ctx.text();
    alice.says(group, &data).await?;
    for device in [&mut near, &mut far] {
        let (pdu, _) = device.delivery(&data).await?;
        same("seq_num of a delivered message", pdu.seq_num(), 0)?;
    }
    Ok(())
}

async fn no_attach_data(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut near = ctx.desktop(CAROL).await?;
    let mut far = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, near.id, far.id]).await?;
    let data = ctx.text();
    alice.says(group, &data).await?;
    for device in [&mut near, &mut far] {
        let message = device.hears(&data).await?;
        holds("no attach_data", message.attach_data.is_none(), &message)?;
    }
    Ok(())
}

async fn once(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut near = ctx.desktop(CAROL).await?;
    let mut far = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, near.id, far.id]).await?;
    let (data, next) = (ctx.text(), ctx.text());
    alice.says(group, &data).await?;
    alice.says(group, &next).await?;
    for device in [&mut near, &mut far] {
        device.hears(&data).await?;
        // A copy would have come before what was sent behind it.
        device.hears(&next).await?;
        device.heard_nothing("the message once", &data).await?;
    }
    Ok(())
}

async fn sender_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice
        .makes_group(&[alice.id, bob.id, ctx.id(CAROL)])
        .await?;
    let data = ctx.text();
    let forged = ImMsgData {
        from_user_id: ctx.id(CAROL),
        ..text(group, &data)
    };
    same("user_id", alice.stores(&forged).await?.user_id, alice.id)?;
    same(
        "from_user_id",
        bob.hears(&data).await?.from_user_id,
        alice.id,
    )
}

async fn quick_ones(ctx: &Ctx) -> Outcome {
    // Not more than 20 a second from one connection: that is the limit of the original.
    const COUNTS: [usize; 2] = [13, 12];
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let mut all = Vec::new();
    let mut sent = [Vec::new(), Vec::new()];
    for (side, device) in [&mut alice, &mut bob].into_iter().enumerate() {
        for _ in 0..COUNTS[side] {
            let (data, seq_num) = (ctx.text(), device.seq_num());
            device.tell(&text(group, &data), seq_num).await?;
            sent[side].push((data, seq_num));
        }
    }
    for (side, device) in [&mut alice, &mut bob].into_iter().enumerate() {
        let mut ids = Vec::new();
        for (_, seq_num) in &sent[side] {
            ids.push(device.reply::<ImMsgData>(*seq_num).await?.1.msg_id);
        }
        holds("ids in the order of sending", ids.is_sorted(), &ids)?;
        all.extend(ids);
        for (data, _) in &sent[1 - side] {
            device.hears(data).await?;
        }
    }
    all.sort_unstable();
    same("ids", all, (1..=25).collect::<Vec<u32>>())
}

async fn outsiders_message(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let before = alice.says(group, &ctx.text()).await?;
    let (data, next) = (ctx.text(), ctx.text());
    dave.refused(&text(group, &data)).await?;
    same(
        "id of the next message",
        alice.says(group, &next).await?,
        before + 1,
    )?;
    bob.hears(&next).await?;
    bob.heard_nothing("no message of an outsider", &data)
        .await?;
    alice
        .heard_nothing("no message of an outsider", &data)
        .await
}

async fn unknown_group(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for id in [0, ctx.nobody()] {
        alice
            .refused(&text(Conversation::Group(id), &ctx.text()))
            .await?;
    }
    Ok(())
}

async fn removed_hears_nothing(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id, carol.id]).await?;
    alice.expels(group, &[bob.id]).await?;
    let (data, direct) = (ctx.text(), ctx.text());
    alice.says(group, &data).await?;
    carol.hears(&data).await?;
    alice.says(bob.id, &direct).await?;
    bob.hears(&direct).await?;
    bob.heard_nothing("nothing for somebody who was removed", &data)
        .await?;
    bob.refused(&text(group, &ctx.text())).await
}

async fn added_hears(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.phone(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.says(group, &ctx.text()).await?;
    alice.adds(group, &[carol.id]).await?;
    for device in [&mut alice, &mut bob] {
        let data = ctx.text();
        device.says(group, &data).await?;
        carol.hears(&data).await?;
    }
    let data = ctx.text();
    carol.says(group, &data).await?;
    alice.hears(&data).await?;
    bob.hears(&data).await?;
    Ok(())
}

async fn voice_in_group(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let message = voice(group, 4, &sound());
    let id = alice.stores(&message).await?.msg_id;
    let heard = bob.hears(&message.msg_data).await?;
    same("msg_type", heard.msg_type, message.msg_type)?;
    let Some(stored) = bob.history(group, id, 1).await?.pop() else {
        return fail("the message in the history", "an empty page");
    };
    same("msg_type", stored.msg_type, message.msg_type)?;
    same("msg_data in the history", stored.msg_data, message.msg_data)
}

async fn voice_without_sound(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.refused(&voice(group, 4, &[])).await?;
    same(
        "id of the first message",
        alice.says(group, &ctx.text()).await?,
        1,
    )
}
