use db_proxy::logic::device::{Devices, TokenError};
use proto::device::DeviceType;

use crate::bed::{user, with_group};

/// D-98: what is no token is not taken for one.
#[tokio::test]
async fn tokens_are_visible_text_of_phones() {
    let (store, _, _folder) = with_group(1, 1).await;
    let devices = Devices::new(store.clone());
    let register = async |raw, token: &str| {
        let device = DeviceType::parse(raw).unwrap();
        devices.register(user(1), device, token).await
    };
    assert!(register(0x11, &"x".repeat(512)).await.is_ok());
    for bad in [&"x".repeat(513), "a b", "a\n", "ä", " "] {
        let refused = register(0x11, bad).await;
        assert!(matches!(refused, Err(TokenError::Form)), "{bad:?}");
    }
    let refused = register(0x01, "t").await;
    assert!(matches!(refused, Err(TokenError::NoPhone)));
    assert_eq!(store.devices(&[user(1)]).await.unwrap().len(), 1);
    let nobody = devices.register(user(9), DeviceType::parse(0x11).unwrap(), "t");
    assert!(matches!(nobody.await, Err(TokenError::NoSuchUser)));
}

/// D-26: a desktop that logs out takes no phone's token away.
#[tokio::test]
async fn a_phone_that_logs_out_has_no_token_left() {
    let (store, _, _folder) = with_group(2, 1).await;
    let devices = Devices::new(store.clone());
    let register = async |who, raw, token: &str| {
        let device = DeviceType::parse(raw).unwrap();
        devices.register(user(who), device, token).await
    };
    register(1, 0x11, "1").await.unwrap();
    register(1, 0x12, "2").await.unwrap();
    register(2, 0x12, "3").await.unwrap();
    assert!(register(1, 0x01, "").await.is_err());
    assert_eq!(store.devices(&[user(1)]).await.unwrap().len(), 2);
    register(1, 0x12, "").await.unwrap();
    assert!(store.devices(&[user(1)]).await.unwrap().is_empty());
    assert_eq!(store.devices(&[user(2)]).await.unwrap().len(), 1);
}
