//! Who is there, and who is told.

use proto::im::base_define::{ClientType, UserStatType};
use proto::im::buddy::{ImUserStatNotify, ImUsersStatReq, ImpcLoginStatusNotify};
use proto::im::login::ImLoginReq;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
use crate::conform::device::chat::is_push;
use crate::conform::expect::{eventually, holds, same};

const HERE: i32 = UserStatType::UserStatusOnline as i32;
const GONE: i32 = UserStatType::UserStatusOffline as i32;

cases! {
    /// The answer has an entry for each id of the question, in that order, with the asker's id.
    "presence/query-order" query_order in Presence {
        commands: [ImUsersStatReq],
    }
    /// Whoever does not exist is offline.
    "presence/unknown-is-offline" unknown_is_offline in Presence {
        commands: [ImUsersStatReq],
    }
    /// A desktop makes its user online for others, wherever it is, until it goes.
    "presence/desktop-counts" desktop_counts in Presence {
        commands: [ImUsersStatReq, ImLoginReq],
    }
    /// A phone does not.
    "presence/phone-does-not-count" phone_does_not_count in Presence {
        commands: [ImUsersStatReq, ImLoginReq],
    }
    /// When a user's desktop comes or goes, every desktop of every user is told, the user's own included.
    "presence/desktops-are-told" desktops_are_told in Presence {
        commands: [ImLoginReq],
    }
    /// Nobody is told of a phone.
    "presence/nobody-told-of-phones" nobody_told_of_phones in Presence {
        commands: [ImLoginReq],
    }
    /// Phones are told of nobody; they ask.
    "presence/phones-are-not-told" phones_are_not_told in Presence {
        commands: [ImLoginReq],
    }
    /// A user's own phone is told when a desktop of his comes and when the last one goes.
    "presence/own-phone-is-told" own_phone_is_told in Presence {
        commands: [ImLoginReq],
    }
    /// A desktop that displaces another one leaves its user online.
    "presence/displacing-keeps-online" displacing_keeps_online in Presence {
        commands: [ImUsersStatReq, ImLoginReq],
    }
}

/// What the server says about these users, in its order.
async fn asks(device: &mut Device, ids: &[u32]) -> Outcome<Vec<(u32, i32)>> {
    let request = ImUsersStatReq {
        user_id: device.id,
        user_id_list: ids.to_vec(),
        attach_data: None,
    };
    let answer = device.ask(&request).await?;
    same("user_id", answer.user_id, device.id)?;
    let stats = answer.user_stat_list.into_iter();
    Ok(stats.map(|stat| (stat.user_id, stat.status)).collect())
}

/// Asks until a user has that status: route_server hears of it a moment after the login is answered.
async fn becomes(ctx: &Ctx, device: &mut Device, id: u32, status: i32) -> Outcome {
    let expected = format!("status {status} of user {id}");
    let ask = async || asks(device, &[id]).await;
    eventually(ctx.deadline(), &expected, ask, |came| {
        *came == [(id, status)]
    })
    .await?;
    Ok(())
}

/// Waits for the notice that a user came or went.
async fn is_told(device: &mut Device, id: u32, status: i32) -> Outcome {
    let expected = format!("IMUserStatNotify: user {id}, status {status}");
    let fits = |notice: &ImUserStatNotify| {
        notice.user_stat.user_id == id && notice.user_stat.status == status
    };
    let (pdu, notice) = device.frame(&expected, fits).await?;
    is_push(&pdu, &notice)
}

/// Waits for the notice that the own desktop came or went.
async fn is_told_of_own(device: &mut Device, status: i32) -> Outcome {
    let id = device.id;
    let expected = format!("IMPCLoginStatusNotify with login_stat {status}");
    let fits = |notice: &ImpcLoginStatusNotify| notice.login_stat == status;
    let (pdu, notice) = device.frame(&expected, fits).await?;
    same("user_id", notice.user_id, id)?;
    is_push(&pdu, &notice)
}

async fn query_order(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut ids: Vec<u32> = ctx.everybody().map(|who| ctx.id(who)).collect();
    ids.push(ctx.nobody());
    ids.reverse();
    let answer = asks(&mut alice, &ids).await?;
    let came: Vec<u32> = answer.iter().map(|(id, _)| *id).collect();
    same("users in the answer", came, ids)?;
    let known = answer
        .iter()
        .all(|(_, status)| [HERE, GONE].contains(status));
    holds("only the statuses 1 and 2", known, &answer)
}

async fn unknown_is_offline(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let answer = asks(&mut alice, &[ctx.nobody(), 0]).await?;
    same("statuses", answer, vec![(ctx.nobody(), GONE), (0, GONE)])
}

async fn desktop_counts(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    for server in [0, 1] {
        becomes(ctx, &mut alice, ctx.id(BOB), GONE).await?;
        let mut bob = ctx.login(BOB, ClientType::Windows, server).await?;
        becomes(ctx, &mut alice, ctx.id(BOB), HERE).await?;
        bob.leave().await?;
        becomes(ctx, &mut alice, ctx.id(BOB), GONE).await?;
    }
    Ok(())
}

async fn phone_does_not_count(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    becomes(ctx, &mut alice, ctx.id(BOB), GONE).await?;
    let _phone = ctx.phone(BOB).await?;
    // Behind the phone a desktop comes, on the same way.
    let _carol = ctx.desktop(CAROL).await?;
    becomes(ctx, &mut alice, ctx.id(CAROL), HERE).await?;
    let answer = asks(&mut alice, &[ctx.id(BOB)]).await?;
    same("status", answer, vec![(ctx.id(BOB), GONE)])
}

async fn desktops_are_told(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut carol = ctx.login(CAROL, ClientType::Mac, 1).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let id = bob.id;
    for watcher in [&mut alice, &mut carol, &mut bob] {
        is_told(watcher, id, HERE).await?;
    }
    bob.leave().await?;
    is_told(&mut alice, id, GONE).await?;
    is_told(&mut carol, id, GONE).await
}

async fn nobody_told_of_phones(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    becomes(ctx, &mut alice, ctx.id(BOB), GONE).await?;
    alice.left(|_: &ImUserStatNotify| true).await?;
    let mut phone = ctx.phone(BOB).await?;
    phone.leave().await?;
    let _carol = ctx.login(CAROL, ClientType::Windows, 0).await?;
    is_told(&mut alice, ctx.id(CAROL), HERE).await?;
    let bob = ctx.id(BOB);
    let of_bob = move |notice: &ImUserStatNotify| {
        notice.user_stat.user_id == bob && notice.user_stat.status == HERE
    };
    alice.none("no notice that a phone came", of_bob).await
}

async fn phones_are_not_told(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    let mut watcher = ctx.login(CAROL, ClientType::Windows, 1).await?;
    let bob = ctx.desktop(BOB).await?;
    is_told(&mut watcher, bob.id, HERE).await?;
    let id = bob.id;
    let of_bob = move |notice: &ImUserStatNotify| notice.user_stat.user_id == id;
    phone.none("no IMUserStatNotify to a phone", of_bob).await
}

async fn own_phone_is_told(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(BOB).await?;
    for server in [0, 1] {
        let mut desktop = ctx.login(BOB, ClientType::Windows, server).await?;
        is_told_of_own(&mut phone, HERE).await?;
        desktop.leave().await?;
        is_told_of_own(&mut phone, GONE).await?;
    }
    Ok(())
}

async fn displacing_keeps_online(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let older = ctx.login(BOB, ClientType::Windows, 0).await?;
    becomes(ctx, &mut alice, ctx.id(BOB), HERE).await?;
    let _newer = ctx.login(BOB, ClientType::Mac, 1).await?;
    older.hang_up();
    // A third user's coming is news behind that of the older session's end.
    let _carol = ctx.login(CAROL, ClientType::Windows, 0).await?;
    becomes(ctx, &mut alice, ctx.id(CAROL), HERE).await?;
    let answer = asks(&mut alice, &[ctx.id(BOB)]).await?;
    same("status", answer, vec![(ctx.id(BOB), HERE)])
}
