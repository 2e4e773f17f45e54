//! That what is acknowledged is stored, under ids without a gap.

use bytes::Bytes;
use proto::im::message::{ImGetLatestMsgIdReq, ImGetMsgListReq, ImMsgData};
use proto::text as cipher;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx, Who};
use crate::conform::device::Device;
use crate::conform::device::chat::text;
use crate::conform::expect::{holds, same};

cases! {
    /// Ids grow by one from message to message, whoever of the two writes.
    "msg/ids-without-gap" ids_without_gap in IdsAndTime {
        commands: [ImMsgData, ImGetLatestMsgIdReq],
    }
    /// Of 25 messages that two users send each other at once all are acknowledged, each with an id of its own, in the
    /// order in which each of them sent.
    "msg/quick-ones" quick_ones in Messages {
        commands: [ImMsgData],
        defects: [3, 95, 96],
    }
    /// A text of 4,000 characters is stored as it is.
    "msg/long-text" long_text in Messages {
        commands: [ImMsgData, ImGetMsgListReq],
        defects: [2],
    }
    /// A text that is too long for the store is refused and not acknowledged as if it were stored.
    "msg/acknowledged-is-stored" acknowledged_is_stored in Messages {
        commands: [ImMsgData, ImGetMsgListReq],
        defects: [2],
    }
    /// First messages in both directions at the same moment make one conversation.
    "msg/simultaneous-first" simultaneous_first in IdsAndTime {
        commands: [ImMsgData, ImGetMsgListReq],
        defects: [9, 95, 96],
    }
}

async fn ids_without_gap(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.latest(Conversation::User(bob.id)).await?;
    for step in 1..=6 {
        let (from, to) = match step % 3 {
            0 => (&mut bob, alice.id),
            _ => (&mut alice, bob.id),
        };
        same("msg_id", from.says(to, &ctx.text()).await?, before + step)?;
    }
    let latest = bob.latest(Conversation::User(alice.id)).await?;
    same("newest id, seen from the other side", latest, before + 6)
}

/// Sends texts without waiting; gives their contents and numbers.
async fn pour(ctx: &Ctx, device: &mut Device, to: u32, count: usize) -> Outcome<Vec<(Bytes, u16)>> {
    let mut sent = Vec::new();
    for _ in 0..count {
        let (data, seq_num) = (ctx.text(), device.seq_num());
        device.tell(&text(to, &data), seq_num).await?;
        sent.push((data, seq_num));
    }
    Ok(sent)
}

/// The ids under which these were stored, in the order in which they were sent.
async fn ids(device: &mut Device, sent: &[(Bytes, u16)]) -> Outcome<Vec<u32>> {
    let mut ids = Vec::new();
    for (_, seq_num) in sent {
        let (_, ack) = device.reply::<ImMsgData>(*seq_num).await?;
        ids.push(ack.msg_id);
    }
    Ok(ids)
}

/// Sends from both sides at once; gives the ids of both sides, which have to be without gap behind `before`.
async fn both_at_once(
    ctx: &Ctx,
    one: &mut Device,
    two: &mut Device,
    counts: (usize, usize),
    before: u32,
) -> Outcome {
    let (to_two, to_one) = (two.id, one.id);
    let (ones, twos) = tokio::join!(
        pour(ctx, one, to_two, counts.0),
        pour(ctx, two, to_one, counts.1)
    );
    let (ones, twos) = (ones?, twos?);
    let (one_ids, two_ids) = (ids(one, &ones).await?, ids(two, &twos).await?);
    for ids in [&one_ids, &two_ids] {
        holds("ids in the order of sending", ids.is_sorted(), ids)?;
    }
    let mut all: Vec<u32> = one_ids.into_iter().chain(two_ids).collect();
    all.sort_unstable();
    let count = u32::try_from(counts.0 + counts.1).unwrap_or(u32::MAX);
    let wanted: Vec<u32> = (before + 1..=before + count).collect();
    same("ids", all, wanted)?;
    for (data, _) in &ones {
        two.hears(data).await?;
    }
    for (data, _) in &twos {
        one.hears(data).await?;
    }
    Ok(())
}

async fn quick_ones(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.latest(Conversation::User(bob.id)).await?;
    // Not more than 20 a second from one connection: that is the limit of the original.
    both_at_once(ctx, &mut alice, &mut bob, (13, 12), before).await
}

async fn stored_under(device: &mut Device, peer: Conversation, id: u32) -> Outcome<Option<Bytes>> {
    let page = device.history(peer, id, 1).await?;
    let message = page.into_iter().find(|message| message.msg_id == id);
    Ok(message.map(|message| message.msg_data))
}

async fn long_text(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    // 187 blocks of 16 bytes are 4,000 base64 characters with their padding.
    let plain = format!("{:x<2984}", ctx.word());
    let data = Bytes::from(cipher::encrypt(&plain, cipher::DEFAULT_KEY));
    holds(
        "about 4,000 characters",
        data.len().abs_diff(4000) < 10,
        data.len(),
    )?;
    let peer = Conversation::User(bob.id);
    let id = alice.says(peer, &data).await?;
    bob.hears(&data).await?;
    same(
        "msg_data in the history",
        stored_under(&mut alice, peer, id).await?,
        Some(data),
    )
}

async fn acknowledged_is_stored(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let peer = Conversation::User(ctx.id(BOB));
    for length in [5_000, 60_000, 200_000] {
        let data = Bytes::from(ctx.word() + &"x".repeat(length));
        let Some(ack) = alice.tries(&text(peer, &data)).await? else {
            continue;
        };
        if ack.msg_id != 0 {
            let stored = stored_under(&mut alice, peer, ack.msg_id).await?;
            let expected = format!("message {} of {length} bytes in the history", ack.msg_id);
            let came = stored.as_ref().map(Bytes::len);
            holds(&expected, stored.as_ref() == Some(&data), came)?;
        }
    }
    Ok(())
}

/// Two users who have never written to each other, if there are two; otherwise the last two.
async fn strangers(ctx: &Ctx) -> Outcome<(Who, Who)> {
    let everybody: Vec<Who> = ctx.everybody().collect();
    let mut last = (ALICE, BOB);
    for (place, one) in everybody.iter().enumerate() {
        let mut device = ctx.phone(*one).await?;
        for other in &everybody[place + 1..] {
            last = (*one, *other);
            if device.latest(Conversation::User(ctx.id(*other))).await? == 0 {
                device.leave().await?;
                return Ok(last);
            }
        }
        device.leave().await?;
    }
    Ok(last)
}

async fn simultaneous_first(ctx: &Ctx) -> Outcome {
    let (one, two) = strangers(ctx).await?;
    let mut one = ctx.desktop(one).await?;
    let mut two = ctx.desktop(two).await?;
    let (to_two, to_one) = (Conversation::User(two.id), Conversation::User(one.id));
    let before = one.latest(to_two).await?;
    both_at_once(ctx, &mut one, &mut two, (2, 2), before).await?;
    same("newest id of one", one.latest(to_two).await?, before + 4)?;
    same(
        "newest id of the other",
        two.latest(to_one).await?,
        before + 4,
    )?;
    let ids = |page: Vec<proto::im::base_define::MsgInfo>| -> Vec<u32> {
        page.into_iter().map(|message| message.msg_id).collect()
    };
    let wanted: Vec<u32> = (before + 1..=before + 4).rev().collect();
    same(
        "history of one",
        ids(one.history(to_two, 0, 4).await?),
        wanted.clone(),
    )?;
    same(
        "history of the other",
        ids(two.history(to_one, 0, 4).await?),
        wanted,
    )
}
