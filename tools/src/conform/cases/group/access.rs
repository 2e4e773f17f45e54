//! What can be read of a group, and by whom.

use proto::im::base_define::GroupModifyType;
use proto::im::group::{ImGroupChangeMemberReq, ImGroupInfoListReq, ImGroupShieldReq};
use proto::im::message::{ImClientTimeReq, ImGetLatestMsgIdReq, ImGetMsgByIdReq, ImGetMsgListReq};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::expect::{eventually, holds, same};

cases! {
    /// Members read the history, page by page to the beginning.
    "group/history" history in Groups {
        commands: [ImGetMsgListReq, ImGetMsgByIdReq, ImGetLatestMsgIdReq],
    }
    /// Nobody else reads it.
    "group/history-of-others" history_of_others in Groups {
        commands: [ImGetMsgListReq, ImGetMsgByIdReq],
    }
    /// Nobody else learns its newest id.
    "group/latest-id-of-others" latest_id_of_others in Groups {
        commands: [ImGetLatestMsgIdReq],
        defects: [46],
    }
    /// Nobody else learns who is in it.
    "group/info-of-others" info_of_others in Groups {
        commands: [ImGroupInfoListReq],
        defects: [46],
    }
    /// Nor does it help to say that a member asks: the session does.
    "group/asker-is-the-session" asker_is_the_session in Fields {
        commands: [ImGetMsgListReq, ImGroupInfoListReq, ImGroupChangeMemberReq, ImGroupShieldReq],
        defects: [46, 47],
    }
    /// Whoever was removed is one of the others.
    "group/history-of-removed" history_of_removed in Groups {
        commands: [ImGetMsgListReq, ImGroupInfoListReq],
        defects: [46],
    }
    /// Whoever was added reads from then on, and nothing of what was before.
    "group/history-since-joining" history_since_joining in Groups {
        commands: [ImGetMsgListReq, ImGetMsgByIdReq],
    }
}

async fn history(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let texts = [ctx.text(), ctx.text(), ctx.text()];
    for (place, data) in texts.iter().enumerate() {
        let from = if place == 1 { &mut bob } else { &mut alice };
        from.says(group, data).await?;
    }
    same("newest id", bob.latest(group).await?, 3)?;
    let page = bob.history(group, 0, 10).await?;
    let came: Vec<_> = page
        .iter()
        .map(|message| (message.msg_id, message.from_session_id, &message.msg_data))
        .collect();
    let wanted = vec![
        (3, alice.id, &texts[2]),
        (2, bob.id, &texts[1]),
        (1, alice.id, &texts[0]),
    ];
    same("ids, senders and contents", came, wanted)?;
    let page = bob.history(group, 2, 1).await?;
    let ids: Vec<u32> = page.iter().map(|message| message.msg_id).collect();
    same("ids from 2, one message", ids, vec![2])?;
    let page = alice.by_id(group, vec![1, 3, 9]).await?;
    let mut ids: Vec<u32> = page.iter().map(|message| message.msg_id).collect();
    ids.sort_unstable();
    same("messages by id", ids, vec![1, 3])
}

async fn history_of_others(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.says(group, &ctx.text()).await?;
    same("messages", dave.history(group, 0, 10).await?.len(), 0)?;
    same("messages by id", dave.by_id(group, vec![1]).await?.len(), 0)
}

async fn latest_id_of_others(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.says(group, &ctx.text()).await?;
    same("newest id", dave.latest(group).await?, 0)
}

async fn info_of_others(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    let info = dave.group_info(group, 0).await?;
    holds("nothing about a group of others", info.is_none(), &info)
}

async fn asker_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.says(group, &ctx.text()).await?;
    dave.poses_as(alice.id);
    same("messages", dave.history(group, 0, 10).await?.len(), 0)?;
    let info = dave.group_info(group, 0).await?;
    holds("nothing about a group of others", info.is_none(), &info)?;
    let me = dave.id;
    for change in [GroupModifyType::Add, GroupModifyType::Del] {
        let answer = dave.changes(group, change, &[me]).await?;
        same("result_code of a change", answer.result_code, 1)?;
    }
    same("result_code of muting", dave.shields(group, 1).await?, 1)?;
    let version = alice.own_group(group).await?.version;
    same("version of the group", version, 1)
}

async fn history_of_removed(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.says(group, &ctx.text()).await?;
    same(
        "messages of a member",
        bob.history(group, 0, 10).await?.len(),
        1,
    )?;
    alice.expels(group, &[bob.id]).await?;
    same("messages", bob.history(group, 0, 10).await?.len(), 0)?;
    let info = bob.group_info(group, 0).await?;
    holds(
        "nothing about a group that one was removed from",
        info.is_none(),
        &info,
    )
}

async fn history_since_joining(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    alice.says(group, &ctx.text()).await?;
    alice.says(group, &ctx.text()).await?;
    // Joining is known to the second, so let the next one begin.
    let written = alice.ask(&ImClientTimeReq {}).await?.server_time;
    let ask = async || Ok(alice.ask(&ImClientTimeReq {}).await?.server_time);
    eventually(ctx.deadline(), "a clock that goes", ask, |now| {
        *now > written + 1
    })
    .await?;
    alice.adds(group, &[carol.id]).await?;
    same(
        "messages from before",
        carol.history(group, 0, 10).await?.len(),
        0,
    )?;
    let data = ctx.text();
    let id = alice.says(group, &data).await?;
    let page = carol.history(group, 0, 10).await?;
    let ids: Vec<u32> = page.iter().map(|message| message.msg_id).collect();
    same("ids since joining", ids, vec![id])?;
    let page = carol.by_id(group, vec![1, id]).await?;
    let ids: Vec<u32> = page.iter().map(|message| message.msg_id).collect();
    same("ids since joining, by id", ids, vec![id])
}
