//! Groups in the lists of what is unread and of recent sessions.

use std::time::Duration;

use proto::im::base_define::ContactSessionInfo;
use proto::im::buddy::{ImRecentContactSessionReq, ImRemoveSessionReq};
use proto::im::message::{ImMsgData, ImMsgDataReadAck, ImMsgDataReadNotify, ImUnreadMsgCntReq};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::{eventually, fail, same};

/// How long a group's message may take to show in members' lists of recent sessions: the original works on them
/// every five seconds.
const LISTED: Duration = Duration::from_secs(12);

cases! {
    /// A message is unread for the other members, and not for its sender.
    "group/unread" unread in Groups {
        commands: [ImUnreadMsgCntReq, ImMsgData],
    }
    /// Its entry has the newest message and who wrote it.
    "group/unread-fields" unread_fields in Groups {
        commands: [ImUnreadMsgCntReq, ImMsgData],
        defects: [76],
    }
    /// A read mark takes what is read out of the count, and the reader's other device is told.
    "group/read" read in Groups {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
    }
    /// A read mark goes up to the message that it names, and not further.
    "group/read-up-to" read_up_to in Groups {
        commands: [ImMsgDataReadAck, ImUnreadMsgCntReq],
        defects: [5],
    }
    /// Writing in a group marks it as read for the writer.
    "group/writing-is-reading" writing_is_reading in Groups {
        commands: [ImMsgData, ImUnreadMsgCntReq],
    }
    /// Whoever is added has nothing unread.
    "group/joins-with-nothing-unread" joins_with_nothing_unread in Groups {
        commands: [ImUnreadMsgCntReq],
    }
    /// A message puts the group on every member's list of recent sessions.
    "group/recent" recent in Groups {
        commands: [ImRecentContactSessionReq, ImMsgData],
        defects: [16],
    }
    /// A group that was taken off the list comes back with the next message, whoever writes it.
    "group/recent-comes-back" recent_comes_back in Groups {
        commands: [ImRemoveSessionReq, ImMsgData],
        defects: [15],
    }
    /// Whoever is removed from a group has it on no list any more.
    "group/removed-is-off-the-list" removed_is_off_the_list in Groups {
        commands: [ImRecentContactSessionReq, ImUnreadMsgCntReq],
    }
}

async fn unread(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.phone(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id, carol.id]).await?;
    for count in 1..=3 {
        alice.says(group, &ctx.text()).await?;
        same("unread", bob.unread_count(group).await?, count)?;
        same("unread", carol.unread_count(group).await?, count)?;
    }
    same("unread of the sender", alice.unread_count(group).await?, 0)
}

async fn unread_fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let data = ctx.text();
    let id = alice.says(group, &data).await?;
    let Some(entry) = bob.unread_in(group).await? else {
        return fail("the group among what is unread", "not among it");
    };
    same("unread_cnt", entry.unread_cnt, 1)?;
    same("latest_msg_id", entry.latest_msg_id, id)?;
    same("latest_msg_data", &entry.latest_msg_data, &data)?;
    same("latest_msg_type", entry.latest_msg_type, group.text_type())?;
    same(
        "latest_msg_from_user_id",
        entry.latest_msg_from_user_id,
        alice.id,
    )?;
    let all = bob.unread().await?;
    let sum: u32 = all.unreadinfo_list.iter().map(|info| info.unread_cnt).sum();
    same("total_cnt", all.total_cnt, sum)
}

/// Asks until so many messages are unread: nothing answers a read mark.
async fn comes_to(ctx: &Ctx, device: &mut Device, group: Conversation, wanted: u32) -> Outcome {
    let ask = async || device.unread_count(group).await;
    let expected = format!("{wanted} unread");
    eventually(ctx.deadline(), &expected, ask, |count| *count == wanted).await?;
    Ok(())
}

async fn read(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut phone = ctx.phone(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.says(group, &ctx.text()).await?;
    let id = alice.says(group, &ctx.text()).await?;
    bob.reads(group, id).await?;
    let of_group = |notice: &ImMsgDataReadNotify| notice.session_id == group.id();
    let (pdu, notice) = phone.frame("IMMsgDataReadNotify", of_group).await?;
    same("user_id", notice.user_id, bob.id)?;
    same("session_type", notice.session_type, 2)?;
    same("msg_id", notice.msg_id, id)?;
    is_push(&pdu, &notice)?;
    comes_to(ctx, &mut bob, group, 0).await?;
    alice.says(group, &ctx.text()).await?;
    same("unread", bob.unread_count(group).await?, 1)
}

async fn read_up_to(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let first = alice.says(group, &ctx.text()).await?;
    alice.says(group, &ctx.text()).await?;
    alice.says(group, &ctx.text()).await?;
    bob.reads(group, first).await?;
    comes_to(ctx, &mut bob, group, 2).await
}

async fn writing_is_reading(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.says(group, &ctx.text()).await?;
    same("unread", bob.unread_count(group).await?, 1)?;
    bob.says(group, &ctx.text()).await?;
    same("unread of the writer", bob.unread_count(group).await?, 0)?;
    same(
        "unread of the other one",
        alice.unread_count(group).await?,
        1,
    )
}

async fn joins_with_nothing_unread(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.says(group, &ctx.text()).await?;
    alice.says(group, &ctx.text()).await?;
    alice.adds(group, &[carol.id]).await?;
    same("unread", carol.unread_count(group).await?, 0)?;
    alice.says(group, &ctx.text()).await?;
    same("unread", carol.unread_count(group).await?, 1)
}

/// Asks until the group is on the list, with that message as its newest.
async fn is_listed(
    device: &mut Device,
    group: Conversation,
    id: u32,
) -> Outcome<ContactSessionInfo> {
    let expected = format!("the group on the list with message {id}");
    let ask = async || device.recent_of(group).await;
    let newest = |entry: &Option<ContactSessionInfo>| {
        entry
            .as_ref()
            .is_some_and(|entry| entry.latest_msg_id == id)
    };
    match eventually(LISTED, &expected, ask, newest).await? {
        Some(entry) => Ok(entry),
        None => fail(expected, "not on the list"),
    }
}

async fn recent(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let data = ctx.text();
    let id = alice.says(group, &data).await?;
    for device in [&mut alice, &mut bob] {
        let entry = is_listed(device, group, id).await?;
        same("session_type", entry.session_type, 2)?;
        same("session_status", entry.session_status, 0)?;
        same("latest_msg_data", &entry.latest_msg_data, &data)?;
        same("latest_msg_type", entry.latest_msg_type, group.text_type())?;
        same(
            "latest_msg_from_user_id",
            entry.latest_msg_from_user_id,
            ctx.id(ALICE),
        )?;
    }
    Ok(())
}

async fn recent_comes_back(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let id = alice.says(group, &ctx.text()).await?;
    is_listed(&mut bob, group, id).await?;
    same("result_code", bob.removes(group).await?, 0)?;
    same("entry", bob.recent_of(group).await?, None)?;
    same("unread", bob.unread_count(group).await?, 0)?;
    let id = alice.says(group, &ctx.text()).await?;
    is_listed(&mut bob, group, id).await?;
    same("result_code", bob.removes(group).await?, 0)?;
    let id = bob.says(group, &ctx.text()).await?;
    is_listed(&mut bob, group, id).await?;
    Ok(())
}

async fn removed_is_off_the_list(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let id = alice.says(group, &ctx.text()).await?;
    is_listed(&mut bob, group, id).await?;
    alice.expels(group, &[bob.id]).await?;
    same("entry", bob.recent_of(group).await?, None)?;
    same("unread", bob.unread_count(group).await?, 0)
}
