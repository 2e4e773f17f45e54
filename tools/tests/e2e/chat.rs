//! Two people write to each other.

use proto::im::base_define::{MsgType, SessionType};
use proto::im::message::{
    ImMsgData, ImMsgDataAck, ImMsgDataReadAck, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::text;
use tools::client::{Device, Event};

use crate::person::{Person, Raw};
use crate::world::World;

/// D-17: a first message is there for both.
#[tokio::test]
async fn two_people_on_two_msg_servers_talk_on_all_their_devices() {
    let world = World::usual(2).await;

    // login_server spreads them by itself.
    let (first, mut alice) = {
        let address = world.address().await;
        let alice = Person::at(&address, "demo1", Device::Windows).await;
        (address, alice)
    };
    let second = world.address().await;
    assert_ne!(first, second, "the second one is sent elsewhere");
    let mut bob = Person::at(&second, "demo2", Device::Mac).await;
    let (a, b) = (alice.id(), bob.id());

    // Each sees the other come: the one who was there by a notice, the newcomer by the server's own account.
    while alice.notices().await != (b, true) {}
    let status = bob.users_status(vec![a, b, 4711]).await.unwrap();
    assert_eq!(status, [(a, true), (b, true), (4711, false)]);

    // One order for both: 1, 2, 3 …, whoever writes.
    assert_eq!(alice.says(b, "hello").await, 1);
    assert_eq!(bob.reads().await, (1, a, "hello".into()));
    assert_eq!(bob.says(a, "hello yourself").await, 2);
    assert_eq!(alice.reads().await, (2, b, "hello yourself".into()));
    assert_eq!(alice.says(b, "bye").await, 3);
    assert_eq!(bob.reads().await, (3, a, "bye".into()));

    // Phones of both, each where the user's desktop is not.
    let mut alices_phone = Person::at(&second, "demo1", Device::Android).await;
    let mut bobs_phone = Person::at(&first, "demo2", Device::Ios).await;
    assert_eq!(alice.says(b, "from the desktop").await, 4);
    let copy = (4, a, "from the desktop".to_owned());
    assert_eq!(bob.reads().await, copy);
    assert_eq!(bobs_phone.reads().await, copy);
    assert_eq!(alices_phone.reads().await, copy);
    assert_eq!(alices_phone.says(b, "from the phone").await, 5);
    let copy = (5, a, "from the phone".to_owned());
    assert_eq!(bob.reads().await, copy);
    assert_eq!(bobs_phone.reads().await, copy);
    assert_eq!(
        alice.reads().await,
        copy,
        "and not the one she wrote herself"
    );

    // What is read on the desktop is read on the phone; the writer is not told.
    assert_eq!(bobs_phone.unread().await.unwrap().total_cnt, 4);
    bob.mark_read(a, 5).await.unwrap();
    let read = bobs_phone
        .sees("a read notice", |event| match event {
            Event::ReadNotify(notice) => Some(notice),
            _ => None,
        })
        .await;
    assert_eq!((read.user_id, read.session_id, read.msg_id), (b, a, 5));
    assert_eq!(bobs_phone.unread().await.unwrap().total_cnt, 0);
    for person in [&mut alice, &mut alices_phone, &mut bob] {
        let told = person.so_far().await;
        let notice = |event: &Event| matches!(event, Event::ReadNotify(_) | Event::Message(_));
        assert!(!told.iter().any(notice), "{told:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn numbers_are_echoed_and_claims_are_not_believed() {
    let world = World::usual(3).await;
    let (mut alice, login) = Raw::at(&world.msg(0), "demo1", Device::Windows).await;
    let (mut bob, _) = Raw::at(&world.msg(1), "demo2", Device::Windows).await;
    let (mut phone, _) = Raw::at(&world.msg(0), "demo2", Device::Android).await;
    let mut carol = Person::at(&world.msg(1), "demo3", Device::Windows).await;
    let a = login.user_info.unwrap().user_id;
    let b = Person::at(&world.msg(0), "demo2", Device::Ios).await.id();

    // She says that Carol wrote it, yesterday, as number 7, with a note for servers.
    let lie = ImMsgData {
        from_user_id: carol.id(),
        to_session_id: b,
        msg_id: 7,
        create_time: 86_400,
        msg_type: MsgType::SingleText as i32,
        msg_data: text::encrypt("a lie", text::DEFAULT_KEY).into(),
        attach_data: Some("a note".into()),
        ..Default::default()
    };
    let ack: ImMsgDataAck = alice.ask(&lie, 0xbeef).await;
    assert_eq!((ack.user_id, ack.session_id, ack.msg_id), (a, b, 1));
    assert_eq!(ack.session_type, SessionType::Single as i32);

    // The phone was displaced when the second one logged in to tell Bob's number.
    assert!(!phone.is_closed().await.is_empty());
    let pdu = bob.frame_of::<ImMsgData>().await;
    assert_eq!(pdu.seq_num(), 0, "a push answers nothing");
    let pushed: ImMsgData = pdu.decode().unwrap();
    assert_eq!((pushed.from_user_id, pushed.to_session_id), (a, b));
    assert_eq!(pushed.msg_id, 1);
    assert!(pushed.create_time > 1_700_000_000, "the server's clock");
    assert_eq!((pushed.attach_data, pushed.client_msg_id), (None, None));
    assert_eq!(pushed.msg_data, lie.msg_data);

    // The same for a request: the answer is hers, under its number, without the note.
    let question = ImUnreadMsgCntReq {
        user_id: a,
        attach_data: Some("a note".into()),
    };
    let unread: ImUnreadMsgCntRsp = bob.ask(&question, 0xffff).await;
    assert_eq!((unread.user_id, unread.total_cnt), (b, 1));
    assert_eq!(unread.attach_data, None);

    // Nor can she read in Bob's name.
    let read = ImMsgDataReadAck {
        user_id: b,
        session_id: a,
        msg_id: 1,
        session_type: SessionType::Single as i32,
        ..Default::default()
    };
    alice.tell(&read, 3).await;
    let unread: ImUnreadMsgCntRsp = alice.ask(&question, 4).await;
    assert_eq!((unread.user_id, unread.total_cnt), (a, 0));
    let unread: ImUnreadMsgCntRsp = bob.ask(&question, 5).await;
    assert_eq!(unread.total_cnt, 1);

    // Carol has nothing to do with any of it.
    let told = carol.so_far().await;
    let message = |event: &Event| matches!(event, Event::Message(_));
    assert!(!told.iter().any(message), "{told:?}");
    assert!(carol.recent_sessions(0).await.unwrap().is_empty());
    world.end().await;
}

/// D-4, D-78: whatever a connection did not bring is found afterwards, and sending again does no harm.
#[tokio::test]
async fn who_was_away_finds_everything_and_a_resend_is_the_same_message() {
    let world = World::usual(2).await;
    let mut alice = Person::at(&world.msg(0), "demo1", Device::Windows).await;
    let b = {
        let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
        let id = bob.id();
        bob.logout().await.unwrap();
        id
    };
    while alice.notices().await != (b, false) {}

    let keyed = tools::client::Outgoing::text(b, "with a key");
    let first = alice.send(&keyed).await.unwrap();
    assert_eq!(alice.send(&keyed).await.unwrap(), first);
    // A client of the base protocol gives no key, and its own number if it has one.
    let numbered = tools::client::Outgoing {
        msg_id: 99,
        ..tools::client::Outgoing::text(b, "numbered").without_key()
    };
    let second = alice.send(&numbered).await.unwrap();
    assert_eq!(alice.send(&numbered).await.unwrap(), second);
    // Without either, the same words twice are two messages.
    let plain = tools::client::Outgoing::text(b, "again").without_key();
    let ids = [
        alice.send(&plain).await.unwrap(),
        alice.send(&plain).await.unwrap(),
    ];
    assert_eq!(ids.map(|id| id.get()), [3, 4]);

    let bob = Person::at(&world.msg(1), "demo2", Device::Windows).await;
    let unread = bob.unread().await.unwrap();
    assert_eq!(unread.total_cnt, 4);
    assert_eq!(unread.unreadinfo_list[0].session_id, alice.id());
    let texts: Vec<_> = bob.history(alice.id(), 0, 10).await.unwrap();
    let texts: Vec<_> = texts.iter().map(|m| (m.id, m.text().unwrap())).collect();
    let wanted = ["again", "again", "numbered", "with a key"];
    let wanted: Vec<_> = (1..=4).rev().zip(wanted.map(str::to_owned)).collect();
    assert_eq!(texts, wanted);
    world.end().await;
}
