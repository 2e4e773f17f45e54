//! Admins, names in a group, and who is muted.

use proto::im::base_define::ClientType;
use proto::im::ext::group::{GroupRole, ImGroupMemberSetReq, ImGroupSetReq};
use proto::im::ext::other::ImNak;
use proto::im::group::ImGroupChangeMemberReq;
use proto::im::message::ImMsgData;
use proto::{Body, capability};

use super::running::{admin, named, three, version};
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{BOB, Ctx, DAVE};
use crate::conform::device::chat::text;
use crate::conform::device::group_steps::{done, refused};
use crate::conform::expect::{holds, same};

cases! {
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
    /// A client that announced reasons is told that it is muted, and for how long.
    "ferrotalk/groups-mute-reason" mute_reason in Groups {
        commands: [ImGroupMemberSetReq, ImMsgData],
        needs: [Ferrotalk],
    }
    /// Where all are muted only the owner and admins write.
    "ferrotalk/groups-mute-all" mute_all in Groups {
        commands: [ImGroupSetReq, ImMsgData],
        needs: [Ferrotalk],
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

async fn mute_reason(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, _carol, group) = three(ctx).await?;
    bob.leave().await?;
    let mut bob = ctx.connect(1).await?;
    let mut request = ctx.login_request(BOB, ClientType::Windows as i32);
    request.capabilities = Some(capability::NAK);
    bob.log_in(&request).await?;
    done(alice.sets_member(group, bob.id, muted(600)).await?)?;
    let seq_num = bob.seq_num();
    bob.tell(&text(group, &ctx.text()), seq_num).await?;
    let what = "the reason why a message is refused";
    let fits = |nak: &ImNak| nak.command == u32::from(ImMsgData::ID.0);
    let (frame, nak) = bob.frame::<ImNak>(what, fits).await?;
    same("its number", frame.seq_num(), seq_num)?;
    same("reason", nak.reason.as_str(), "muted")?;
    let after = nak.retry_after_ms();
    holds(
        "until the silence ends",
        (1..=600_000).contains(&after),
        after,
    )?;
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
