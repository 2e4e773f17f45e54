//! Adding and removing members: who may, and what is answered.

use proto::im::base_define::GroupModifyType::{Add, Del};
use proto::im::group::{ImGroupChangeMemberReq, ImGroupChangeMemberRsp};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::device::Device;
use crate::conform::expect::same;

cases! {
    /// Whoever is added is in both lists of the answer, and the version grows by one.
    "group/add" add in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// Any member may add.
    "group/add-by-member" add_by_member in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// Nobody else may, also not himself.
    "group/add-by-outsider" add_by_outsider in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [47],
    }
    /// Of those who are in it already nobody is added; if nobody is left the result is 1.
    "group/add-existing" add_existing in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [37],
    }
    /// Whoever made the group may remove members; the answer has who is gone and who is left, and the version grows.
    "group/remove" remove in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// Another member may not remove anybody, also not himself.
    "group/remove-by-member" remove_by_member in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// A group that does not exist cannot be changed, and the request is answered.
    "group/change-unknown" change_unknown in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [73],
    }
    /// Whoever was removed can be added again.
    "group/add-again" add_again in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// A group without members can be filled again by whoever made it.
    "group/refill" refill in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [6],
    }
}

fn sorted(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids
}

/// Compares the two lists of an answer, whatever their order.
fn lists(answer: &ImGroupChangeMemberRsp, changed: &[u32], current: &[u32]) -> Outcome {
    let (chg, cur) = (&answer.chg_user_id_list, &answer.cur_user_id_list);
    same(
        "chg_user_id_list",
        sorted(chg.clone()),
        sorted(changed.to_vec()),
    )?;
    same(
        "cur_user_id_list",
        sorted(cur.clone()),
        sorted(current.to_vec()),
    )
}

/// Fails unless the group has exactly these members.
async fn members(device: &mut Device, group: Conversation, wanted: &[u32]) -> Outcome {
    let info = device.own_group(group).await?;
    let came = sorted(info.group_member_list);
    same("group_member_list", came, sorted(wanted.to_vec()))
}

async fn add(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let [bob, carol, dave] = [BOB, CAROL, DAVE].map(|who| ctx.id(who));
    let group = alice.makes_group(&[alice.id, bob]).await?;
    let before = alice.own_group(group).await?.version;
    let answer = alice.adds(group, &[dave, carol]).await?;
    let all = [alice.id, bob, carol, dave];
    lists(&answer, &[carol, dave], &all)?;
    members(&mut alice, group, &all).await?;
    same("version", alice.own_group(group).await?.version, before + 1)
}

async fn add_by_member(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let carol = ctx.id(CAROL);
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let answer = bob.adds(group, &[carol]).await?;
    lists(&answer, &[carol], &[alice.id, bob.id, carol])
}

async fn add_by_outsider(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let before = [alice.id, ctx.id(BOB)];
    let group = alice.makes_group(&before).await?;
    for added in [dave.id, ctx.id(CAROL)] {
        let answer = dave.changes(group, Add, &[added]).await?;
        same("result_code", answer.result_code, 1)?;
        lists(&answer, &[], &[])?;
    }
    members(&mut alice, group, &before).await
}

async fn add_existing(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let [bob, carol] = [BOB, CAROL].map(|who| ctx.id(who));
    let group = alice.makes_group(&[alice.id, bob]).await?;
    let version = alice.own_group(group).await?.version;
    let answer = alice.changes(group, Add, &[bob, alice.id]).await?;
    same("result_code", answer.result_code, 1)?;
    same("version", alice.own_group(group).await?.version, version)?;
    let answer = alice.adds(group, &[bob, carol, carol]).await?;
    lists(&answer, &[carol], &[alice.id, bob, carol])
}

async fn remove(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let [bob, carol] = [BOB, CAROL].map(|who| ctx.id(who));
    let group = alice.makes_group(&[alice.id, bob, carol]).await?;
    let before = alice.own_group(group).await?.version;
    let answer = alice.expels(group, &[bob]).await?;
    let left = [alice.id, carol];
    lists(&answer, &[bob], &left)?;
    members(&mut alice, group, &left).await?;
    same("version", alice.own_group(group).await?.version, before + 1)
}

async fn remove_by_member(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let all = [alice.id, bob.id, ctx.id(CAROL)];
    let group = alice.makes_group(&all).await?;
    for removed in [ctx.id(CAROL), bob.id] {
        let answer = bob.changes(group, Del, &[removed]).await?;
        same("result_code", answer.result_code, 1)?;
    }
    members(&mut alice, group, &all).await
}

async fn change_unknown(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let unknown = Conversation::Group(ctx.nobody());
    for change in [Add, Del] {
        let answer = alice.changes(unknown, change, &[ctx.id(BOB)]).await?;
        same("result_code", answer.result_code, 1)?;
    }
    Ok(())
}

async fn add_again(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let all = [alice.id, bob.id];
    let group = alice.makes_group(&all).await?;
    for _ in 0..2 {
        alice.expels(group, &[bob.id]).await?;
        let answer = alice.adds(group, &[bob.id]).await?;
        lists(&answer, &[bob.id], &all)?;
    }
    let data = ctx.text();
    alice.says(group, &data).await?;
    bob.hears(&data).await?;
    Ok(())
}

async fn refill(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let all = [alice.id, bob.id];
    let group = alice.makes_group(&all).await?;
    let answer = alice.expels(group, &all).await?;
    lists(&answer, &all, &[])?;
    let answer = alice.adds(group, &all).await?;
    lists(&answer, &all, &all)?;
    let data = ctx.text();
    bob.says(group, &data).await?;
    alice.hears(&data).await?;
    Ok(())
}
