//! The address book, profiles by number, departments.

use proto::im::base_define::UserInfo;
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImChangeSignInfoReq, ImDepartmentReq, ImUsersInfoReq,
};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::Device;
use crate::conform::expect::{holds, same};
use crate::conform::link::read;

/// Later than any change, and still a time of 32 bits.
const FUTURE: u32 = 0xf000_0000;

cases! {
    /// With time 0 the address book has everybody who has not left.
    "people/everybody" everybody in Users {
        commands: [ImAllUserReq],
    }
    /// With a time in the future it is empty, and the time comes back.
    "people/nobody-since-the-future" nobody_since_the_future in Users {
        commands: [ImAllUserReq],
    }
    /// Whoever changed since the time that an answer named is in the next one, also within the same second.
    "people/changes-since" changes_since in Users {
        commands: [ImAllUserReq, ImChangeSignInfoReq],
        defects: [14],
    }
    /// Profiles by number: those who exist, each once; others are absent.
    "people/profiles" profiles in Users {
        commands: [ImUsersInfoReq],
    }
    /// Nobody asked for is nobody answered.
    "people/no-profiles" no_profiles in Users {
        commands: [ImUsersInfoReq],
    }
    /// Departments since 0 come with the time of the latest one; since a time in the future none comes, and the time
    /// comes back.
    "people/departments" departments in Departments {
        commands: [ImDepartmentReq],
    }
}

/// Asks for the address book and reads on, frame by frame, until `enough`. Gives the greatest time named.
async fn book(
    device: &mut Device,
    since: u32,
    expected: &str,
    enough: impl Fn(&[UserInfo]) -> bool,
) -> Outcome<(Vec<UserInfo>, u32)> {
    let seq_num = device.seq_num();
    let request = ImAllUserReq {
        user_id: device.id,
        latest_update_time: since,
        ..Default::default()
    };
    device.tell(&request, seq_num).await?;
    let (mut users, mut time) = (Vec::new(), since);
    device
        .find(expected, |pdu| {
            let page: ImAllUserRsp = read(pdu)?;
            if pdu.seq_num() != seq_num {
                return None;
            }
            time = time.max(page.latest_update_time);
            users.extend(page.user_list);
            enough(&users).then_some(Ok(()))
        })
        .await?;
    Ok((users, time))
}

async fn everybody(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let ids: Vec<u32> = ctx.everybody().map(|who| ctx.id(who)).collect();
    let there = |users: &[UserInfo]| {
        let known = |id: &u32| users.iter().any(|user| user.user_id == *id);
        ids.iter().all(known)
    };
    let (users, time) = book(&mut alice, 0, "an address book with every user", there).await?;
    holds("a latest_update_time", time > 0, time)?;
    let own = users.iter().find(|user| user.user_id == alice.id);
    same(
        "user_real_name",
        own.map(|user| user.user_real_name.as_str()),
        Some(ctx.user(ALICE).name.as_str()),
    )?;
    let left: Vec<_> = users.iter().filter(|user| user.status == 3).collect();
    holds("nobody who has left", left.is_empty(), left)
}

async fn nobody_since_the_future(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let request = ImAllUserReq {
        user_id: alice.id,
        latest_update_time: FUTURE,
        ..Default::default()
    };
    let answer = alice.ask(&request).await?;
    same("latest_update_time", answer.latest_update_time, FUTURE)?;
    same("users", answer.user_list.len(), 0)
}

async fn changes_since(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice
        .profile_of(bob.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let ids = [alice.id, bob.id];
    let both = |users: &[UserInfo]| {
        ids.iter()
            .all(|id| users.iter().any(|user| user.user_id == *id))
    };
    let (_, mut time) = book(&mut alice, 0, "an address book with both users", both).await?;
    for _ in 0..4 {
        let signature = ctx.word();
        same("result_code", bob.signs(&signature).await?, 0)?;
        let changed = |users: &[UserInfo]| {
            let is = |user: &UserInfo| user.sign_info.as_deref() == Some(signature.as_str());
            users.iter().any(is)
        };
        let expected = format!("the user who changed behind time {time}");
        time = book(&mut alice, time, &expected, changed).await?.1;
    }
    same("result_code", bob.signs(&before).await?, 0)
}

async fn profiles(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let (bob, nobody) = (ctx.id(BOB), ctx.nobody());
    let request = ImUsersInfoReq {
        user_id: alice.id,
        user_id_list: vec![bob, nobody, alice.id, bob],
        attach_data: None,
    };
    let answer = alice.ask(&request).await?;
    same("user_id", answer.user_id, alice.id)?;
    let mut ids: Vec<u32> = answer
        .user_info_list
        .iter()
        .map(|user| user.user_id)
        .collect();
    ids.sort_unstable();
    let mut wanted = vec![alice.id, bob];
    wanted.sort_unstable();
    same("users in the answer", ids, wanted)?;
    let name = answer
        .user_info_list
        .iter()
        .find(|user| user.user_id == bob);
    same(
        "user_real_name",
        name.map(|user| user.user_real_name.as_str()),
        Some(ctx.user(BOB).name.as_str()),
    )
}

async fn no_profiles(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for user_id_list in [vec![], vec![ctx.nobody()]] {
        let request = ImUsersInfoReq {
            user_id: alice.id,
            user_id_list,
            attach_data: None,
        };
        let answer = alice.ask(&request).await?;
        same("user_id", answer.user_id, alice.id)?;
        same("users", answer.user_info_list.len(), 0)?;
    }
    Ok(())
}

async fn departments(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let request = |user_id, latest_update_time| ImDepartmentReq {
        user_id,
        latest_update_time,
        attach_data: None,
    };
    let all = alice.ask(&request(alice.id, 0)).await?;
    same("user_id", all.user_id, alice.id)?;
    let timed = all.dept_list.is_empty() || all.latest_update_time > 0;
    holds("the time of the latest department", timed, &all)?;
    let none = alice.ask(&request(alice.id, FUTURE)).await?;
    same("latest_update_time", none.latest_update_time, FUTURE)?;
    same("departments", none.dept_list.len(), 0)
}
