//! A phone and its user's desktops.

use proto::im::base_define::ClientType;
use proto::im::login::{ImKickPcClientReq, ImKickPcClientRsp};

use crate::bed::{Bed, Known};

/// Each one makes work for the database, and would keep messages waiting there.
#[tokio::test]
async fn a_phone_sends_desktops_away_only_so_often() {
    let bed = Bed::with(|config| {
        config.limits.messages_per_second = 1;
        config.limits.message_burst = 2;
    })
    .await;
    let mut phone = bed.login_on(ClientType::Android, 9, Known::default()).await;
    let count = 40;
    for number in 1..=count {
        phone
            .0
            .send(&ImKickPcClientReq { user_id: 9 }, 10 + number)
            .await;
    }
    let mut codes = Vec::new();
    for _ in 0..count {
        let (answer, _) = phone.0.expect::<ImKickPcClientRsp>().await;
        codes.push(answer.result_code);
    }
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.contains(&1), "{codes:?}");
    bed.end().await;
}
