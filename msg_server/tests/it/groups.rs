//! Groups, when words about them come late, twice, in the wrong order or not at all.

use std::time::Duration;

use im_base::testkit::TestPeer;
use proto::im::base_define::{ClientType, GroupModifyType, MsgType, SessionType, UserStatType};
use proto::im::ext::group::{GroupDetails, ImGroupChanged, ImGroupInterest};
use proto::im::ext::message::ImMessageRevised;
use proto::im::ext::other::ImNotice;
use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::{Body, Pdu, capability};
use tokio::join;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::bed::{Bed, Client, GROUP, Known, in_group, messages, text};

/// Message 10 was stored before user 7 was added. It comes after the notice of that: it was sent by another msg_server,
/// or it is sent again after a link was lost.
#[tokio::test]
async fn who_joins_gets_nothing_from_before() {
    let mut bed = Bed::new().await;
    let mut seven = bed.login(7, Known::default()).await;
    bed.changed(GroupModifyType::Add, &[1, 7], 7, 6).await;
    bed.group_message(10, 5).await;
    let got = bed.got(&mut seven).await;
    assert!(
        messages(&got).is_empty(),
        "his history begins behind message 10, he got {:?}",
        messages(&got)
    );
    bed.end().await;
}

/// While version 2 is fetched, a message of version 3 comes; its notice is late or lost.
#[tokio::test]
async fn what_waits_is_handed_out_by_what_its_version_says() {
    let mut bed = Bed::new().await;
    let mut seven = bed.login(7, in_group(1)).await;
    let mut eight = bed.login(8, in_group(1)).await;
    bed.group_message(10, 2).await;
    let first = bed.asked.recv().await.unwrap();
    // Version 3: user 8 was removed.
    bed.group_message(11, 3).await;
    let _before = bed.got(&mut seven).await;
    // The database was read before the change to version 3 was committed.
    first.send((2, vec![1, 7, 8])).unwrap();
    let second = timeout(Duration::from_secs(20), bed.asked.recv()).await;
    let second = second.expect("asked again for what is newer").unwrap();
    second.send((3, vec![1, 7])).unwrap();
    loop {
        let (message, _) = seven.0.expect::<ImMsgData>().await;
        if message.msg_id == 11 {
            break;
        }
    }
    let got = bed.got(&mut eight).await;
    assert_eq!(messages(&got), [10], "11 was written when 8 was out");
    bed.end().await;
}

/// A change of which nobody came or went: whoever knows the version before it asks nobody who is in the group.
#[tokio::test]
async fn a_change_without_newcomers_is_no_reason_to_ask() {
    let mut bed = Bed::new().await;
    let mut seven = bed.login(7, in_group(1)).await;
    bed.changed(GroupModifyType::Add, &[1, 7], 7, 2).await;
    bed.route.send(&changed_to(3), 0).await;
    bed.group_message(10, 3).await;
    assert_eq!(messages(&bed.got(&mut seven).await), [10]);
    assert!(bed.asked.try_recv().is_err());

    // Version 4 was told to others alone: somebody may have come or gone with it.
    bed.route.send(&changed_to(5), 0).await;
    bed.group_message(11, 5).await;
    let asked = bed.asked.recv().await.unwrap();
    asked.send((5, vec![1, 7])).unwrap();
    let (message, _) = seven.0.expect::<ImMsgData>().await;
    assert_eq!(message.msg_id, 11);
    bed.end().await;
}

/// A message waits until it is known who is in its group; meanwhile it is recalled. Whoever shows what came last shows that.
#[tokio::test]
async fn what_is_said_of_a_message_that_waits_waits_behind_it() {
    let mut bed = Bed::new().await;
    let mut seven = bed
        .login_with(ClientType::Windows, 7, in_group(1), capability::REVISIONS)
        .await;
    bed.group_message(10, 2).await;
    let asked = bed.asked.recv().await.unwrap();
    let revised = ImMessageRevised {
        session_type: SessionType::Group as i32,
        to_session_id: GROUP,
        ..Default::default()
    };
    let notice = ImNotice {
        group_id: Some(GROUP),
        capability: capability::REVISIONS,
        command: ImMessageRevised::ID.0.into(),
        body: Pdu::new(&revised, 0).body,
        ..Default::default()
    };
    bed.route.send(&notice, 0).await;
    let fleeting = ImNotice {
        fleeting: Some(true),
        ..notice
    };
    bed.route.send(&fleeting, 0).await;
    seven.0.expect::<ImMessageRevised>().await;
    let before: Vec<_> = bed.got(&mut seven).await;
    assert!(before.is_empty(), "the other one waits: {before:?}");
    asked.send((2, vec![1, 7])).unwrap();
    let next = seven.0.receive().await.unwrap();
    assert_eq!(next.command(), ImMsgData::ID);
    let next = seven.0.receive().await.unwrap();
    assert_eq!(next.command(), ImMessageRevised::ID);
    bed.end().await;
}

fn changed_to(version: u32) -> ImNotice {
    let changed = ImGroupChanged {
        user_id: 1,
        group: GroupDetails {
            group_id: GROUP,
            version,
            ..Default::default()
        },
        member: Vec::new(),
    };
    ImNotice {
        group_id: Some(GROUP),
        capability: capability::GROUPS,
        command: ImGroupChanged::ID.0.into(),
        body: Pdu::new(&changed, 0).body,
        ..Default::default()
    }
}

/// Two msg_servers change a group; their notices overtake each other on the way.
#[tokio::test]
async fn the_last_notice_is_the_last_change() {
    let mut bed = Bed::new().await;
    let mut one = bed.login(1, in_group(5)).await;
    bed.changed(GroupModifyType::Del, &[1], 7, 7).await;
    bed.changed(GroupModifyType::Add, &[1, 7], 7, 6).await;
    let got = bed.got(&mut one).await;
    let lists: Vec<_> = got
        .iter()
        .filter(|pdu| pdu.command() == ImGroupChangeMemberNotify::ID)
        .map(|pdu| pdu.decode::<ImGroupChangeMemberNotify>().unwrap())
        .map(|notice| notice.cur_user_id_list)
        .collect();
    assert_eq!(lists.last().unwrap(), &[1], "in this order: {lists:?}");
    bed.end().await;
}

/// Messages of a group come for a msg_server whose last member has just left; a member comes at the same moment. What
/// it says last about its interest has to be true.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn interest_is_true_in_the_end() {
    let mut bed = Bed::new().await;
    let mut wrong = 0;
    let mut msg_id = 0;
    for _ in 0..150 {
        // A burst is on its way while he logs in.
        let burst: Vec<u8> = (0..200)
            .flat_map(|_| {
                msg_id += 1;
                let message = ImMsgData {
                    to_session_id: GROUP,
                    msg_type: MsgType::GroupText as i32,
                    ..text(1, msg_id)
                };
                Pdu::new(&message, 0).to_frame().to_vec()
            })
            .collect();
        bed.users.lock().await.insert(7, in_group(1));
        let stream = TcpStream::connect(bed.clients).await.unwrap();
        let mut client = Client(TestPeer::new(stream), 7);
        let request = ImLoginReq {
            user_name: "7".to_owned(),
            password: "x".to_owned(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: ClientType::Windows as i32,
            ..Default::default()
        };
        client.0.send(&request, 1).await;
        bed.route.send_bytes(&burst).await;
        client.0.expect::<ImLoginRes>().await;
        bed.got(&mut client).await;
        let mut last = None;
        while let Ok(Some(pdu)) = timeout(Duration::from_millis(20), bed.route.receive()).await {
            if pdu.command() == ImGroupInterest::ID {
                let said: ImGroupInterest = pdu.decode().unwrap();
                last = Some(said.begun.contains(&GROUP));
            }
        }
        // Not just slow: nothing more is said for a second.
        while last == Some(false)
            && let Ok(Some(pdu)) = timeout(Duration::from_secs(1), bed.route.receive()).await
        {
            if pdu.command() == ImGroupInterest::ID {
                let said: ImGroupInterest = pdu.decode().unwrap();
                last = Some(said.begun.contains(&GROUP));
            }
        }
        wrong += u32::from(last == Some(false));
        drop(client);
        // gone
        let gone = Instant::now();
        while gone.elapsed() < Duration::from_secs(2) {
            let pdu = bed.route.receive().await.unwrap();
            if pdu.command() == ImGroupInterest::ID {
                break;
            }
        }
    }
    assert_eq!(
        wrong, 0,
        "of 150 logins so many ended with a member and no interest"
    );
    bed.end().await;
}

/// A message is acknowledged while it is asked who is in its group; then the server is told to stop, and db_proxy answers a
/// moment later, well within the deadline.
#[tokio::test]
async fn what_was_acknowledged_is_passed_on_before_the_end() {
    let mut bed = Bed::new().await;
    let mut seven = bed.login(7, in_group(1)).await;
    let message = ImMsgData {
        to_session_id: GROUP,
        msg_type: MsgType::GroupText as i32,
        ..text(7, 0)
    };
    seven.0.send(&message, 5).await;
    let (ack, _) = seven.0.expect::<ImMsgDataAck>().await;
    assert_eq!(ack.msg_id, 1);
    let asked = bed.asked.recv().await.unwrap();
    let shutdown = bed.shutdown.clone();
    // His client hangs up when the server does.
    drop(seven);
    let passing_on = async {
        shutdown.draining().await;
        asked.send((2, vec![1, 7])).unwrap();
        let mut passed_on = false;
        while let Some(pdu) = bed.route.receive().await {
            passed_on |= pdu.command() == ImMsgData::ID;
        }
        passed_on
    };
    let (passed_on, _ending) = join!(passing_on, shutdown.run(Duration::from_secs(5)));
    assert!(passed_on, "members on other msg_servers are not told");
}
