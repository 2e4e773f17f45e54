//! Push tokens and silence at night.

use proto::im::login::{ImDeviceTokenReq, ImPushShieldReq, ImQueryPushShieldReq};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, Ctx};
use crate::conform::device::Device;
use crate::conform::expect::{holds, same};

cases! {
    /// A phone's push token is answered with the user's id.
    "settings/device-token" device_token in Push {
        commands: [ImDeviceTokenReq],
        defects: [11],
    }
    /// Silence at night can be switched on and off, and the answer repeats it.
    "settings/shield-set" shield_set in Push {
        commands: [ImPushShieldReq, ImQueryPushShieldReq],
    }
    /// The same value again is a success, too.
    "settings/shield-set-again" shield_set_again in Push {
        commands: [ImPushShieldReq],
        defects: [95],
    }
    /// A value other than 0 and 1 is refused with result 1, and changes nothing.
    "settings/shield-other-values" shield_other_values in Push {
        commands: [ImPushShieldReq, ImQueryPushShieldReq],
    }
}

async fn device_token(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    let request = ImDeviceTokenReq {
        user_id: phone.id,
        device_token: format!("conform-{}", ctx.word()),
        ..Default::default()
    };
    let answer = phone.ask(&request).await?;
    same("user_id", answer.user_id, phone.id)?;
    holds("no attach_data", answer.attach_data.is_none(), &answer)
}

/// Sets the value; gives the result_code.
async fn set(device: &mut Device, shield_status: u32) -> Outcome<u32> {
    let request = ImPushShieldReq {
        user_id: device.id,
        shield_status,
        attach_data: None,
    };
    let answer = device.ask(&request).await?;
    same("user_id", answer.user_id, device.id)?;
    if answer.result_code == 0 {
        same("shield_status", answer.shield_status, Some(shield_status))?;
    }
    Ok(answer.result_code)
}

/// The value that is stored.
async fn stored(device: &mut Device) -> Outcome<Option<u32>> {
    let request = ImQueryPushShieldReq {
        user_id: device.id,
        attach_data: None,
    };
    let answer = device.ask(&request).await?;
    same("user_id", answer.user_id, device.id)?;
    same("result_code of the question", answer.result_code, 0)?;
    Ok(answer.shield_status)
}

/// Sets a value that may be the one that is stored.
async fn become_value(device: &mut Device, value: u32) -> Outcome {
    if stored(device).await? != Some(value) {
        same("result_code", set(device, value).await?, 0)?;
    }
    same("stored shield_status", stored(device).await?, Some(value))
}

async fn shield_set(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    for value in [1, 0, 1, 0] {
        become_value(&mut phone, value).await?;
    }
    Ok(())
}

async fn shield_set_again(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    for _ in 0..3 {
        same("result_code", set(&mut phone, 0).await?, 0)?;
    }
    Ok(())
}

async fn shield_other_values(ctx: &Ctx) -> Outcome {
    let mut phone = ctx.phone(ALICE).await?;
    become_value(&mut phone, 0).await?;
    for value in [2, 7, u32::MAX] {
        let code = set(&mut phone, value).await?;
        same(&format!("result_code for {value}"), code, 1)?;
    }
    same("stored shield_status", stored(&mut phone).await?, Some(0))
}
