//! Accounts: made, given another password, deleted. Cases that need one make one, where the server lets them.

use proto::capability;
use proto::im::base_define::{ClientType, GroupModifyType};
use proto::im::ext::buddy::ImUserChanged;
use proto::im::ext::login::{ImChangePasswordReq, ImDeleteAccountReq};
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::{ImKickUser, ImLoginReq, ImRegistReq, ImRegistRes};

use crate::client::password_digest;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::device::Device;
use crate::conform::expect::{fail, holds, same, skip};

cases! {
    /// Who registers logs in on the same connection. From then on the name is taken, in upper and lower case.
    "account/register" register in Accounts {
        commands: [ImRegistReq, ImLoginReq],
        needs: [Ferrotalk],
    }
    /// What makes no account is answered with 1, the name and a reason, and the connection goes on.
    "account/register-refused" register_refused in Accounts {
        commands: [ImRegistReq],
        needs: [Ferrotalk],
    }
    /// Who is logged in makes no account.
    "account/register-logged-in" register_logged_in in Accounts {
        commands: [ImRegistReq],
        needs: [Ferrotalk],
    }
    /// A new password needs the old one, and sends the user's other devices away; the one that asks stays.
    "account/password" password in Accounts {
        commands: [ImChangePasswordReq, ImLoginReq],
        needs: [Ferrotalk],
    }
    /// A deletion needs the password. Who was deleted can't log in, is shown as somebody who has left, and is in no group;
    /// the name stays taken.
    "account/delete" delete in Accounts {
        commands: [ImDeleteAccountReq, ImLoginReq, ImRegistReq],
        needs: [Ferrotalk],
    }
}

/// Somebody new: a name and a password as it goes over the wire.
struct Newcomer {
    name: String,
    digest: String,
}

impl Newcomer {
    fn new(ctx: &Ctx) -> Self {
        Self {
            name: format!("conform-{}", ctx.word()),
            digest: password_digest(&ctx.word()),
        }
    }

    fn registration(&self) -> ImRegistReq {
        ImRegistReq {
            user_name: self.name.clone(),
            password: self.digest.clone(),
            ..ImRegistReq::default()
        }
    }

    fn login(&self, ctx: &Ctx, kind: ClientType) -> ImLoginReq {
        ImLoginReq {
            user_name: self.name.clone(),
            password: self.digest.clone(),
            capabilities: Some(capability::ACCOUNT),
            ..ctx.login_request(ALICE, kind as i32)
        }
    }

    /// Makes the account, if the server makes any, and logs in on the same connection.
    async fn enters(&self, ctx: &Ctx) -> Outcome<Device> {
        let mut device = ctx.connect(0).await?;
        let made = device.ask(&self.registration()).await?;
        let closed = ["registration_off", "invite_needed", "too_many_accounts"];
        if let Some(reason) = made.reason.as_deref()
            && closed.contains(&reason)
        {
            return skip(format!("this server makes no account now: {reason}"));
        }
        same("result_code", made.result_code, 0)?;
        same("user_name", &made.user_name, &self.name)?;
        let login = self.login(ctx, ClientType::Windows);
        let answer = device.log_in(&login).await?;
        same("result_code of the login", answer.result_code, 0)?;
        same("user_id", made.user_id, Some(device.id))?;
        Ok(device)
    }

    /// A login that fails.
    async fn stays_outside(&self, ctx: &Ctx) -> Outcome {
        let mut device = ctx.connect(1).await?;
        let login = self.login(ctx, ClientType::Windows);
        same("result_code", device.log_in(&login).await?.result_code, 6)
    }

    async fn deletes(&self, device: &mut Device) -> Outcome {
        let request = ImDeleteAccountReq {
            user_id: device.id,
            password: self.digest.clone(),
            ..ImDeleteAccountReq::default()
        };
        same("result_code", device.ask(&request).await?.result_code, 0)?;
        device.id = 0;
        let end = "the connection closed behind the deletion";
        device.closes(end).await
    }
}

async fn register(ctx: &Ctx) -> Outcome {
    let newcomer = Newcomer::new(ctx);
    let mut device = newcomer.enters(ctx).await?;
    let profile = device.profile_of(device.id).await?;
    same("login name", &profile.user_real_name, &newcomer.name)?;
    same("nick", &profile.user_nick_name, &newcomer.name)?;
    let mut other = ctx.connect(1).await?;
    for name in [newcomer.name.clone(), newcomer.name.to_uppercase()] {
        let request = ImRegistReq {
            user_name: name,
            ..newcomer.registration()
        };
        let answer = other.ask(&request).await?;
        refused(&answer, &request, "name_taken")?;
    }
    newcomer.deletes(&mut device).await
}

/// The answer to a request that makes no account.
fn refused(answer: &ImRegistRes, request: &ImRegistReq, reason: &str) -> Outcome {
    same("result_code", answer.result_code, 1)?;
    same("user_name", &answer.user_name, &request.user_name)?;
    same("user_id", answer.user_id, None)?;
    same("reason", answer.reason.as_deref(), Some(reason))
}

async fn register_refused(ctx: &Ctx) -> Outcome {
    let good = Newcomer::new(ctx).registration();
    let with = |user_name: &str, password: &str| ImRegistReq {
        user_name: user_name.to_owned(),
        password: password.to_owned(),
        ..good.clone()
    };
    let (name, digest) = (&good.user_name, &good.password);
    let wrong = [
        (with("ab", digest), "bad_name_length"),
        (with(&format!("{name:x<33}"), digest), "bad_name_length"),
        (with("with space", digest), "bad_name_characters"),
        (with(".dot", digest), "bad_name_characters"),
        (with(name, "not a digest"), "bad_password_form"),
        (with(name, &password_digest("123456")), "weak_password"),
        (with(name, &password_digest(name)), "weak_password"),
    ];
    for pair in wrong.chunks(2) {
        let mut device = ctx.connect(0).await?;
        for (request, reason) in pair {
            let answer = device.ask(request).await?;
            if answer.reason.as_deref() == Some("registration_off") {
                refused(&answer, request, "registration_off")?;
            } else {
                refused(&answer, request, reason)?;
            }
        }
        device.fence().await?;
    }
    Ok(())
}

async fn register_logged_in(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let request = Newcomer::new(ctx).registration();
    let answer = alice.ask(&request).await?;
    refused(&answer, &request, "logged_in_already")
}

async fn password(ctx: &Ctx) -> Outcome {
    let mut newcomer = Newcomer::new(ctx);
    let mut device = newcomer.enters(ctx).await?;
    let mut phone = ctx.connect(1).await?;
    let login = newcomer.login(ctx, ClientType::Android);
    same("result_code", phone.log_in(&login).await?.result_code, 0)?;
    let user_id = device.id;
    let request = |old: &str, new: String| ImChangePasswordReq {
        user_id,
        old_password: old.to_owned(),
        new_password: new,
        ..ImChangePasswordReq::default()
    };
    let next = password_digest(&ctx.word());
    let wrong = [
        (
            request(&password_digest("x"), next.clone()),
            "wrong_password",
        ),
        (
            request(&newcomer.digest, "x".to_owned()),
            "bad_password_form",
        ),
        (
            request(&newcomer.digest, password_digest("password")),
            "weak_password",
        ),
    ];
    let right = request(&newcomer.digest, next.clone());
    for (request, reason) in wrong {
        let answer = device.ask(&request).await?;
        same("result_code", answer.result_code, 1)?;
        same("reason", answer.reason.as_deref(), Some(reason))?;
    }
    phone.fence().await?;
    let answer = device.ask(&right).await?;
    same("result_code", answer.result_code, 0)?;
    same("resume_token", answer.resume_token, None)?;
    let kick: ImKickUser = phone.push("a kick of the other device", |_| true).await?;
    same("kick_reason", kick.kick_reason, 2)?;
    phone.hang_up();
    device.fence().await?;
    newcomer.stays_outside(ctx).await?;
    newcomer.digest = next;
    let mut phone = ctx.connect(1).await?;
    let login = newcomer.login(ctx, ClientType::Android);
    same("result_code", phone.log_in(&login).await?.result_code, 0)?;
    newcomer.deletes(&mut device).await?;
    let kick: ImKickUser = phone.push("a kick of the other device", |_| true).await?;
    same("kick_reason", kick.kick_reason, 2)?;
    phone.hang_up();
    Ok(())
}

async fn delete(ctx: &Ctx) -> Outcome {
    let newcomer = Newcomer::new(ctx);
    let mut device = newcomer.enters(ctx).await?;
    let id = device.id;
    let login = ImLoginReq {
        capabilities: Some(capability::ACCOUNT),
        ..ctx.login_request(BOB, ClientType::Windows as i32)
    };
    let mut bob = ctx.connect(1).await?;
    same("result_code", bob.log_in(&login).await?.result_code, 0)?;
    // Somebody whom one talks with is told in any case.
    bob.says(id, &ctx.text()).await?;
    let members = [bob.id, id];
    let group = bob.makes_group(&members).await?;
    let wrong = ImDeleteAccountReq {
        user_id: id,
        password: password_digest("x"),
        ..ImDeleteAccountReq::default()
    };
    let answer = device.ask(&wrong).await?;
    same("result_code", answer.result_code, 1)?;
    same("reason", answer.reason.as_deref(), Some("wrong_password"))?;
    newcomer.deletes(&mut device).await?;

    let of_id = |notice: &ImUserChanged| notice.user.user_id == id;
    let told: ImUserChanged = bob.push("IMUserChanged", of_id).await?;
    same("status", told.user.status, 3)?;
    let own = [&told.user.avatar_url, &told.user.email, &told.user.user_tel];
    holds("no details", own.iter().all(|text| text.is_empty()), own)?;
    let of_group = |notice: &ImGroupChangeMemberNotify| notice.group_id == group.id();
    let told: ImGroupChangeMemberNotify = bob.push("a change of members", of_group).await?;
    same("change_type", told.change_type, GroupModifyType::Del as i32)?;
    same("chg_user_id_list", told.chg_user_id_list, [id])?;
    same("cur_user_id_list", told.cur_user_id_list, [bob.id])?;
    newcomer.stays_outside(ctx).await?;
    let mut stranger = ctx.connect(0).await?;
    let request = newcomer.registration();
    let answer = stranger.ask(&request).await?;
    match answer.reason.as_deref() {
        Some("name_taken" | "too_many_accounts") => Ok(()),
        other => fail("the name is taken", format!("{other:?}")),
    }
}
