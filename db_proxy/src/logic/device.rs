use std::sync::Arc;

use proto::device::DeviceType;
use proto::ids::UserId;

use crate::store::{Device, Store, StoreError};

/// Longest token, in bytes.
pub const MAX_TOKEN: usize = 512;

/// Tokens for push notifications, and who wants none at night.
#[derive(Clone)]
pub struct Devices {
    store: Arc<dyn Store>,
}

/// Why a token was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    #[error("only phones have tokens")]
    NoPhone,
    #[error("a token has at most {MAX_TOKEN} bytes, all of them visible ASCII")]
    Form,
    #[error("the user does not exist")]
    NoSuchUser,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Devices {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Gives a token to the user, whoever had it before. An empty one takes away those of his devices that displace
    /// each other with this one.
    pub async fn register(
        &self,
        user: UserId,
        device_type: DeviceType,
        token: &str,
    ) -> Result<(), TokenError> {
        if !device_type.is_mobile() {
            return Err(TokenError::NoPhone);
        }
        if token.is_empty() {
            let class = device_type.class();
            return Ok(self.store.forget_devices(user, &class).await?);
        }
        if token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Form);
        }
        let device = Device {
            user,
            device_type,
            token: token.to_owned(),
        };
        match self.store.register_device(&device).await? {
            true => Ok(()),
            false => Err(TokenError::NoSuchUser),
        }
    }

    /// Whether the user wants no notifications at night; `None` if there is no such user.
    pub async fn push_shield(&self, user: UserId) -> Result<Option<bool>, StoreError> {
        self.store.push_shield(user).await
    }

    /// `false` if there is no such user.
    pub async fn set_push_shield(&self, user: UserId, on: bool) -> Result<bool, StoreError> {
        self.store.set_push_shield(user, on).await
    }
}
