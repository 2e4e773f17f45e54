//! Avatar and signature.

use proto::im::buddy::{
    ImAvatarChangedNotify, ImChangeAvatarReq, ImChangeSignInfoReq, ImSignInfoChangedNotify,
    ImUsersInfoReq,
};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::chat::is_push;
use crate::conform::expect::{eventually, same};

/// The longest signature, in bytes.
const LONGEST: usize = 128;

cases! {
    /// A new avatar is answered with result 0, and is in the profile from then on.
    "profile/avatar" avatar in Profile {
        commands: [ImChangeAvatarReq, ImUsersInfoReq],
        defects: [10],
    }
    /// Others, and the user's other devices, are told of a new avatar.
    "profile/avatar-notice" avatar_notice in Profile {
        commands: [ImChangeAvatarReq],
        defects: [10],
    }
    /// A new signature is answered with result 0 and the signature, and is in the profile from then on.
    "profile/signature" signature in Profile {
        commands: [ImChangeSignInfoReq, ImUsersInfoReq],
    }
    /// The same signature again is a success, too.
    "profile/signature-again" signature_again in Profile {
        commands: [ImChangeSignInfoReq],
        defects: [95],
    }
    /// A signature may have 128 bytes and not more.
    "profile/signature-length" signature_length in Profile {
        commands: [ImChangeSignInfoReq],
    }
    /// Everybody is told of a new signature, desktops and phones, the user's own other device included.
    "profile/signature-notice" signature_notice in Profile {
        commands: [ImChangeSignInfoReq],
    }
    /// A quote in a signature is a quote.
    "profile/signature-is-data" signature_is_data in Profile {
        commands: [ImChangeSignInfoReq],
        defects: [52],
    }
}

async fn avatar(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.profile_of(alice.id).await?.avatar_url;
    let url = format!("http://avatar.example/{}.png", ctx.word());
    same("result_code", alice.shows(&url).await?, 0)?;
    let id = alice.id;
    let ask = async || Ok(bob.profile_of(id).await?.avatar_url);
    eventually(
        ctx.deadline(),
        "the new avatar in the profile",
        ask,
        |came| *came == url,
    )
    .await?;
    same("result_code", alice.shows(&before).await?, 0)
}

async fn avatar_notice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut own_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    // Somebody whom one talks with is told in any case.
    alice.says(bob.id, &ctx.text()).await?;
    let before = alice.profile_of(alice.id).await?.avatar_url;
    let url = format!("http://avatar.example/{}.png", ctx.word());
    same("result_code", alice.shows(&url).await?, 0)?;
    for device in [&mut own_phone, &mut bob] {
        let fits = |notice: &ImAvatarChangedNotify| notice.avatar_url == url;
        let (pdu, notice) = device.frame("IMAvatarChangedNotify", fits).await?;
        same("changed_user_id", notice.changed_user_id, alice.id)?;
        is_push(&pdu, &notice)?;
    }
    same("result_code", alice.shows(&before).await?, 0)
}

async fn signature(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice
        .profile_of(alice.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let text = format!("签名 {}", ctx.word());
    same("result_code", alice.signs(&text).await?, 0)?;
    let id = alice.id;
    let ask = async || Ok(bob.profile_of(id).await?.sign_info);
    eventually(
        ctx.deadline(),
        "the new signature in the profile",
        ask,
        |came| came.as_deref() == Some(text.as_str()),
    )
    .await?;
    same("result_code", alice.signs(&before).await?, 0)
}

async fn signature_again(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let before = alice
        .profile_of(alice.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let text = ctx.word();
    for _ in 0..3 {
        same("result_code", alice.signs(&text).await?, 0)?;
    }
    same("result_code", alice.signs(&before).await?, 0)
}

async fn signature_length(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let before = alice
        .profile_of(alice.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let longest = format!("{:x<LONGEST$}", ctx.word());
    same("result_code of 128 bytes", alice.signs(&longest).await?, 0)?;
    let longer = format!("{longest}x");
    same("result_code of 129 bytes", alice.signs(&longer).await?, 1)?;
    // 43 characters of three bytes each.
    let wide = "签".repeat(43);
    same("result_code of 129 bytes", alice.signs(&wide).await?, 1)?;
    same("result_code", alice.signs(&before).await?, 0)
}

async fn signature_notice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut own_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.phone(CAROL).await?;
    alice.says(bob.id, &ctx.text()).await?;
    alice.says(carol.id, &ctx.text()).await?;
    let before = alice
        .profile_of(alice.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let text = ctx.word();
    same("result_code", alice.signs(&text).await?, 0)?;
    for device in [&mut own_phone, &mut bob, &mut carol] {
        let fits = |notice: &ImSignInfoChangedNotify| notice.sign_info == text;
        let (pdu, notice) = device.frame("IMSignInfoChangedNotify", fits).await?;
        same("changed_user_id", notice.changed_user_id, alice.id)?;
        is_push(&pdu, &notice)?;
    }
    same("result_code", alice.signs(&before).await?, 0)
}

async fn signature_is_data(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let before = alice
        .profile_of(alice.id)
        .await?
        .sign_info
        .unwrap_or_default();
    let text = format!("it's \"{}\" \\ %s; --", ctx.word());
    same("result_code", alice.signs(&text).await?, 0)?;
    let id = alice.id;
    let ask = async || Ok(alice.profile_of(id).await?.sign_info);
    eventually(
        ctx.deadline(),
        "the signature as it was sent",
        ask,
        |came| came.as_deref() == Some(text.as_str()),
    )
    .await?;
    same("result_code", alice.signs(&before).await?, 0)
}
