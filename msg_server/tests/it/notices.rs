//! Notices of extensions that other msg_servers send: for whom they are, and what is no notice.

use proto::im::base_define::ClientType;
use proto::im::ext::message::ImSyncHint;
use proto::im::ext::other::ImNotice;
use proto::im::message::ImMsgDataAck;
use proto::{Body, Pdu, capability};

use crate::bed::{Bed, Client, GROUP, Known, in_group};

/// What says so is a hint to ask what changed; `within_ms` tells one from another.
fn notice(within_ms: u32) -> ImNotice {
    ImNotice {
        capability: capability::SYNC,
        command: ImSyncHint::ID.0.into(),
        body: Pdu::new(&ImSyncHint { within_ms }, 0).body,
        ..Default::default()
    }
}

async fn hints(bed: &mut Bed, client: &mut Client) -> Vec<u32> {
    let got = bed.got(client).await;
    let hints = got.iter().filter(|pdu| pdu.command() == ImSyncHint::ID);
    let within = |pdu: &Pdu| {
        assert_eq!(pdu.seq_num(), 0);
        pdu.decode::<ImSyncHint>().unwrap().within_ms
    };
    hints.map(within).collect()
}

#[tokio::test]
async fn a_notice_goes_to_the_devices_that_understand_it_of_those_whom_it_is_for() {
    let mut bed = Bed::new().await;
    let able = capability::SYNC;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, in_group(2), able)
        .await;
    let mut phone = bed.login_on(ClientType::Android, 2, in_group(2)).await;
    let mut carol = bed
        .login_with(ClientType::Windows, 3, Known::default(), able)
        .await;
    let to_bob = ImNotice {
        user_id: vec![2, 4],
        ..notice(1)
    };
    let to_group = ImNotice {
        group_id: Some(GROUP),
        ..notice(2)
    };
    for told in [to_bob, to_group, notice(3)] {
        bed.route.send(&told, 0).await;
    }
    assert_eq!(hints(&mut bed, &mut bob).await, [1, 2, 3]);
    assert_eq!(hints(&mut bed, &mut phone).await, [0; 0]);
    assert_eq!(hints(&mut bed, &mut carol).await, [3]);
    bed.end().await;
}

#[tokio::test]
async fn what_no_client_may_get_or_is_for_nobody_is_dropped() {
    let mut bed = Bed::new().await;
    let able = capability::SYNC;
    let mut bob = bed
        .login_with(ClientType::Windows, 2, Known::default(), able)
        .await;
    let commands = [
        ImNotice::ID.0.into(),
        0,
        0x70000 + u32::from(ImMsgDataAck::ID.0),
    ];
    for command in commands {
        let told = ImNotice {
            command,
            ..notice(1)
        };
        bed.route.send(&told, 0).await;
    }
    let told = ImNotice {
        user_id: vec![0],
        ..notice(2)
    };
    bed.route.send(&told, 0).await;
    let told = ImNotice {
        group_id: Some(0),
        ..notice(3)
    };
    bed.route.send(&told, 0).await;
    assert_eq!(hints(&mut bed, &mut bob).await, [0; 0]);
    bed.end().await;
}
