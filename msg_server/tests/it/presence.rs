//! Who sees whom come and go in a large directory.

use std::time::Duration;

use proto::im::base_define::UserStat;
use proto::im::buddy::ImUserStatNotify;
use proto::im::ext::group::ImGroupMembers;
use proto::im::message::ImMsgData;
use tokio::time::timeout;

use crate::bed::{Bed, Client, GROUP, Known, text};

/// Longer than anything here takes; only a failing test waits for it.
const SOON: Duration = Duration::from_secs(20);

impl Client {
    /// The next notice: who, and the state.
    async fn is_told(&mut self) -> (u32, i32) {
        let told = timeout(SOON, self.0.expect::<ImUserStatNotify>()).await;
        let stat = told.expect("a notice").0.user_stat;
        (stat.user_id, stat.status)
    }
}

/// User 9 does not name 7 but is named by him: he heard of 7's coming and has to hear of 7's going, also when 7's
/// msg_server died and nobody names anybody.
#[tokio::test]
async fn who_was_told_of_a_coming_is_told_of_a_going() {
    let mut bed = Bed::new().await;
    let named = Known {
        groups: vec![],
        contacts: Some(vec![1, 2]),
    };
    let mut nine = bed.login(9, named).await;
    let notice = |status, audience: &[u32]| ImUserStatNotify {
        user_stat: UserStat { user_id: 7, status },
        audience: audience.to_vec(),
        by_contact: (!audience.is_empty()).then_some(true),
    };
    bed.route.send(&notice(1, &[9]), 0).await;
    assert_eq!(nine.is_told().await, (7, 1));
    // As route_server says it when the msg_server of user 7 is lost.
    bed.route.send(&notice(2, &[]), 0).await;
    assert_eq!(nine.is_told().await, (7, 2));
    bed.end().await;
}

/// Somebody whom user 9 does not know makes a group of very many with him in it. Afterwards somebody writes to him for the
/// first time and is to be seen from then on (PROTOCOL.md, "Presence").
#[tokio::test]
async fn a_group_of_strangers_leaves_room_for_those_who_write() {
    let mut bed = Bed::new().await;
    let alone = Known {
        groups: vec![],
        contacts: Some(vec![]),
    };
    let mut nine = bed.login(9, alone).await;
    let members = ImGroupMembers {
        group_id: GROUP,
        version: 1,
        member_id: (9..2_500).collect(),
        attach_data: None,
    };
    bed.route.send(&members, 0).await;
    let first = ImMsgData {
        to_session_id: 9,
        ..text(5_000, 1)
    };
    bed.route.send(&first, 0).await;
    bed.got(&mut nine).await;
    let come = ImUserStatNotify {
        user_stat: UserStat {
            user_id: 5_000,
            status: 1,
        },
        ..Default::default()
    };
    bed.route.send(&come, 0).await;
    assert_eq!(nine.is_told().await, (5_000, 1));
    bed.end().await;
}
