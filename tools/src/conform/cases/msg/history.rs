//! Reading back what was written.

use bytes::Bytes;
use proto::im::base_define::MsgInfo;
use proto::im::buddy::ImRecentContactSessionReq;
use proto::im::message::{
    ImGetLatestMsgIdReq, ImGetMsgByIdReq, ImGetMsgListReq, ImUnreadMsgCntReq,
};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::expect::{holds, same};

/// The most that a question by ids is answered with.
const MOST_BY_ID: usize = 100;

cases! {
    /// From 0 the history begins at the newest message and goes backwards, as many as asked for.
    "history/from-the-newest" from_the_newest in History {
        commands: [ImGetMsgListReq],
        defects: [75],
    }
    /// From an id it begins with that message.
    "history/from-an-id" from_an_id in History {
        commands: [ImGetMsgListReq],
    }
    /// Both users see the same messages, each with who wrote it, when, and what.
    "history/same-for-both" same_for_both in History {
        commands: [ImGetMsgListReq],
    }
    /// Zero messages asked for is an empty list.
    "history/none-asked" none_asked in History {
        commands: [ImGetMsgListReq],
    }
    /// Page by page it leads back to message 1, without gap.
    "history/back-to-the-first" back_to_the_first in History {
        commands: [ImGetMsgListReq],
    }
    /// Nobody reads what others wrote each other.
    "history/own-only" own_only in History {
        commands: [ImGetMsgListReq],
    }
    /// Nor does it help to say that somebody else asks: the session does.
    "history/asker-is-the-session" asker_is_the_session in Fields {
        commands: [
            ImGetMsgListReq, ImGetMsgByIdReq, ImGetLatestMsgIdReq, ImUnreadMsgCntReq, ImRecentContactSessionReq,
        ],
    }
    /// The newest id is that of the last message, and 0 where there is none.
    "history/latest-id" latest_id in History {
        commands: [ImGetLatestMsgIdReq],
    }
    /// By their ids come those messages that exist.
    "history/by-id" by_id in History {
        commands: [ImGetMsgByIdReq],
    }
    /// Not more than 100 of them, and none when no id is named.
    "history/by-id-limits" by_id_limits in History {
        commands: [ImGetMsgByIdReq],
    }
    /// The newest message is in the history as soon as it is acknowledged.
    "history/at-once" at_once in History {
        commands: [ImGetMsgListReq],
        defects: [7],
    }
}

fn ids(page: &[MsgInfo]) -> Vec<u32> {
    page.iter().map(|message| message.msg_id).collect()
}

/// Sends some texts; gives the last one's id and all contents, oldest first.
async fn write(
    ctx: &Ctx,
    device: &mut Device,
    to: u32,
    count: usize,
) -> Outcome<(u32, Vec<Bytes>)> {
    let (mut last, mut texts) = (0, Vec::new());
    for _ in 0..count {
        let data = ctx.text();
        last = device.says(to, &data).await?;
        texts.push(data);
    }
    Ok((last, texts))
}

async fn from_the_newest(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let bob = ctx.id(BOB);
    let (last, mut texts) = write(ctx, &mut alice, bob, 4).await?;
    texts.reverse();
    let page = alice.history(bob, 0, 4).await?;
    same(
        "ids",
        ids(&page),
        (last - 3..=last).rev().collect::<Vec<_>>(),
    )?;
    let contents: Vec<Bytes> = page.into_iter().map(|message| message.msg_data).collect();
    same("contents", contents, texts)
}

async fn from_an_id(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let bob = ctx.id(BOB);
    let (last, _) = write(ctx, &mut alice, bob, 4).await?;
    let page = alice.history(bob, last - 1, 2).await?;
    same("ids", ids(&page), vec![last - 1, last - 2])?;
    // An id that does not exist yet is a place behind the newest.
    let page = alice.history(bob, last + 1000, 1).await?;
    same("ids", ids(&page), vec![last])
}

async fn same_for_both(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    alice.says(bob.id, &ctx.text()).await?;
    bob.says(alice.id, &ctx.text()).await?;
    let hers = alice.history(bob.id, 0, 2).await?;
    let his = bob.history(alice.id, 0, 2).await?;
    same("the other one's history", &his, &hers)?;
    let authors: Vec<u32> = hers.iter().map(|message| message.from_session_id).collect();
    same("from_session_id", authors, vec![bob.id, alice.id])?;
    let timed = hers
        .iter()
        .all(|message| message.create_time > 0 && message.msg_type == 1);
    holds("times and types", timed, &hers)
}

async fn none_asked(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    alice.says(ctx.id(BOB), &ctx.text()).await?;
    same("messages", alice.history(ctx.id(BOB), 0, 0).await?.len(), 0)
}

async fn back_to_the_first(ctx: &Ctx) -> Outcome {
    /// Enough to see how pages meet; a long history is not read to its end.
    const PAGES: usize = 20;
    let mut alice = ctx.desktop(ALICE).await?;
    let bob = ctx.id(BOB);
    let (mut next, _) = write(ctx, &mut alice, bob, 3).await?;
    let size = (next / 10).clamp(2, 100);
    for _ in 0..PAGES {
        let page = alice.history(bob, next, size).await?;
        let reached: Vec<u32> = (0..size).map_while(|back| next.checked_sub(back)).collect();
        let wanted: Vec<u32> = reached.into_iter().filter(|id| *id > 0).collect();
        same("ids", ids(&page), wanted)?;
        next = next.saturating_sub(size);
        if next == 0 {
            break;
        }
    }
    Ok(())
}

async fn own_only(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let data = ctx.text();
    alice.says(ctx.id(BOB), &data).await?;
    // A conversation is named from one's own side, so that there is no name for that of two others.
    for peer in [ctx.id(ALICE), ctx.id(BOB)] {
        let page = carol.history(peer, 0, 10).await?;
        let seen = page.iter().any(|message| message.msg_data == data);
        holds("nothing of others' messages", !seen, &page)?;
    }
    Ok(())
}

async fn asker_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let (bob, data) = (ctx.id(BOB), ctx.text());
    let own = carol.latest(bob).await?;
    let id = alice.says(bob, &data).await?;

    carol.poses_as(alice.id);
    let read = [
        carol.history(bob, 0, 10).await?,
        carol.by_id(Conversation::User(bob), vec![id]).await?,
    ]
    .concat();
    let seen = read.iter().any(|message| message.msg_data == data);
    holds("nothing of her messages by her name", !seen, &read)?;
    same("newest id with her friend", carol.latest(bob).await?, own)?;
    carol.poses_as(bob);
    let unread = carol.unread_in(alice.id).await?;
    let seen = unread
        .as_ref()
        .is_some_and(|entry| entry.latest_msg_data == data);
    holds("nothing of what he has unread", !seen, &unread)?;
    let recent = carol.recent_of(alice.id).await?;
    let seen = recent
        .as_ref()
        .is_some_and(|entry| entry.latest_msg_data == data);
    holds("nothing of his recent sessions", !seen, &recent)
}

async fn latest_id(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let id = alice.says(bob.id, &ctx.text()).await?;
    same("newest id", alice.latest(bob.id).await?, id)?;
    same("newest id of the other", bob.latest(alice.id).await?, id)?;
    same(
        "newest id with nobody",
        alice.latest(ctx.nobody()).await?,
        0,
    )
}

async fn by_id(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let bob = Conversation::User(ctx.id(BOB));
    let (last, texts) = write(ctx, &mut alice, bob.id(), 3).await?;
    let page = alice.by_id(bob, vec![last - 2, last + 1000, last]).await?;
    let mut came = ids(&page);
    came.sort_unstable();
    same("ids", came, vec![last - 2, last])?;
    let first = page.iter().find(|message| message.msg_id == last - 2);
    same(
        "msg_data",
        first.map(|message| &message.msg_data),
        texts.first(),
    )?;
    let absent = alice.by_id(bob, vec![last + 1, last + 2]).await?;
    same("messages that do not exist", absent.len(), 0)
}

async fn by_id_limits(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let bob = Conversation::User(ctx.id(BOB));
    let (last, _) = write(ctx, &mut alice, bob.id(), 1).await?;
    same(
        "messages for no id",
        alice.by_id(bob, vec![]).await?.len(),
        0,
    )?;
    let all: Vec<u32> = (last.saturating_sub(149).max(1)..=last).rev().collect();
    let page = alice.by_id(bob, all.clone()).await?;
    let wanted = all.len().min(MOST_BY_ID);
    same(
        &format!("messages for {} ids", all.len()),
        page.len(),
        wanted,
    )
}

async fn at_once(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    for _ in 0..5 {
        let id = alice.says(bob.id, &ctx.text()).await?;
        same(
            "newest of the history",
            ids(&bob.history(alice.id, 0, 1).await?),
            vec![id],
        )?;
    }
    Ok(())
}
