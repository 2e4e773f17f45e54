//! Who runs a group, and what they do there.

use proto::im::base_define::ClientType;
use proto::im::ext::group::{
    GroupDetails, GroupInviting, GroupJoining, GroupRole, ImGroupChanged, ImGroupDisbandReq,
    ImGroupLeaveReq, ImGroupMemberSetReq, ImGroupSetReq, ImGroupTransferReq,
};
use proto::im::group::{ImGroupChangeMemberNotify, ImGroupChangeMemberReq};
use proto::im::message::ImMsgData;

use super::joining::two;
use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE};
use crate::conform::device::Device;
use crate::conform::device::chat::text;
use crate::conform::device::group_steps::{able, done, refused};
use crate::conform::expect::{holds, same};

cases! {
    /// What admins set is in the answer, in the group as others see it, and told to members who announced groups, but not to the connection that did it; what is absent stays.
    "ferrotalk/groups-set" set in Groups {
        commands: [ImGroupSetReq],
        needs: [Ferrotalk],
    }
    /// To set what is so already changes nothing, and the version stays.
    "ferrotalk/groups-set-twice" set_twice in Groups {
        commands: [ImGroupSetReq],
        needs: [Ferrotalk],
    }
    /// Plain members and outsiders set nothing; texts that are too long, blank or unreadable are refused, and a limit below the number of members or above the deployment's.
    "ferrotalk/groups-set-refusals" set_refusals in Groups {
        commands: [ImGroupSetReq],
        needs: [Ferrotalk],
    }
    /// The owner makes members admins and unmakes them; nobody else does, and outsiders can't be.
    "ferrotalk/groups-admins" admins in Groups {
        commands: [ImGroupMemberSetReq],
        needs: [Ferrotalk],
    }
    /// Admins add members and send them away, but neither the owner nor other admins.
    "ferrotalk/groups-admins-expel" admins_expel in Groups {
        commands: [ImGroupMemberSetReq, ImGroupChangeMemberReq],
        needs: [Ferrotalk],
    }
    /// One has a name in the group by one's own wish or that of somebody who is above one.
    "ferrotalk/groups-nickname" nickname in Groups {
        commands: [ImGroupMemberSetReq],
        needs: [Ferrotalk],
    }
    /// A muted member writes nothing until it is lifted; nobody mutes the owner, and only the owner mutes admins.
    "ferrotalk/groups-mute" mute in Groups {
        commands: [ImGroupMemberSetReq, ImMsgData],
        needs: [Ferrotalk],
    }
    /// Where all are muted only the owner and admins write.
    "ferrotalk/groups-mute-all" mute_all in Groups {
        commands: [ImGroupSetReq, ImMsgData],
        needs: [Ferrotalk],
    }
    /// The owner makes another member the owner and is an admin then; stock clients see who it is by the version.
    "ferrotalk/groups-transfer" transfer in Groups {
        commands: [ImGroupTransferReq],
        needs: [Ferrotalk],
    }
    /// Nobody else does so, and not to outsiders or himself.
    "ferrotalk/groups-transfer-refusals" transfer_refusals in Groups {
        commands: [ImGroupTransferReq],
        needs: [Ferrotalk],
    }
    /// Who leaves is out, and all are told; to leave twice is to leave once; the owner leaves last, and the group ends.
    "ferrotalk/groups-leave" leave in Groups {
        commands: [ImGroupLeaveReq],
        needs: [Ferrotalk],
    }
    /// A group that its owner ends is no more: all are told that they are out.
    "ferrotalk/groups-disband" disband in Groups {
        commands: [ImGroupDisbandReq],
        needs: [Ferrotalk],
    }
    /// Each change raises the version by one, and a stock client hears by the stock notice alone.
    "ferrotalk/groups-stock-client" stock_client in Groups {
        commands: [ImGroupSetReq, ImGroupMemberSetReq],
        needs: [Ferrotalk],
    }
}

/// Alice, who owns a group, and Bob and Carol, who are in it.
async fn three(ctx: &Ctx) -> Outcome<(Device, Device, Device, Conversation)> {
    let (mut alice, bob, group) = two(ctx).await?;
    let carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    alice.adds(group, &[bob.id, carol.id]).await?;
    Ok((alice, bob, carol, group))
}

fn admin(admin: bool) -> ImGroupMemberSetReq {
    ImGroupMemberSetReq {
        admin: Some(admin),
        ..Default::default()
    }
}

fn muted(seconds: u32) -> ImGroupMemberSetReq {
    ImGroupMemberSetReq {
        muted_seconds: Some(seconds),
        ..Default::default()
    }
}

fn called(name: &str) -> ImGroupMemberSetReq {
    ImGroupMemberSetReq {
        nickname: Some(name.to_owned()),
        ..Default::default()
    }
}

fn named(name: &str) -> ImGroupSetReq {
    ImGroupSetReq {
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn version(group: Option<&GroupDetails>) -> u32 {
    group.map_or(0, |group| group.version)
}

async fn set(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, _carol, group) = three(ctx).await?;
    let mut phone = able(ctx, ALICE, ClientType::Android, 1).await?;
    let change = ImGroupSetReq {
        name: Some(ctx.word()),
        avatar: Some("http://picture".to_owned()),
        announcement: Some("one\ntwo".to_owned()),
        joining: Some(GroupJoining::Approval as i32),
        inviting: Some(GroupInviting::Admins as i32),
        member_limit: Some(5),
        ..Default::default()
    };
    let set = done(alice.sets(group, change.clone()).await?)?;
    let Some(set) = set else {
        return holds("the group in the answer", false, "none");
    };
    same("name", Some(&set.name), change.name.as_ref())?;
    same("avatar", Some(&set.avatar), change.avatar.as_ref())?;
    same("announcement", &set.announcement, &change.announcement)?;
    same("announced_by", set.announced_by(), alice.id)?;
    same("joining", Some(set.joining), change.joining)?;
    same("inviting", Some(set.inviting), change.inviting)?;
    same("member_limit", Some(set.member_limit), change.member_limit)?;
    for device in [&mut bob, &mut phone] {
        let told = device.sees_version(group, set.version).await?;
        same("user_id", told.user_id, alice.id)?;
        same("the group", told.group, set.clone())?;
    }
    alice
        .none::<ImGroupChanged>("no notice to who did it", |_| true)
        .await?;
    let seen = bob.looks_at(group).await?.map(|(group, _)| group);
    same("the group as a member sees it", seen, Ok(set.clone()))?;
    let other = done(alice.sets(group, named("other")).await?)?;
    let wanted = GroupDetails {
        name: "other".to_owned(),
        version: set.version + 1,
        ..set
    };
    same("what was absent", other, Some(wanted))?;
    done(alice.ends(group).await?).map(drop)
}

async fn set_twice(ctx: &Ctx) -> Outcome {
    let (mut alice, _bob, group) = two(ctx).await?;
    let once = done(alice.sets(group, named("the same")).await?)?;
    let twice = done(alice.sets(group, named("the same")).await?)?;
    same("set twice", &twice, &once)?;
    let nothing = done(alice.sets(group, ImGroupSetReq::default()).await?)?;
    same("nothing set", nothing, once)?;
    done(alice.ends(group).await?).map(drop)
}

async fn set_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, _carol, group) = three(ctx).await?;
    let mut dave = able(ctx, DAVE, ClientType::Windows, 0).await?;
    let plain = bob.sets(group, named("x")).await?;
    same("by a plain member", plain, refused("not_permitted"))?;
    let outside = dave.sets(group, named("x")).await?;
    same("by an outsider", outside, refused("not_a_member"))?;
    let nothing = ImGroupSetReq::default;
    let limit = |limit| ImGroupSetReq {
        member_limit: Some(limit),
        ..nothing()
    };
    for (change, reason) in [
        (named(""), "bad_name"),
        (named("  "), "bad_name"),
        (named("a\u{7}b"), "bad_name"),
        (named(&"x".repeat(257)), "bad_name"),
        (
            ImGroupSetReq {
                avatar: Some("x".repeat(256)),
                ..nothing()
            },
            "bad_avatar",
        ),
        (
            ImGroupSetReq {
                announcement: Some("x".repeat(2_001)),
                ..nothing()
            },
            "bad_announcement",
        ),
        (
            ImGroupSetReq {
                announcement: Some("\u{7}".to_owned()),
                ..nothing()
            },
            "bad_announcement",
        ),
        (
            ImGroupSetReq {
                joining: Some(7),
                ..nothing()
            },
            "bad_field",
        ),
        (limit(2), "too_many_members"),
        (limit(u32::MAX), "bad_limit"),
    ] {
        same(reason, alice.sets(group, change).await?, refused(reason))?;
    }
    done(alice.ends(group).await?).map(drop)
}

async fn admins(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    let no = || refused("not_permitted");
    let (a, b, c) = (alice.id, bob.id, carol.id);
    let plain = bob.sets_member(group, b, admin(true)).await?;
    same("by a plain member", plain, no())?;
    let made = done(alice.sets_member(group, b, admin(true)).await?)?;
    let told = carol.sees_version(group, version(made.as_ref())).await?;
    let roles: Vec<_> = told
        .member
        .iter()
        .map(|one| (one.user_id, one.role))
        .collect();
    same("who changed", roles, vec![(b, GroupRole::Admin as i32)])?;
    let again = done(alice.sets_member(group, b, admin(true)).await?)?;
    same("made twice", &again, &made)?;
    let by_admin = bob.sets_member(group, c, admin(true)).await?;
    same("by an admin", by_admin, no())?;
    same(
        "the owner",
        alice.sets_member(group, a, admin(false)).await?,
        no(),
    )?;
    let outside = alice.sets_member(group, ctx.id(DAVE), admin(true)).await?;
    same("an outsider", outside, refused("not_a_member"))?;
    done(bob.sets(group, named("by an admin")).await?)?;
    done(alice.sets_member(group, b, admin(false)).await?)?;
    same(
        "no admin any more",
        bob.sets(group, named("x")).await?,
        no(),
    )?;
    done(alice.ends(group).await?).map(drop)
}

async fn admins_expel(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, carol, group) = three(ctx).await?;
    let dave = ctx.id(DAVE);
    done(alice.sets_member(group, bob.id, admin(true)).await?)?;
    bob.adds(group, &[dave]).await?;
    bob.expels(group, &[dave]).await?;
    done(alice.sets_member(group, carol.id, admin(true)).await?)?;
    for above in [alice.id, carol.id] {
        let answer = bob
            .ask(&ImGroupChangeMemberReq {
                group_id: group.id(),
                change_type: 2,
                member_id_list: vec![above],
                ..Default::default()
            })
            .await?;
        same("result_code", answer.result_code, 1)?;
    }
    done(alice.ends(group).await?).map(drop)
}

async fn nickname(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    let (a, b) = (alice.id, bob.id);
    let word = ctx.word();
    let set = done(bob.sets_member(group, b, called(&word)).await?)?;
    let told = carol.sees_version(group, version(set.as_ref())).await?;
    let names: Vec<_> = told.member.iter().map(|one| one.nickname()).collect();
    same("the name", names, vec![word.as_str()])?;
    let no = || refused("not_permitted");
    same(
        "another's",
        carol.sets_member(group, b, called("x")).await?,
        no(),
    )?;
    same(
        "the owner's",
        bob.sets_member(group, a, called("x")).await?,
        no(),
    )?;
    done(alice.sets_member(group, b, called("by the owner")).await?)?;
    for name in [" ", "a\u{7}b", &"x".repeat(65)] {
        let bad = bob.sets_member(group, b, called(name)).await?;
        same("a name that is none", bad, refused("bad_nickname"))?;
    }
    done(bob.sets_member(group, b, called("")).await?)?;
    let members = bob.looks_at(group).await?.map(|(_, members)| members);
    let none = members.is_ok_and(|members| members.iter().all(|one| one.nickname.is_none()));
    holds("no names any more", none, "names")?;
    done(alice.ends(group).await?).map(drop)
}

async fn mute(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    let (a, b, c) = (alice.id, bob.id, carol.id);
    let no = || refused("not_permitted");
    same(
        "by a member",
        bob.sets_member(group, c, muted(60)).await?,
        no(),
    )?;
    done(alice.sets_member(group, b, admin(true)).await?)?;
    done(alice.sets_member(group, c, admin(true)).await?)?;
    same(
        "the owner",
        bob.sets_member(group, a, muted(60)).await?,
        no(),
    )?;
    same(
        "an admin",
        bob.sets_member(group, c, muted(60)).await?,
        no(),
    )?;
    same(
        "oneself",
        alice.sets_member(group, a, muted(60)).await?,
        no(),
    )?;
    done(alice.sets_member(group, c, muted(600)).await?)?;
    let silenced = ctx.text();
    carol.refused(&text(group, &silenced)).await?;
    let aloud = ctx.text();
    bob.says(group, &aloud).await?;
    carol.hears(&aloud).await?;
    alice.hears(&aloud).await?;
    alice
        .heard_nothing("no word of who is muted", &silenced)
        .await?;
    done(alice.sets_member(group, c, muted(0)).await?)?;
    let again = ctx.text();
    carol.says(group, &again).await?;
    alice.hears(&again).await?;
    done(alice.ends(group).await?).map(drop)
}

async fn mute_all(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    done(alice.sets_member(group, bob.id, admin(true)).await?)?;
    let all = |seconds| ImGroupSetReq {
        muted_seconds: Some(seconds),
        ..Default::default()
    };
    let set = done(bob.sets(group, all(600)).await?)?;
    let until = set.map_or(0, |group| group.muted_until);
    holds("an end of the silence", until > 0, until)?;
    carol.refused(&text(group, &ctx.text())).await?;
    alice.says(group, &ctx.text()).await?;
    bob.says(group, &ctx.text()).await?;
    done(bob.sets(group, all(0)).await?)?;
    carol.says(group, &ctx.text()).await?;
    done(alice.ends(group).await?).map(drop)
}

async fn transfer(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    let passed = done(alice.hands_over(group, bob.id).await?)?;
    let owner = passed.as_ref().map(|group| group.owner_user_id);
    same("owner", owner, Some(bob.id))?;
    let told = carol.sees_version(group, version(passed.as_ref())).await?;
    let mut roles: Vec<_> = told
        .member
        .iter()
        .map(|one| (one.user_id, one.role))
        .collect();
    roles.sort_unstable();
    let mut wanted = vec![
        (alice.id, GroupRole::Admin as i32),
        (bob.id, GroupRole::Owner as i32),
    ];
    wanted.sort_unstable();
    same("who changed", roles, wanted)?;
    let again = done(alice.hands_over(group, bob.id).await?)?;
    same("handed over twice", &again, &passed)?;
    let info = carol.own_group(group).await?;
    same("group_creator_id", info.group_creator_id, bob.id)?;
    same("version", info.version, version(passed.as_ref()))?;
    done(alice.quits(group).await?)?;
    done(bob.ends(group).await?).map(drop)
}

async fn transfer_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, carol, group) = three(ctx).await?;
    let itself = alice.hands_over(group, alice.id).await?;
    same("to oneself", itself, refused("to_oneself"))?;
    let outside = alice.hands_over(group, ctx.id(DAVE)).await?;
    same("to an outsider", outside, refused("not_a_member"))?;
    let plain = bob.hands_over(group, carol.id).await?;
    same("by a member", plain, refused("not_permitted"))?;
    done(alice.ends(group).await?).map(drop)
}

async fn leave(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    let owner = alice.quits(group).await?;
    same("the owner", owner, refused("owner_must_transfer"))?;
    let mut dave = able(ctx, DAVE, ClientType::Windows, 0).await?;
    let outside = dave.quits(group).await?;
    same("an outsider", outside, refused("not_a_member"))?;
    same("who left", done(bob.quits(group).await?)?, None)?;
    let gone = |user| {
        move |notice: &ImGroupChangeMemberNotify| {
            notice.chg_user_id_list == [user] && !notice.cur_user_id_list.contains(&user)
        }
    };
    let what = "a notice that a member left";
    alice
        .frame::<ImGroupChangeMemberNotify>(what, gone(bob.id))
        .await?;
    carol
        .frame::<ImGroupChangeMemberNotify>(what, gone(bob.id))
        .await?;
    same("who left twice", done(bob.quits(group).await?)?, None)?;
    bob.refused(&text(group, &ctx.text())).await?;
    done(carol.quits(group).await?)?;
    same("the last one", done(alice.quits(group).await?)?, None)?;
    let ended = bob.joins(group, "").await?;
    same("an ended group", ended, refused("no_such_group"))
}

async fn disband(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, mut carol, group) = three(ctx).await?;
    same(
        "by a member",
        bob.ends(group).await?,
        refused("not_permitted"),
    )?;
    done(alice.ends(group).await?)?;
    for device in [&mut bob, &mut carol] {
        let fits = |notice: &ImGroupChangeMemberNotify| {
            notice.group_id == group.id() && notice.change_type == 2
        };
        let (_, notice) = device
            .frame::<ImGroupChangeMemberNotify>("a notice that all are out", fits)
            .await?;
        same("who is in it", notice.cur_user_id_list.len(), 0)?;
        same("how many went", notice.chg_user_id_list.len(), 3)?;
    }
    done(alice.ends(group).await?)?;
    bob.refused(&text(group, &ctx.text())).await?;
    let answer = alice
        .ask(&ImGroupChangeMemberReq {
            group_id: group.id(),
            change_type: 1,
            member_id_list: vec![bob.id],
            ..Default::default()
        })
        .await?;
    same("result_code of adding", answer.result_code, 1)
}

async fn stock_client(ctx: &Ctx) -> Outcome {
    let (mut alice, bob, _carol, group) = three(ctx).await?;
    let mut phone = ctx.phone(BOB).await?;
    let before = phone.own_group(group).await?.version;
    done(alice.sets(group, named("another")).await?)?;
    done(alice.sets_member(group, bob.id, admin(true)).await?)?;
    let info = phone.own_group(group).await?;
    same("version", info.version, before + 2)?;
    same("group_name", info.group_name.as_str(), "another")?;
    phone
        .none::<ImGroupChanged>("no notice of the extension", |_| true)
        .await?;
    done(alice.ends(group).await?).map(drop)
}
