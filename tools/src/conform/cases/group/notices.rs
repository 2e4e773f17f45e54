//! Who is told when a group changes.

use proto::im::base_define::GroupModifyType::{Add, Del};
use proto::im::group::{ImGroupChangeMemberNotify, ImGroupChangeMemberReq};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::same;

cases! {
    /// When members are added, those who were in the group and the new ones are told, on all their devices.
    "group/add-notice" add_notice in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// Each device is told once.
    "group/add-notice-once" add_notice_once in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [72],
    }
    /// The device that changed the group gets the answer, and no notice.
    "group/notice-not-to-requester" notice_not_to_requester in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// When members are removed, those who are left are told, and so are those who are gone.
    "group/remove-notice" remove_notice in Groups {
        commands: [ImGroupChangeMemberReq],
    }
    /// A change that is refused is no news.
    "group/no-notice-of-refusals" no_notice_of_refusals in Groups {
        commands: [ImGroupChangeMemberReq],
        defects: [47],
    }
}

/// Waits for the notice of a change of this group.
async fn is_told(device: &mut Device, wanted: &ImGroupChangeMemberNotify) -> Outcome {
    let of_group = |notice: &ImGroupChangeMemberNotify| {
        notice.group_id == wanted.group_id && notice.change_type == wanted.change_type
    };
    let (pdu, notice) = device.frame("IMGroupChangeMemberNotify", of_group).await?;
    same("user_id", notice.user_id, wanted.user_id)?;
    let sorted = |ids: &[u32]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    let (came, due) = (&notice.chg_user_id_list, &wanted.chg_user_id_list);
    same("chg_user_id_list", sorted(came), sorted(due))?;
    let (came, due) = (&notice.cur_user_id_list, &wanted.cur_user_id_list);
    same("cur_user_id_list", sorted(came), sorted(due))?;
    is_push(&pdu, &notice)
}

async fn add_notice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let mut carol_phone = ctx.phone(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.adds(group, &[carol.id]).await?;
    let wanted = ImGroupChangeMemberNotify {
        user_id: alice.id,
        change_type: Add as i32,
        group_id: group.id(),
        cur_user_id_list: vec![alice.id, bob.id, carol.id],
        chg_user_id_list: vec![carol.id],
        ..Default::default()
    };
    for device in [
        &mut alice_phone,
        &mut bob,
        &mut bob_phone,
        &mut carol,
        &mut carol_phone,
    ] {
        is_told(device, &wanted).await?;
    }
    Ok(())
}

async fn add_notice_once(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let mut dave = ctx.phone(DAVE).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.adds(group, &[carol.id, dave.id]).await?;
    let of_group = |notice: &ImGroupChangeMemberNotify| notice.group_id == group.id();
    let data = ctx.text();
    alice.says(group, &data).await?;
    for device in [&mut bob, &mut carol, &mut dave] {
        device.push("IMGroupChangeMemberNotify", of_group).await?;
        // A second one would have come before what was said behind the change.
        device.hears(&data).await?;
        device.none("one notice", of_group).await?;
    }
    Ok(())
}

async fn notice_not_to_requester(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    alice.adds(group, &[ctx.id(CAROL)]).await?;
    let of_group = |notice: &ImGroupChangeMemberNotify| notice.group_id == group.id();
    bob.push("IMGroupChangeMemberNotify", of_group).await?;
    let data = ctx.text();
    bob.says(group, &data).await?;
    alice.hears(&data).await?;
    alice
        .none("no notice to the requesting connection", of_group)
        .await
}

async fn remove_notice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id, carol.id]).await?;
    alice.expels(group, &[bob.id]).await?;
    let wanted = ImGroupChangeMemberNotify {
        user_id: alice.id,
        change_type: Del as i32,
        group_id: group.id(),
        cur_user_id_list: vec![alice.id, carol.id],
        chg_user_id_list: vec![bob.id],
        ..Default::default()
    };
    for device in [&mut bob, &mut bob_phone, &mut carol] {
        is_told(device, &wanted).await?;
    }
    Ok(())
}

async fn no_notice_of_refusals(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    let answer = dave.changes(group, Add, &[dave.id]).await?;
    same("result_code", answer.result_code, 1)?;
    let answer = bob.changes(group, Del, &[alice.id]).await?;
    same("result_code", answer.result_code, 1)?;
    let data = ctx.text();
    alice.says(group, &data).await?;
    bob.hears(&data).await?;
    let of_group = |notice: &ImGroupChangeMemberNotify| notice.group_id == group.id();
    for device in [&mut alice, &mut bob] {
        device
            .none("no notice of what was refused", of_group)
            .await?;
    }
    Ok(())
}
