//! Who is online, and who hears of it.

use proto::im::buddy::ImUserStatNotify;
use proto::im::ext::other::ImPeerLost;
use proto::im::server::{ImServerPcLoginStatusNotify, ImUserStatusUpdate};

use crate::support::{ANDROID, OFFLINE, ONLINE, Route, WINDOWS, message};

#[tokio::test]
async fn desktops_count_and_everybody_is_told() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS), (2, ANDROID)]).await;
    let mut b = route.msg_server(&[]).await;
    assert_eq!(
        b.status(&[1, 2, 3, 1, 0]).await,
        [ONLINE, OFFLINE, OFFLINE, ONLINE, OFFLINE]
    );

    b.update(2, WINDOWS, ONLINE).await;
    assert_eq!(
        b.told().await,
        (2, ONLINE),
        "whoever says so is told as well"
    );
    while a.told().await != (2, ONLINE) {}
    b.update(2, WINDOWS, OFFLINE).await;
    assert_eq!(a.told().await, (2, OFFLINE));
    assert_eq!(
        a.status(&[2]).await,
        [OFFLINE],
        "the phone is still there and does not count"
    );
    route.end().await;
}

#[tokio::test]
async fn a_lost_msg_server_takes_its_users_along() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let b = route.msg_server(&[(2, WINDOWS), (1, ANDROID)]).await;
    while a.told().await != (2, ONLINE) {}
    drop(b);
    let (lost, _) = a.0.expect::<ImPeerLost>().await;
    assert!(lost.silent_ms.is_some(), "it says since when to look");
    assert_eq!(a.told().await, (2, OFFLINE));
    assert_eq!(a.status(&[1, 2]).await, [ONLINE, OFFLINE]);
    route.end().await;
}

#[tokio::test]
async fn phones_are_told_of_their_desktop_where_they_are() {
    let route = Route::start().await;
    let mut phone = route.msg_server(&[(1, ANDROID)]).await;
    let mut desktop = route.msg_server(&[]).await;
    desktop.update(1, WINDOWS, ONLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 1));
    desktop.update(1, WINDOWS, OFFLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 0));

    desktop.update(1, WINDOWS, ONLINE).await;
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!((notice.user_id, notice.login_status), (1, 1));
    drop(desktop);
    let (notice, _) = phone.0.expect::<ImServerPcLoginStatusNotify>().await;
    assert_eq!(
        (notice.user_id, notice.login_status),
        (1, 0),
        "its msg_server died"
    );
    route.end().await;
}

#[tokio::test]
async fn a_route_server_that_stops_takes_nobody_offline() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    let mut b = route.msg_server(&[(2, WINDOWS)]).await;
    while a.told().await != (2, ONLINE) {}
    route.end().await;
    for peer in [&mut a, &mut b] {
        while let Some(pdu) = peer.0.receive().await {
            if let Ok(notice) = pdu.decode::<ImUserStatNotify>() {
                assert_ne!(notice.user_stat.status, OFFLINE, "{notice:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_makes_no_sense_changes_nothing() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[(1, WINDOWS)]).await;
    a.update(0, WINDOWS, ONLINE).await;
    a.update(5, 99, ONLINE).await;
    a.update(6, WINDOWS, OFFLINE).await;
    a.0.send(&message(0, 0, 0), 0).await;
    a.0.send_bytes(
        &proto::Pdu::from_body(proto::CommandId(0x0301), 0, b"\xff".to_vec().into()).to_frame(),
    )
    .await;
    assert_eq!(a.status(&[1, 5, 6]).await, [ONLINE, OFFLINE, OFFLINE]);
    // Frames with impossible lengths end the connection, and its users with it.
    a.0.send_bytes(&[0, 0, 0, 3]).await;
    a.0.expect_close().await;
    let mut b = route.msg_server(&[]).await;
    assert_eq!(b.status(&[1]).await, [OFFLINE]);
    route.end().await;
}

#[tokio::test]
async fn who_is_to_hear_of_a_change_is_passed_on() {
    let route = Route::start().await;
    let mut a = route.msg_server(&[]).await;
    let mut b = route.msg_server(&[]).await;
    let update = ImUserStatusUpdate {
        user_status: ONLINE as u32,
        user_id: 7,
        client_type: WINDOWS,
        audience: vec![8, 9],
        by_contact: Some(true),
    };
    a.0.send(&update, 0).await;
    for peer in [&mut a, &mut b] {
        let (notice, _) = peer.0.expect::<ImUserStatNotify>().await;
        assert_eq!(notice.user_stat.user_id, 7);
        assert_eq!(notice.audience, [8, 9]);
        assert_eq!(notice.by_contact, Some(true));
    }
    route.end().await;
}
