use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;

use super::StoreError;

/// What push notifications need: the tokens of users' phones, and who wants none at night.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Gives a token to this user, whoever had it before. Of more than `MAX_DEVICES` the one registered longest ago
    /// goes. `false` if there is no such user.
    async fn register_device(&self, device: &Device) -> Result<bool, StoreError>;

    /// Takes the user's tokens of these types away.
    async fn forget_devices(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError>;

    /// The tokens of these users, the latest registered first.
    async fn devices(&self, users: &[UserId]) -> Result<Vec<Device>, StoreError>;

    /// Whether the user wants no notifications at night; `None` if there is no such user.
    async fn push_shield(&self, user: UserId) -> Result<Option<bool>, StoreError>;

    /// `false` if there is no such user.
    async fn set_push_shield(&self, user: UserId, on: bool) -> Result<bool, StoreError>;
}

/// Most tokens of one user.
pub const MAX_DEVICES: usize = 8;

/// Where a user's notifications go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub user: UserId,
    pub device_type: DeviceType,
    pub token: String,
}
