//! Service 1: accounts, push tokens and the night shield.

pub(super) mod account;

use std::net::IpAddr;
use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::device::DeviceType;
use proto::im::ext::login::{ImResumeRevokeReq, ImResumeRevokeRsp};
use proto::im::login::{
    ImDeviceTokenReq, ImDeviceTokenRsp, ImPushShieldReq, ImPushShieldRsp, ImQueryPushShieldReq,
    ImQueryPushShieldRsp,
};

use super::msg::user_id;
use super::store_failed;
use crate::logic::device::TokenError;
use crate::server::DbProxy;

/// A client's own address. Without the extension every client counts as one source.
pub(super) fn address(text: Option<&str>) -> Option<IpAddr> {
    text?.parse().ok()
}

pub(super) async fn device_token(
    proxy: Arc<DbProxy>,
    request: ImDeviceTokenReq,
) -> Result<ImDeviceTokenRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    // A logout that names no device takes nobody's token away.
    let device_type = DeviceType::parse(request.client_type.unwrap_or(0))?;
    let registered = proxy
        .devices
        .register(user, device_type, &request.device_token)
        .await;
    registered.map_err(|error| not_taken(&error))?;
    Ok(token_answer(&request))
}

/// The answer for a token that is not taken: the same, since it has no field to say so.
pub(super) fn token_noted(request: &ImDeviceTokenReq) -> Option<ImDeviceTokenRsp> {
    Some(token_answer(request))
}

fn token_answer(request: &ImDeviceTokenReq) -> ImDeviceTokenRsp {
    ImDeviceTokenRsp {
        user_id: request.user_id,
        attach_data: request.attach_data.clone(),
    }
}

fn not_taken(error: &TokenError) -> HandlerError {
    match error {
        TokenError::NoPhone => HandlerError::Refused("no_phone"),
        TokenError::Form => HandlerError::Refused("bad_token"),
        TokenError::NoSuchUser => HandlerError::Refused("no_such_user"),
        TokenError::Store(error) => store_failed(error),
    }
}

pub(super) async fn push_shield(
    proxy: Arc<DbProxy>,
    request: ImPushShieldReq,
) -> Result<ImPushShieldRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let on = switch(request.shield_status)?;
    let set = proxy.devices.set_push_shield(user, on).await;
    if !set.map_err(|error| store_failed(&error))? {
        return Err(HandlerError::Refused("no_such_user"));
    }
    Ok(ImPushShieldRsp {
        user_id: request.user_id,
        result_code: 0,
        shield_status: Some(request.shield_status),
        attach_data: request.attach_data,
    })
}

pub(super) async fn query_push_shield(
    proxy: Arc<DbProxy>,
    request: ImQueryPushShieldReq,
) -> Result<ImQueryPushShieldRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let shield = proxy.devices.push_shield(user).await;
    let shield = shield
        .map_err(|error| store_failed(&error))?
        .ok_or(HandlerError::Refused("no_such_user"))?;
    Ok(ImQueryPushShieldRsp {
        user_id: request.user_id,
        result_code: 0,
        shield_status: Some(shield.into()),
        attach_data: request.attach_data,
    })
}

/// A device logged out, or was logged out: it does not come back without its password.
pub(super) async fn revoke_resumes(
    proxy: Arc<DbProxy>,
    request: ImResumeRevokeReq,
) -> Result<ImResumeRevokeRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let device_type = DeviceType::parse(request.client_type)?;
    if let Some(resumes) = &proxy.resumes {
        let revoked = resumes.revoke(user, &device_type.class()).await;
        revoked.map_err(|error| store_failed(&error))?;
    }
    Ok(ImResumeRevokeRsp {
        user_id: request.user_id,
        result_code: 0,
        attach_data: request.attach_data,
    })
}

/// 0 off, 1 on, and nothing else.
pub(super) fn switch(raw: u32) -> Result<bool, HandlerError> {
    match raw {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(HandlerError::Refused("bad_field")),
    }
}
