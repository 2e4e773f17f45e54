//! How others come into a group that its members run.

use proto::im::base_define::{ClientType, GroupModifyType};
use proto::im::ext::group::{
    GroupInviting, GroupJoining, GroupRequestKind, GroupRequestState, ImGroupAnswerReq,
    ImGroupDetailsReq, ImGroupDisbandReq, ImGroupInviteReq, ImGroupJoinReq, ImGroupLeaveReq,
    ImGroupRequestChanged, ImGroupRequestsReq, ImGroupSetReq,
};
use proto::im::group::{ImGroupChangeMemberNotify, ImGroupCreateReq};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::device::group_steps::{able, done, refused};
use crate::conform::expect::{holds, same};

cases! {
    /// Into an open group one comes at once; the members are told by 0x040b that he came by himself.
    "ferrotalk/groups-join-open" join_open in Groups {
        commands: [ImGroupCreateReq, ImGroupSetReq, ImGroupJoinReq],
        needs: [Ferrotalk],
    }
    /// A group is closed until it says otherwise, one that does not exist or has ended lets nobody in, and a full one neither.
    "ferrotalk/groups-join-refusals" join_refusals in Groups {
        commands: [ImGroupSetReq, ImGroupJoinReq, ImGroupDisbandReq],
        needs: [Ferrotalk],
    }
    /// Who applies twice has applied once; admins and the applicant's other devices are told, and he comes in when an admin says so.
    "ferrotalk/groups-apply" apply in Groups {
        commands: [ImGroupJoinReq, ImGroupAnswerReq, ImGroupRequestsReq],
        needs: [Ferrotalk],
    }
    /// An application that is refused is over, and so is one that is taken back; one can apply again.
    "ferrotalk/groups-apply-refused" apply_refused in Groups {
        commands: [ImGroupJoinReq, ImGroupAnswerReq],
        needs: [Ferrotalk],
    }
    /// Who is invited is told, finds it in his list, and comes in by his own answer, into a closed group too.
    "ferrotalk/groups-invite" invite in Groups {
        commands: [ImGroupInviteReq, ImGroupAnswerReq, ImGroupRequestsReq],
        needs: [Ferrotalk],
    }
    /// An invitation that is declined is over, and its inviter told; it can be taken back by who made it, and not by others.
    "ferrotalk/groups-invite-declined" invite_declined in Groups {
        commands: [ImGroupInviteReq, ImGroupAnswerReq],
        needs: [Ferrotalk],
    }
    /// Somebody whose application waits comes in at once when an admin invites him.
    "ferrotalk/groups-invite-applicant" invite_applicant in Groups {
        commands: [ImGroupJoinReq, ImGroupInviteReq],
        needs: [Ferrotalk],
    }
    /// Only members invite, and only admins where the group says so; nobody invites himself, nobody, or somebody who is not there; who is in the group is passed over.
    "ferrotalk/groups-invite-refusals" invite_refusals in Groups {
        commands: [ImGroupInviteReq, ImGroupSetReq],
        needs: [Ferrotalk],
    }
    /// What is not there can't be answered, and only admins answer applications.
    "ferrotalk/groups-answer-refusals" answer_refusals in Groups {
        commands: [ImGroupJoinReq, ImGroupAnswerReq],
        needs: [Ferrotalk],
    }
    /// Members see a group with everybody in it; who may join, or is invited, sees the group alone; others see nothing.
    "ferrotalk/groups-look" look in Groups {
        commands: [ImGroupDetailsReq, ImGroupInviteReq, ImGroupSetReq],
        needs: [Ferrotalk],
    }
    /// A client that did not announce groups hears nothing of requests.
    "ferrotalk/groups-unannounced" unannounced in Groups {
        commands: [ImGroupInviteReq, ImGroupLeaveReq],
        needs: [Ferrotalk],
    }
}

/// Alice, who owns a group in which she is alone, and Bob, on two msg_servers if there are two.
pub(super) async fn two(ctx: &Ctx) -> Outcome<(Device, Device, Conversation)> {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let group = alice.makes_group(&[alice.id]).await?;
    Ok((alice, bob, group))
}

pub(super) fn joining(joining: GroupJoining) -> ImGroupSetReq {
    ImGroupSetReq {
        joining: Some(joining as i32),
        ..Default::default()
    }
}

impl Device {
    /// The notice that exactly this user came into a group, by what that one did.
    async fn sees_come(&mut self, group: Conversation, user: u32, by: u32) -> Outcome {
        let added = GroupModifyType::Add as i32;
        let fits = |notice: &ImGroupChangeMemberNotify| {
            notice.group_id == group.id() && notice.chg_user_id_list == [user]
        };
        let (_, notice) = self
            .frame::<ImGroupChangeMemberNotify>("a notice that somebody came", fits)
            .await?;
        same("change_type", notice.change_type, added)?;
        same("user_id", notice.user_id, by)?;
        let is_in = notice.cur_user_id_list.contains(&user);
        holds("the newcomer among all", is_in, notice)
    }
}

async fn join_open(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut phone = able(ctx, BOB, ClientType::Android, 0).await?;
    let set = done(alice.sets(group, joining(GroupJoining::Open)).await?)?;
    let before = set.map(|group| group.version);
    let came = done(bob.joins(group, "").await?)?;
    let (version, size) = match &came {
        Some(group) => (Some(group.version - 1), group.member_cnt),
        None => (None, 0),
    };
    same("version, but for one", version, before)?;
    same("member_cnt", size, 2)?;
    alice.sees_come(group, bob.id, bob.id).await?;
    phone.sees_come(group, bob.id, bob.id).await?;
    let text = ctx.text();
    bob.says(group, &text).await?;
    alice.hears(&text).await?;
    let again = done(bob.joins(group, "").await?)?;
    same("joined twice", again, came)?;
    done(alice.ends(group).await?).map(drop)
}

async fn join_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    same("closed", bob.joins(group, "").await?, refused("not_open"))?;
    let open = ImGroupSetReq {
        member_limit: Some(1),
        ..joining(GroupJoining::Open)
    };
    done(alice.sets(group, open).await?)?;
    let full = refused("too_many_members");
    same("full", bob.joins(group, "").await?, full.clone())?;
    done(alice.sets(group, joining(GroupJoining::Approval)).await?)?;
    same("full, with approval", bob.joins(group, "").await?, full)?;
    let room = ImGroupSetReq {
        member_limit: Some(0),
        ..Default::default()
    };
    done(alice.sets(group, room).await?)?;
    let bad = || refused("bad_greeting");
    let long = "x".repeat(257);
    same("257 characters", bob.joins(group, &long).await?, bad())?;
    same("a bell", bob.joins(group, "ring \u{7}").await?, bad())?;
    let none = || refused("no_such_group");
    for id in [0, u32::MAX] {
        let nowhere = Conversation::Group(id);
        same("no group", bob.joins(nowhere, "").await?, none())?;
    }
    done(alice.ends(group).await?)?;
    same("an ended group", bob.joins(group, "").await?, none())
}

async fn apply(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut phone = able(ctx, BOB, ClientType::Android, 0).await?;
    done(alice.sets(group, joining(GroupJoining::Approval)).await?)?;
    let greeting = format!("it is me, {}", ctx.word());
    same(
        "not in it yet",
        bob.joins(group, &greeting).await?,
        Ok(None),
    )?;
    same("again", bob.joins(group, "other words").await?, Ok(None))?;
    for device in [&mut alice, &mut phone] {
        let heard = device.hears_of(group, bob.id, Waiting).await?;
        same("greeting", heard.greeting(), greeting.as_str())?;
        same("kind", heard.kind, GroupRequestKind::Application as i32)?;
        let waits = device.waits_in(group).await?;
        same("what waits", waits, vec![heard])?;
    }
    done(alice.decides(group, Some(bob.id), true).await?)?;
    bob.sees_come(group, bob.id, alice.id).await?;
    bob.hears_of(group, bob.id, GroupRequestState::Accepted)
        .await?;
    let again = done(alice.decides(group, Some(bob.id), true).await?)?;
    let size = again.map(|group| group.member_cnt);
    same("member_cnt, granted twice", size, Some(2))?;
    same("what waits", alice.waits_in(group).await?, vec![])?;
    done(alice.ends(group).await?).map(drop)
}

use GroupRequestState::Waiting;

async fn apply_refused(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    done(alice.sets(group, joining(GroupJoining::Approval)).await?)?;
    done(bob.joins(group, "").await?)?;
    done(alice.decides(group, Some(bob.id), false).await?)?;
    bob.hears_of(group, bob.id, GroupRequestState::Refused)
        .await?;
    same("what waits", bob.waits_in(group).await?, vec![])?;
    done(alice.decides(group, Some(bob.id), false).await?)?;
    let late = alice.decides(group, Some(bob.id), true).await?;
    same("granted too late", late, refused("no_request"))?;
    done(bob.joins(group, "").await?)?;
    done(bob.decides(group, None, false).await?)?;
    alice
        .hears_of(group, bob.id, GroupRequestState::Ended)
        .await?;
    same("what waits", alice.waits_in(group).await?, vec![])?;
    done(alice.ends(group).await?).map(drop)
}

async fn invite(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut phone = able(ctx, BOB, ClientType::Android, 0).await?;
    done(alice.invites(group, &[bob.id]).await?)?;
    for device in [&mut bob, &mut phone] {
        let heard = device.hears_of(group, device.id, Waiting).await?;
        same("by_user_id", heard.by_user_id, alice.id)?;
        same("kind", heard.kind, GroupRequestKind::Invitation as i32)?;
        same("what waits", device.waits_in(group).await?, vec![heard])?;
    }
    let came = done(phone.decides(group, None, true).await?)?;
    holds("the group in the answer", came.is_some(), &came)?;
    alice.sees_come(group, bob.id, bob.id).await?;
    alice
        .hears_of(group, bob.id, GroupRequestState::Accepted)
        .await?;
    bob.hears_of(group, bob.id, GroupRequestState::Accepted)
        .await?;
    same(
        "accepted twice",
        done(bob.decides(group, None, true).await?)?,
        came,
    )?;
    done(alice.ends(group).await?).map(drop)
}

async fn invite_declined(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    done(alice.invites(group, &[bob.id]).await?)?;
    done(bob.decides(group, None, false).await?)?;
    alice
        .hears_of(group, bob.id, GroupRequestState::Refused)
        .await?;
    done(bob.decides(group, None, false).await?)?;
    done(alice.invites(group, &[bob.id, carol.id]).await?)?;
    done(bob.decides(group, None, true).await?)?;
    let own = bob.decides(group, Some(carol.id), false).await?;
    same(
        "by a member who did not invite",
        own,
        refused("not_permitted"),
    )?;
    done(alice.decides(group, Some(carol.id), false).await?)?;
    carol
        .hears_of(group, carol.id, GroupRequestState::Ended)
        .await?;
    let late = carol.decides(group, None, true).await?;
    same("taken back", late, refused("no_request"))?;
    done(alice.ends(group).await?).map(drop)
}

async fn invite_applicant(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    done(alice.sets(group, joining(GroupJoining::Approval)).await?)?;
    done(bob.joins(group, "").await?)?;
    done(alice.invites(group, &[bob.id]).await?)?;
    bob.sees_come(group, bob.id, alice.id).await?;
    done(alice.ends(group).await?).map(drop)
}

async fn invite_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let carol = ctx.id(CAROL);
    let outside = bob.invites(group, &[carol]).await?;
    same("by an outsider", outside, refused("not_a_member"))?;
    let itself = alice.invites(group, &[alice.id]).await?;
    same("oneself", itself, refused("to_oneself"))?;
    for nobody in [0, ctx.nobody()] {
        let stranger = alice.invites(group, &[bob.id, nobody]).await?;
        same("a stranger", stranger, refused("no_such_user"))?;
    }
    same("what waits", bob.waits_in(group).await?, vec![])?;
    let empty = alice.invites(group, &[]).await?;
    same("nobody", empty, refused("nobody_named"))?;
    let many: Vec<u32> = (1_000_000..1_000_101).collect();
    let many = alice.invites(group, &many).await?;
    same("101 users", many, refused("too_many_named"))?;
    alice.adds(group, &[bob.id]).await?;
    let before = done(bob.invites(group, &[alice.id]).await?)?;
    holds("a member passed over", before.is_some(), before)?;
    let admins = ImGroupSetReq {
        inviting: Some(GroupInviting::Admins as i32),
        ..Default::default()
    };
    done(alice.sets(group, admins).await?)?;
    let plain = bob.invites(group, &[carol]).await?;
    same("where admins invite", plain, refused("not_permitted"))?;
    done(alice.ends(group).await?).map(drop)
}

async fn answer_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    let none = || refused("no_request");
    for accept in [true, false] {
        same(
            "not invited",
            bob.decides(group, None, accept).await?,
            none(),
        )?;
    }
    let nobody = alice.decides(group, Some(bob.id), true).await?;
    same("nobody asks", nobody, none())?;
    done(alice.decides(group, Some(bob.id), false).await?)?;
    done(alice.sets(group, joining(GroupJoining::Approval)).await?)?;
    alice.adds(group, &[bob.id]).await?;
    done(carol.joins(group, "").await?)?;
    let own = carol.decides(group, None, true).await?;
    same("one's own application", own, none())?;
    let plain = bob.decides(group, Some(carol.id), true).await?;
    same("by a plain member", plain, refused("not_permitted"))?;
    let outside = carol.decides(group, Some(carol.id), true).await?;
    same("by an outsider", outside, refused("not_a_member"))?;
    done(alice.ends(group).await?).map(drop)
}

async fn look(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let secret = ImGroupSetReq {
        announcement: Some("for members".to_owned()),
        ..Default::default()
    };
    done(alice.sets(group, secret).await?)?;
    let unseen = bob.looks_at(group).await?;
    same("a closed group", unseen, Err("not_a_member".to_owned()))?;
    done(alice.invites(group, &[bob.id]).await?)?;
    for round in ["invited", "open"] {
        let seen = bob.looks_at(group).await?;
        let seen = seen.map(|(group, members)| (group.member_cnt, group.announcement, members));
        same(round, seen, Ok((1, None, vec![])))?;
        done(bob.decides(group, None, false).await?)?;
        done(alice.sets(group, joining(GroupJoining::Open)).await?)?;
    }
    done(bob.joins(group, "").await?)?;
    let Ok((details, members)) = bob.looks_at(group).await? else {
        return holds("a group that one is in", false, "a refusal");
    };
    same("announcement", details.announcement(), "for members")?;
    same("owner", details.owner_user_id, alice.id)?;
    let mut wanted = vec![alice.id, bob.id];
    wanted.sort_unstable();
    let ids: Vec<u32> = members.iter().map(|one| one.user_id).collect();
    same("members", ids, wanted)?;
    done(alice.ends(group).await?)?;
    let gone = bob.looks_at(group).await?;
    same("an ended group", gone, Err("no_such_group".to_owned()))
}

async fn unannounced(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = two(ctx).await?;
    let mut phone = ctx.phone(BOB).await?;
    done(alice.invites(group, &[bob.id]).await?)?;
    bob.hears_of(group, bob.id, Waiting).await?;
    done(bob.decides(group, None, true).await?)?;
    phone.sees_come(group, bob.id, bob.id).await?;
    phone
        .none::<ImGroupRequestChanged>("no notice of requests", |_| true)
        .await?;
    done(bob.quits(group).await?)?;
    done(alice.ends(group).await?).map(drop)
}
