//! Versions, lists, and muting.

use proto::im::base_define::GroupVersionInfo;
use proto::im::group::{ImGroupInfoListReq, ImGroupShieldReq, ImNormalGroupListReq};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx, DAVE};
use crate::conform::expect::{holds, same};

cases! {
    /// Info comes if the stored version is above the one asked with; with 0 it always comes.
    "group/info-by-version" info_by_version in Groups {
        commands: [ImGroupInfoListReq],
    }
    /// Of several groups those that exist and are newer are answered.
    "group/info-of-several" info_of_several in Groups {
        commands: [ImGroupInfoListReq],
    }
    /// Permanent groups are listed, temporary ones are not.
    "group/normal-list" normal_list in Groups {
        commands: [ImNormalGroupListReq],
    }
    /// A member mutes a group and hears it again.
    "group/mute" mute in Groups {
        commands: [ImGroupShieldReq],
    }
    /// Whether a group is muted is in its info, for each member his own.
    "group/mute-in-info" mute_in_info in Groups {
        commands: [ImGroupShieldReq, ImGroupInfoListReq],
        defects: [13],
    }
    /// Muting is about notifications: messages come as before.
    "group/muted-hears" muted_hears in Groups {
        commands: [ImGroupShieldReq],
    }
    /// Nobody else can mute a group.
    "group/mute-by-outsider" mute_by_outsider in Groups {
        commands: [ImGroupShieldReq],
    }
    /// A group that does not exist cannot be muted, and the request is answered.
    "group/mute-unknown" mute_unknown in Groups {
        commands: [ImGroupShieldReq],
        defects: [73],
    }
}

async fn info_by_version(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    let version = alice.own_group(group).await?.version;
    let current = alice.group_info(group, version).await?;
    holds(
        "nothing about a group that is up to date",
        current.is_none(),
        &current,
    )?;
    alice.adds(group, &[ctx.id(DAVE)]).await?;
    let newer = alice.group_info(group, version).await?;
    same("version", newer.map(|info| info.version), Some(version + 1))
}

async fn info_of_several(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let one = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    let two = alice.makes_group(&[alice.id, ctx.id(DAVE)]).await?;
    let current = alice.makes_group(&[alice.id]).await?;
    let version = alice.own_group(current).await?.version;
    let wanted = |id: u32, version| GroupVersionInfo {
        group_id: id,
        version,
    };
    let request = ImGroupInfoListReq {
        user_id: alice.id,
        group_version_list: vec![
            wanted(two.id(), 0),
            wanted(ctx.nobody(), 0),
            wanted(current.id(), version),
            wanted(one.id(), 0),
        ],
        ..Default::default()
    };
    let answer = alice.ask(&request).await?;
    let mut came: Vec<u32> = answer
        .group_info_list
        .iter()
        .map(|info| info.group_id)
        .collect();
    came.sort_unstable();
    let mut due = vec![one.id(), two.id()];
    due.sort_unstable();
    same("groups in the answer", came, due)
}

async fn normal_list(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    let request = ImNormalGroupListReq {
        user_id: alice.id,
        attach_data: None,
    };
    let answer = alice.ask(&request).await?;
    same("user_id", answer.user_id, alice.id)?;
    let list = answer.group_version_list;
    let listed = list.iter().any(|info| info.group_id == group.id());
    holds("no temporary group", !listed, &list)
}

async fn mute(ctx: &Ctx) -> Outcome {
    let mut bob = ctx.desktop(BOB).await?;
    let mut alice = ctx.desktop(ALICE).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    for value in [1, 0, 1, 1] {
        same("result_code", bob.shields(group, value).await?, 0)?;
    }
    Ok(())
}

async fn mute_in_info(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    for value in [1, 0] {
        same("result_code", bob.shields(group, value).await?, 0)?;
        let shown = bob.own_group(group).await?.shield_status;
        same("shield_status of the one who muted", shown, value)?;
        let shown = alice.own_group(group).await?.shield_status;
        same("shield_status of the other one", shown, 0)?;
    }
    Ok(())
}

async fn muted_hears(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    same("result_code", bob.shields(group, 1).await?, 0)?;
    let data = ctx.text();
    alice.says(group, &data).await?;
    bob.hears(&data).await?;
    same("unread", bob.unread_count(group).await?, 1)
}

async fn mute_by_outsider(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut dave = ctx.desktop(DAVE).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    same("result_code", dave.shields(group, 1).await?, 1)
}

async fn mute_unknown(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let unknown = Conversation::Group(ctx.nobody());
    same("result_code", alice.shields(unknown, 1).await?, 1)
}
