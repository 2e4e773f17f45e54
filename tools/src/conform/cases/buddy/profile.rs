//! Avatar and signature.

use proto::capability;
use proto::im::base_define::{ClientType, UserInfo};
use proto::im::buddy::{
    ImAvatarChangedNotify, ImChangeAvatarReq, ImChangeSignInfoReq, ImSignInfoChangedNotify,
    ImUsersInfoReq,
};
use proto::im::ext::buddy::{ImChangeProfileReq, ImUserChanged};
use proto::im::login::ImLoginReq;

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
    /// Several details are changed at once; those that are not named stay. The answer has the profile.
    "profile/several" several in Accounts {
        commands: [ImChangeProfileReq],
        needs: [Ferrotalk],
    }
    /// Who understands it is told the whole profile; stock clients are told avatar and signature as ever, and nothing else.
    "profile/several-notice" several_notice in Accounts {
        commands: [ImChangeProfileReq],
        needs: [Ferrotalk],
    }
    /// Details that are too long, not printable or unknown are answered with 1 and a reason, and nothing is changed.
    "profile/several-refused" several_refused in Accounts {
        commands: [ImChangeProfileReq],
        needs: [Ferrotalk],
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

/// A request that puts back what the profile was, but for a nick that was empty: none can be made so.
fn putting_back(before: &UserInfo) -> ImChangeProfileReq {
    let nick = &before.user_nick_name;
    ImChangeProfileReq {
        user_id: before.user_id,
        nick: (!nick.is_empty()).then(|| nick.clone()),
        gender: Some(before.user_gender),
        avatar: Some(before.avatar_url.clone()),
        sign_info: Some(before.sign_info.clone().unwrap_or_default()),
        email: Some(before.email.clone()),
        tel: Some(before.user_tel.clone()),
        attach_data: None,
    }
}

async fn several(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.profile_of(alice.id).await?;
    let (nick, tel) = (ctx.word(), ctx.word());
    let change = ImChangeProfileReq {
        nick: Some(nick.clone()),
        tel: Some(tel.clone()),
        ..ImChangeProfileReq::default()
    };
    let answer = alice.ask(&change).await?;
    same("result_code", answer.result_code, 0)?;
    let wanted = UserInfo {
        user_nick_name: nick,
        user_tel: tel,
        ..before.clone()
    };
    same("user", answer.user.as_ref(), Some(&wanted))?;
    let id = alice.id;
    let ask = async || bob.profile_of(id).await;
    let is_it = |came: &UserInfo| *came == wanted;
    eventually(ctx.deadline(), "the new profile", ask, is_it).await?;
    let answer = alice.ask(&putting_back(&before)).await?;
    same("user", answer.user, Some(before))
}

async fn several_notice(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let login = ImLoginReq {
        capabilities: Some(capability::ACCOUNT),
        ..ctx.login_request(BOB, ClientType::Windows as i32)
    };
    let mut bob = ctx.connect(1).await?;
    let granted = bob.log_in(&login).await?.capabilities();
    same("what is granted", granted, capability::ACCOUNT)?;
    let mut carol = ctx.phone(CAROL).await?;
    alice.says(bob.id, &ctx.text()).await?;
    alice.says(carol.id, &ctx.text()).await?;
    let before = alice.profile_of(alice.id).await?;
    let change = ImChangeProfileReq {
        nick: Some(ctx.word()),
        sign_info: Some(ctx.word()),
        ..ImChangeProfileReq::default()
    };
    let answer = alice.ask(&change).await?;
    same("result_code", answer.result_code, 0)?;
    let is_it = |notice: &ImUserChanged| Some(&notice.user) == answer.user.as_ref();
    let (pdu, notice) = bob.frame("IMUserChanged", is_it).await?;
    is_push(&pdu, &notice)?;
    for device in [&mut bob, &mut carol] {
        let signed =
            |notice: &ImSignInfoChangedNotify| change.sign_info.as_ref() == Some(&notice.sign_info);
        device.push("IMSignInfoChangedNotify", signed).await?;
    }
    let put_back = alice.ask(&putting_back(&before)).await?;
    same("result_code", put_back.result_code, 0)?;
    let back =
        |notice: &ImSignInfoChangedNotify| before.sign_info.as_ref() == Some(&notice.sign_info);
    carol.push("IMSignInfoChangedNotify", back).await?;
    carol
        .none("no IMUserChanged to a stock client", |_: &ImUserChanged| {
            true
        })
        .await
}

async fn several_refused(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let before = alice.profile_of(alice.id).await?;
    let none = ImChangeProfileReq::default;
    let nick = |nick: &str| ImChangeProfileReq {
        nick: Some(nick.to_owned()),
        ..none()
    };
    for (change, reason) in [
        (none(), "empty"),
        (nick(""), "empty"),
        (nick("a\u{7}b"), "bad_characters"),
        (nick(&"x".repeat(129)), "too_large"),
        (
            ImChangeProfileReq {
                gender: Some(3),
                nick: Some(ctx.word()),
                ..none()
            },
            "bad_field",
        ),
    ] {
        let answer = alice.ask(&change).await?;
        same("result_code", answer.result_code, 1)?;
        same("reason", answer.reason.as_deref(), Some(reason))?;
    }
    same("profile", alice.profile_of(alice.id).await?, before)
}
