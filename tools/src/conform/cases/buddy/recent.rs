//! The list of recent sessions.

use proto::im::base_define::ContactSessionInfo;
use proto::im::buddy::{ImRecentContactSessionReq, ImRemoveSessionNotify, ImRemoveSessionReq};
use proto::im::message::ImMsgData;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::{eventually, fail, holds, same};

cases! {
    /// A message puts its conversation on both users' lists, with the newest message and who wrote it.
    "recent/entry-fields" entry_fields in RecentSessions {
        commands: [ImRecentContactSessionReq, ImMsgData],
        defects: [77],
    }
    /// The conversation with the newest message is the first one.
    "recent/newest-first" newest_first in RecentSessions {
        commands: [ImRecentContactSessionReq, ImMsgData],
    }
    /// Since a time in the future nothing is listed.
    "recent/nothing-since-the-future" nothing_since_the_future in RecentSessions {
        commands: [ImRecentContactSessionReq],
    }
    /// Since the greatest updated_time so far a newer message shows, also one of the same second.
    "recent/changes-since" changes_since in RecentSessions {
        commands: [ImRecentContactSessionReq, ImMsgData],
    }
    /// What is taken off the list is off it, and read; the messages stay.
    "recent/remove" remove in RecentSessions {
        commands: [ImRemoveSessionReq, ImRecentContactSessionReq],
    }
    /// What is not on the list is removed with result 1.
    "recent/remove-twice" remove_twice in RecentSessions {
        commands: [ImRemoveSessionReq],
    }
    /// The next message brings a conversation back, whoever writes it.
    "recent/comes-back" comes_back in RecentSessions {
        commands: [ImRemoveSessionReq, ImMsgData],
        defects: [95],
    }
    /// The other user's list keeps it.
    "recent/others-keep-it" others_keep_it in RecentSessions {
        commands: [ImRemoveSessionReq],
    }
    /// The user's other devices are told, and not the one that removed it.
    "recent/remove-notice" remove_notice in RecentSessions {
        commands: [ImRemoveSessionReq],
    }
}

/// The entry of a conversation that has to be on the list.
async fn entry(device: &mut Device, conversation: Conversation) -> Outcome<ContactSessionInfo> {
    match device.recent_of(conversation).await? {
        Some(entry) => Ok(entry),
        None => fail(format!("{conversation:?} on the list"), "not on the list"),
    }
}

async fn entry_fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    let id = alice.says(bob.id, &data).await?;
    let (a, b) = (alice.id, bob.id);
    for (device, peer) in [(&mut alice, b), (&mut bob, a)] {
        let entry = entry(device, Conversation::User(peer)).await?;
        same("session_status", entry.session_status, 0)?;
        same("latest_msg_id", entry.latest_msg_id, id)?;
        same("latest_msg_data", &entry.latest_msg_data, &data)?;
        same("latest_msg_type", entry.latest_msg_type, 1)?;
        same("latest_msg_from_user_id", entry.latest_msg_from_user_id, a)?;
        holds("an updated_time", entry.updated_time > 0, &entry)?;
    }
    Ok(())
}

async fn newest_first(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for who in [BOB, CAROL, DAVE, BOB] {
        alice.says(ctx.id(who), &ctx.text()).await?;
    }
    let list = alice.recent(0).await?;
    let times: Vec<u32> = list.iter().map(|entry| entry.updated_time).collect();
    let sorted = times.is_sorted_by(|a, b| a >= b);
    holds("descending updated_time", sorted, &times)?;
    let ours = [BOB, CAROL, DAVE].map(|who| ctx.id(who));
    let first: Vec<u32> = list.iter().take(3).map(|entry| entry.session_id).collect();
    let all = ours.iter().all(|id| first.contains(id));
    holds("the three newest conversations first", all, (first, ours))
}

async fn nothing_since_the_future(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    same("sessions", alice.recent(0xf000_0000).await?.len(), 0)
}

async fn changes_since(ctx: &Ctx) -> Outcome {
    const TRIES: usize = 5;
    let mut alice = ctx.desktop(ALICE).await?;
    let peer = Conversation::User(ctx.id(BOB));
    for _ in 0..TRIES {
        alice.says(peer, &ctx.text()).await?;
        let first = entry(&mut alice, peer).await?;
        let id = alice.says(peer, &ctx.text()).await?;
        let second = entry(&mut alice, peer).await?;
        let list = alice.recent(first.updated_time).await?;
        let shown = list.iter().any(|entry| entry.latest_msg_id == id);
        let expected = format!("message {id} in the list since {}", first.updated_time);
        let same_second = second.updated_time == first.updated_time;
        holds(
            &expected,
            shown,
            (&list, if same_second { "same second" } else { "later" }),
        )?;
        if same_second {
            return Ok(());
        }
    }
    crate::conform::expect::skip("no two messages fell into the same second")
}

async fn remove(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let (peer, data) = (Conversation::User(alice.id), ctx.text());
    let id = alice.says(bob.id, &data).await?;
    holds("unread", bob.unread_count(peer).await? > 0, 0)?;
    same("result_code", bob.removes(peer).await?, 0)?;
    let listed = bob.recent_of(peer).await?;
    holds("the conversation off the list", listed.is_none(), &listed)?;
    let ask = async || bob.unread_count(peer).await;
    eventually(ctx.deadline(), "nothing unread", ask, |count| *count == 0).await?;
    let history = bob.history(peer, id, 1).await?;
    let kept = history
        .first()
        .is_some_and(|message| message.msg_data == data);
    holds("the message still in the history", kept, &history)
}

async fn remove_twice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let peer = Conversation::User(ctx.id(BOB));
    alice.says(peer, &ctx.text()).await?;
    same("result_code", alice.removes(peer).await?, 0)?;
    same(
        "result_code of removing it again",
        alice.removes(peer).await?,
        1,
    )?;
    let nobody = Conversation::User(ctx.nobody());
    same(
        "result_code of removing nobody",
        alice.removes(nobody).await?,
        1,
    )
}

async fn comes_back(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let (a, b) = (Conversation::User(alice.id), Conversation::User(bob.id));
    for by_other in [false, true] {
        alice.says(b, &ctx.text()).await?;
        same("result_code", alice.removes(b).await?, 0)?;
        let id = match by_other {
            false => alice.says(b, &ctx.text()).await?,
            true => bob.says(a, &ctx.text()).await?,
        };
        same(
            "latest_msg_id",
            entry(&mut alice, b).await?.latest_msg_id,
            id,
        )?;
    }
    same("unread of what came back", alice.unread_count(b).await?, 1)
}

async fn others_keep_it(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let (a, b) = (Conversation::User(alice.id), Conversation::User(bob.id));
    alice.says(b, &ctx.text()).await?;
    same("result_code", alice.removes(b).await?, 0)?;
    entry(&mut bob, a).await?;
    Ok(())
}

async fn remove_notice(ctx: &Ctx) -> Outcome {
    let mut desktop = ctx.desktop(ALICE).await?;
    let mut phone = ctx.phone(ALICE).await?;
    let peer = Conversation::User(ctx.id(BOB));
    desktop.says(peer, &ctx.text()).await?;
    same("result_code", desktop.removes(peer).await?, 0)?;
    let any = |_: &ImRemoveSessionNotify| true;
    let (pdu, notice) = phone.frame("IMRemoveSessionNotify", any).await?;
    same("user_id", notice.user_id, desktop.id)?;
    same("session_type", notice.session_type, peer.session_type())?;
    same("session_id", notice.session_id, peer.id())?;
    is_push(&pdu, &notice)?;
    desktop
        .none("no notice to the device that removed it", any)
        .await
}
