//! Making a group.

use proto::im::base_define::GroupType;
use proto::im::group::{ImGroupChangeMemberNotify, ImGroupCreateReq};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::chat::text;
use crate::conform::device::groups::group_of;
use crate::conform::expect::{holds, same};

cases! {
    /// A temporary group is answered with its id, its name, and its members, each once and in ascending order.
    "group/create" create in Groups {
        commands: [ImGroupCreateReq],
    }
    /// The group's info has what it was made with, and version 1.
    "group/create-info" create_info in Groups {
        commands: [ImGroupCreateReq],
    }
    /// Whoever makes a group without being on its list is not in it.
    "group/create-without-self" create_without_self in Groups {
        commands: [ImGroupCreateReq],
    }
    /// A group needs a name.
    "group/create-without-name" create_without_name in Groups {
        commands: [ImGroupCreateReq],
    }
    /// A group needs members.
    "group/create-without-members" create_without_members in Groups {
        commands: [ImGroupCreateReq],
    }
    /// A group of somebody who does not exist is refused.
    "group/create-with-nobody" create_with_nobody in Groups {
        commands: [ImGroupCreateReq],
    }
    /// A client cannot make a permanent group, and is told so.
    "group/create-permanent" create_permanent in Groups {
        commands: [ImGroupCreateReq],
        defects: [18],
    }
    /// The others are told nothing of a new group until somebody writes.
    "group/create-is-silent" create_is_silent in Groups {
        commands: [ImGroupCreateReq],
    }
}

async fn create(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let (bob, carol) = (ctx.id(BOB), ctx.id(CAROL));
    let name = ctx.word();
    let request = group_of(&name, vec![carol, alice.id, bob, bob, alice.id]);
    let answer = alice.creates(&request).await?;
    holds(
        "a group_id",
        answer.group_id.is_some_and(|id| id > 0),
        &answer,
    )?;
    holds("no attach_data", answer.attach_data.is_none(), &answer)?;
    let mut wanted = vec![alice.id, bob, carol];
    wanted.sort_unstable();
    same("user_id_list", answer.user_id_list, wanted)
}

async fn create_info(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let name = ctx.word();
    let request = ImGroupCreateReq {
        group_avatar: format!("http://avatar.example/{name}"),
        ..group_of(&name, vec![alice.id, ctx.id(BOB)])
    };
    let answer = alice.creates(&request).await?;
    let group = crate::client::Conversation::Group(answer.group_id.unwrap_or_default());
    let info = alice.own_group(group).await?;
    same("group_name", &info.group_name, &name)?;
    same("group_avatar", &info.group_avatar, &request.group_avatar)?;
    same("group_creator_id", info.group_creator_id, alice.id)?;
    same("group_type", info.group_type, GroupType::Tmp as i32)?;
    same("version", info.version, 1)?;
    same("shield_status", info.shield_status, 0)?;
    let (mut members, mut wanted) = (info.group_member_list, answer.user_id_list);
    members.sort_unstable();
    wanted.sort_unstable();
    same("group_member_list", members, wanted)
}

async fn create_without_self(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[bob.id, ctx.id(CAROL)]).await?;
    let info = bob.own_group(group).await?;
    same("group_creator_id", info.group_creator_id, alice.id)?;
    let inside = info.group_member_list.contains(&alice.id);
    holds("the maker outside", !inside, &info.group_member_list)?;
    let (data, next) = (ctx.text(), ctx.text());
    alice.refused(&text(group, &data)).await?;
    bob.says(group, &next).await?;
    alice.fence().await?;
    alice.heard_nothing("nothing for the maker", &next).await
}

/// Sends a request that has to be answered with result 1 and no group.
async fn is_refused(ctx: &Ctx, request: ImGroupCreateReq) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let answer = alice.ask(&request).await?;
    same("user_id", answer.user_id, alice.id)?;
    same("result_code", answer.result_code, 1)?;
    same("group_id", answer.group_id.unwrap_or_default(), 0)
}

async fn create_without_name(ctx: &Ctx) -> Outcome {
    is_refused(ctx, group_of("", vec![ctx.id(ALICE), ctx.id(BOB)])).await
}

async fn create_without_members(ctx: &Ctx) -> Outcome {
    is_refused(ctx, group_of("conform", vec![])).await
}

async fn create_with_nobody(ctx: &Ctx) -> Outcome {
    for nobody in [ctx.nobody(), 0] {
        is_refused(ctx, group_of("conform", vec![ctx.id(ALICE), nobody])).await?;
    }
    Ok(())
}

async fn create_permanent(ctx: &Ctx) -> Outcome {
    let request = ImGroupCreateReq {
        group_type: GroupType::Normal as i32,
        ..group_of("conform", vec![ctx.id(ALICE), ctx.id(BOB)])
    };
    is_refused(ctx, request).await
}

async fn create_is_silent(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let group = alice.makes_group(&[alice.id, bob.id, carol.id]).await?;
    let data = ctx.text();
    alice.says(group, &data).await?;
    for device in [&mut bob, &mut carol] {
        device.hears(&data).await?;
        let any = |notice: &ImGroupChangeMemberNotify| notice.group_id == group.id();
        device.none("no notice of a new group", any).await?;
    }
    Ok(())
}
