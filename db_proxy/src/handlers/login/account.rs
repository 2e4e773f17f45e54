//! Accounts: made, given another password, deleted.

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::device::DeviceType;
use proto::im::ext::login::{
    ImChangePasswordReq, ImChangePasswordRsp, ImDeleteAccountReq, ImDeleteAccountRsp,
};
use proto::im::login::{ImRegistReq, ImRegistRes};

use super::address;
use crate::handlers::buddy::user_info;
use crate::handlers::group::step::inherited;
use crate::handlers::group::version_info;
use crate::handlers::msg::user_id;
use crate::handlers::store_failed;
use crate::logic::account::AccountError;
use crate::logic::login::LoginTrouble;
use crate::logic::registration::{RegistrationError, Wish};
use crate::server::DbProxy;

/// Somebody who is nobody yet makes an account.
pub(in crate::handlers) async fn register(
    proxy: Arc<DbProxy>,
    request: ImRegistReq,
) -> Result<ImRegistRes, HandlerError> {
    let wish = Wish {
        name: request.user_name.clone(),
        password: request.password,
        gender: request.sex.unwrap_or_default(),
        nick_name: request.nick.unwrap_or_default(),
        avatar_url: request.avatar.unwrap_or_default(),
        tel: request.phone.unwrap_or_default(),
        email: request.email.unwrap_or_default(),
        invite: request.invite,
        source: address(request.client_address.as_deref()),
        key: request.request_key.map(|key| key.to_vec()),
    };
    let answer = ImRegistRes {
        user_name: request.user_name,
        attach_data: request.attach_data,
        ..ImRegistRes::default()
    };
    match proxy.registrar.register(wish).await {
        Ok(made) => Ok(ImRegistRes {
            result_string: Some(String::new()),
            user_id: Some(made.get()),
            ..answer
        }),
        Err(RegistrationError::Unavailable(trouble)) => Err(not_checked(&trouble)),
        Err(refusal) => Ok(ImRegistRes {
            result_code: 1,
            result_string: Some(refusal.to_string()),
            reason: Some(refusal.reason().to_owned()),
            ..answer
        }),
    }
}

/// The device that asks gets a new resume token in place of those that end.
pub(in crate::handlers) async fn change_password(
    proxy: Arc<DbProxy>,
    request: ImChangePasswordReq,
) -> Result<ImChangePasswordRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let source = address(request.client_address.as_deref());
    let (old, new) = (&request.old_password, &request.new_password);
    let changed = proxy.accounts.change_password(user, old, new, source);
    let account = changed.await.map_err(|error| refused(&error))?;
    let device_type = request.client_type.map(DeviceType::parse);
    let resumes = proxy.resumes.as_ref();
    let resumes = resumes.zip(device_type.and_then(Result::ok));
    let resume_token = match resumes {
        Some((resumes, device_type)) if request.wants_resume() => {
            resumes.issue(&account, device_type).await
        }
        _ => None,
    };
    Ok(ImChangePasswordRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        attach_data: request.attach_data,
        resume_token,
    })
}

pub(in crate::handlers) async fn delete(
    proxy: Arc<DbProxy>,
    request: ImDeleteAccountReq,
) -> Result<ImDeleteAccountRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let source = address(request.client_address.as_deref());
    let deleted = proxy.accounts.delete(user, &request.password, source);
    let closed = deleted.await.map_err(|error| refused(&error))?;
    Ok(ImDeleteAccountRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        attach_data: request.attach_data,
        left_group: closed.left.into_iter().map(version_info).collect(),
        user: Some(user_info(closed.user)),
        group_news: closed
            .inherited
            .into_iter()
            .map(|passed| inherited(request.user_id, passed))
            .collect(),
    })
}

fn refused(error: &AccountError) -> HandlerError {
    match error {
        AccountError::Unavailable(trouble) => not_checked(trouble),
        error => HandlerError::Refused(error.reason()),
    }
}

fn not_checked(trouble: &LoginTrouble) -> HandlerError {
    match trouble {
        LoginTrouble::Store(error) => store_failed(error),
        LoginTrouble::Hash(_) => HandlerError::Unavailable("too_busy"),
    }
}
