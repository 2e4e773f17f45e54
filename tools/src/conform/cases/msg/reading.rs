//! What is unread, and marking it read.

use proto::im::message::{ImMsgData, ImMsgDataReadAck, ImMsgDataReadNotify, ImUnreadMsgCntReq};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::{eventually, fail, same};

cases! {
    /// The list of unread conversations has the count and the newest message, and the total is the sum.
    "unread/fields" fields in Reading {
        commands: [ImUnreadMsgCntReq, ImMsgData],
    }
    /// A message is unread for its receiver and not for its sender.
    "unread/for-the-receiver" for_the_receiver in Reading {
        commands: [ImUnreadMsgCntReq, ImMsgData],
    }
    /// A read mark takes what is read out of the count.
    "unread/read-all" read_all in Reading {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
    }
    /// A read mark goes up to the message that it names, and not further.
    "unread/read-up-to" read_up_to in Reading {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
        defects: [5],
    }
    /// Of one conversation read the others are as they were.
    "unread/one-of-several" one_of_several in Reading {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
    }
    /// The reader's other devices are told of a read mark, with what is in it.
    "unread/notice-to-other-devices" notice_to_other_devices in Reading {
        commands: [ImMsgDataReadAck],
    }
    /// The writer is not told, nor the device that marked.
    "unread/notice-to-nobody-else" notice_to_nobody_else in Reading {
        commands: [ImMsgDataReadAck],
    }
    /// Nobody can mark for somebody else: the user is whoever is logged in.
    "unread/reader-is-the-session" reader_is_the_session in Fields {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
    }
}

/// Asks until so many messages are unread: nothing answers a read mark.
async fn comes_to(
    ctx: &Ctx,
    device: &mut Device,
    conversation: Conversation,
    wanted: u32,
) -> Outcome {
    let expected = format!("{wanted} unread");
    let ask = async || device.unread_count(conversation).await;
    eventually(ctx.deadline(), &expected, ask, |count| *count == wanted).await?;
    Ok(())
}

/// Bob with nothing unread from alice.
async fn caught_up(ctx: &Ctx, bob: &mut Device) -> Outcome<Conversation> {
    let peer = Conversation::User(ctx.id(ALICE));
    let latest = bob.latest(peer).await?;
    bob.reads(peer, latest).await?;
    comes_to(ctx, bob, peer, 0).await?;
    Ok(peer)
}

async fn fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = caught_up(ctx, &mut bob).await?;
    alice.says(bob.id, &ctx.text()).await?;
    let data = ctx.text();
    let id = alice.says(bob.id, &data).await?;
    let Some(entry) = bob.unread_in(peer).await? else {
        return fail("the conversation among the unread ones", "not among them");
    };
    same("unread_cnt", entry.unread_cnt, 2)?;
    same("latest_msg_id", entry.latest_msg_id, id)?;
    same("latest_msg_data", &entry.latest_msg_data, &data)?;
    same("latest_msg_type", entry.latest_msg_type, 1)?;
    same(
        "latest_msg_from_user_id",
        entry.latest_msg_from_user_id,
        alice.id,
    )?;
    let all = bob.unread().await?;
    same("user_id", all.user_id, bob.id)?;
    let sum: u32 = all.unreadinfo_list.iter().map(|info| info.unread_cnt).sum();
    same("total_cnt", all.total_cnt, sum)
}

async fn for_the_receiver(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = caught_up(ctx, &mut bob).await?;
    let own = alice.unread_count(Conversation::User(bob.id)).await?;
    for count in 1..=3 {
        alice.says(bob.id, &ctx.text()).await?;
        same("unread", bob.unread_count(peer).await?, count)?;
    }
    let after = alice.unread_count(Conversation::User(bob.id)).await?;
    same("unread of the sender", after, own)
}

async fn read_all(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = caught_up(ctx, &mut bob).await?;
    alice.says(bob.id, &ctx.text()).await?;
    let id = alice.says(bob.id, &ctx.text()).await?;
    same("unread", bob.unread_count(peer).await?, 2)?;
    bob.reads(peer, id).await?;
    comes_to(ctx, &mut bob, peer, 0).await?;
    alice.says(bob.id, &ctx.text()).await?;
    same("unread", bob.unread_count(peer).await?, 1)
}

async fn read_up_to(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = caught_up(ctx, &mut bob).await?;
    let first = alice.says(bob.id, &ctx.text()).await?;
    alice.says(bob.id, &ctx.text()).await?;
    alice.says(bob.id, &ctx.text()).await?;
    bob.reads(peer, first).await?;
    comes_to(ctx, &mut bob, peer, 2).await?;
    // An older mark behind a newer one changes nothing.
    bob.reads(peer, first + 1).await?;
    comes_to(ctx, &mut bob, peer, 1).await?;
    bob.reads(peer, first).await?;
    bob.fence().await?;
    comes_to(ctx, &mut bob, peer, 1).await
}

async fn one_of_several(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let (from_alice, from_carol) = (Conversation::User(alice.id), Conversation::User(carol.id));
    let id = alice.says(bob.id, &ctx.text()).await?;
    carol.says(bob.id, &ctx.text()).await?;
    let others = bob.unread_count(from_carol).await?;
    bob.reads(from_alice, id).await?;
    comes_to(ctx, &mut bob, from_alice, 0).await?;
    same(
        "unread of the other one",
        bob.unread_count(from_carol).await?,
        others,
    )
}

async fn notice_to_other_devices(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut phone = ctx.phone(BOB).await?;
    let peer = Conversation::User(alice.id);
    let id = alice.says(bob.id, &ctx.text()).await?;
    bob.reads(peer, id).await?;
    let any = |notice: &ImMsgDataReadNotify| notice.msg_id == id;
    let (pdu, notice) = phone.frame("IMMsgDataReadNotify", any).await?;
    same("user_id", notice.user_id, bob.id)?;
    same("session_id", notice.session_id, alice.id)?;
    same("session_type", notice.session_type, 1)?;
    is_push(&pdu, &notice)
}

async fn notice_to_nobody_else(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut phone = ctx.phone(BOB).await?;
    let id = alice.says(bob.id, &ctx.text()).await?;
    bob.reads(Conversation::User(alice.id), id).await?;
    let any = |_: &ImMsgDataReadNotify| true;
    phone.push("IMMsgDataReadNotify", any).await?;
    // What bob writes next comes to alice behind what she would have been told.
    let data = ctx.text();
    bob.says(alice.id, &data).await?;
    alice.hears(&data).await?;
    alice.none("no notice to the writer", any).await?;
    bob.none("no notice to the device that marked", any).await
}

async fn reader_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let peer = caught_up(ctx, &mut bob).await?;
    let id = alice.says(bob.id, &ctx.text()).await?;
    let forged = ImMsgDataReadAck {
        user_id: bob.id,
        session_id: alice.id,
        msg_id: id,
        session_type: 1,
        ..Default::default()
    };
    carol.tell(&forged, 0).await?;
    carol.unread().await?;
    same("unread", bob.unread_count(peer).await?, 1)
}
