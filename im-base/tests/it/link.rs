//! A link to a peer, against a real listener.

use std::time::Duration;

use im_base::net::listener;
use im_base::peer::CallError;
use im_base::shutdown::{Ending, Shutdown};
use im_base::testkit::TestPeer;
use proto::im::ext::other::ImPace;
use proto::im::message::ImMsgData;
use proto::im::other::ImHeartBeat;
use proto::im::server::{ImRoleSet, ImValidateReq, ImValidateRsp};
use proto::{Body, Pdu};

use crate::support::{Dialled, Event, PATIENCE};

/// No test waits for it.
const LONG: Duration = Duration::from_secs(3600);

fn question(user_name: &str) -> ImValidateReq {
    ImValidateReq {
        user_name: user_name.to_owned(),
        ..Default::default()
    }
}

fn answer(user_name: &str) -> ImValidateRsp {
    ImValidateRsp {
        user_name: user_name.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn it_says_hello_on_each_connection_and_dials_again_after_a_loss() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    for _ in 0..3 {
        let peer = dialled.accept().await;
        assert!(dialled.link.is_up());
        drop(peer);
        assert_eq!(dialled.event().await, Event::Disconnected);
        assert!(!dialled.link.is_up());
    }
}

#[tokio::test]
async fn a_peer_that_hangs_is_not_up_again_before_it_says_something() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let (pace, _) = peer.expect::<ImPace>().await;
    peer.send(&pace, 0).await;
    peer.send(&ImRoleSet { master: 0 }, 0).await;
    assert!(matches!(dialled.event().await, Event::Received(_)));
    drop(peer);
    assert_eq!(dialled.event().await, Event::Disconnected);
    // Its system takes the connection.
    let (stream, _) = dialled.listener.accept().await.unwrap();
    let mut peer = TestPeer::new(stream);
    peer.expect::<ImPace>().await;
    assert!(!dialled.link.is_up());
    peer.send(&pace, 0).await;
    assert_eq!(dialled.event().await, Event::Connected);
    assert!(dialled.link.is_up());
    peer.expect::<ImRoleSet>().await;
}

/// D-21: a peer that cannot be reached is tried again.
#[tokio::test]
async fn it_goes_on_dialling_a_peer_that_is_not_there_yet() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let address = dialled.listener.local_addr().unwrap();
    drop(dialled.accept().await);
    // The listener is gone for a while: the link finds nobody.
    let elsewhere = listener::bind("127.0.0.1:0").await.unwrap();
    drop(std::mem::replace(&mut dialled.listener, elsewhere));
    assert_eq!(dialled.event().await, Event::Disconnected);
    assert_eq!(
        dialled.link.send(&ImHeartBeat {}),
        Err(CallError::NotConnected)
    );
    dialled.listener = listener::bind(&address.to_string()).await.unwrap();
    dialled.accept().await;
}

/// D-29: an answer finds the one who asked.
#[tokio::test]
async fn calls_find_their_answers_in_any_order() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let (ann, bob) = (question("ann"), question("bob"));
    let serve = async {
        let (first, first_number) = peer.expect::<ImValidateReq>().await;
        let (second, second_number) = peer.expect::<ImValidateReq>().await;
        assert_eq!(
            (&first, &second),
            (&ann, &bob),
            "sent in the order of the calls"
        );
        peer.send(&answer("bob"), second_number).await;
        peer.send(&ImHeartBeat {}, 0).await;
        peer.send(&answer("ann"), first_number).await;
    };
    let (ann, bob, ()) = tokio::join!(
        dialled.link.call::<_, ImValidateRsp>(&ann, LONG),
        dialled.link.call::<_, ImValidateRsp>(&bob, LONG),
        serve
    );
    assert_eq!(ann, Ok(answer("ann")));
    assert_eq!(bob, Ok(answer("bob")));
}

#[tokio::test]
async fn calls_fail_at_once_when_the_link_is_lost() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let ask = question("ann");
    let hang_up = async {
        peer.expect::<ImValidateReq>().await;
        peer.expect::<ImValidateReq>().await;
        drop(peer);
    };
    let (one, other, ()) = tokio::join!(
        dialled.link.call::<_, ImValidateRsp>(&ask, LONG),
        dialled.link.call::<_, ImValidateRsp>(&ask, LONG),
        hang_up
    );
    assert_eq!((one, other), (Err(CallError::Lost), Err(CallError::Lost)));
    assert_eq!(dialled.event().await, Event::Disconnected);
    assert_eq!(
        dialled.link.call::<_, ImValidateRsp>(&ask, LONG).await,
        Err(CallError::NotConnected)
    );
}

/// D-59: nobody waits for ever.
#[tokio::test]
async fn a_call_that_is_not_answered_in_time_fails_and_its_late_answer_is_dropped() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let ask = question("ann");
    let late = dialled.link.call::<_, ImValidateRsp>(&ask, Duration::ZERO);
    assert_eq!(late.await, Err(CallError::TimedOut));
    let (_, late_number) = peer.expect::<ImValidateReq>().await;
    let serve = async {
        let (_, number) = peer.expect::<ImValidateReq>().await;
        peer.send(&answer("late"), late_number).await;
        peer.send(&answer("in time"), number).await;
    };
    let (answered, ()) = tokio::join!(dialled.link.call::<_, ImValidateRsp>(&ask, LONG), serve);
    assert_eq!(answered, Ok(answer("in time")));
}

/// D-33: an answer that cannot be read costs that one call.
#[tokio::test]
async fn a_call_that_is_answered_by_garbage_is_unreadable() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let ask = question("ann");
    let serve = async {
        let (_, number) = peer.expect::<ImValidateReq>().await;
        let pdu = Pdu::from_body(ImValidateRsp::ID, number, vec![0xff; 4].into());
        peer.send_bytes(&pdu.to_frame()).await;
    };
    let (answered, ()) = tokio::join!(dialled.link.call::<_, ImValidateRsp>(&ask, LONG), serve);
    assert_eq!(answered, Err(CallError::Unreadable));
}

#[tokio::test]
async fn pushes_reach_the_owner_even_with_the_number_of_a_call() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let ask = question("ann");
    let serve = async {
        let (_, number) = peer.expect::<ImValidateReq>().await;
        // Relayed messages keep the number that their sender gave them.
        peer.send(&ImMsgData::default(), number).await;
        peer.send(&ImRoleSet { master: 0 }, 0).await;
        peer.send(&answer("ann"), number).await;
        number
    };
    let (answered, number) = tokio::join!(dialled.link.call::<_, ImValidateRsp>(&ask, LONG), serve);
    assert_eq!(answered, Ok(answer("ann")));
    for wanted in [
        Pdu::new(&ImMsgData::default(), number),
        Pdu::new(&ImRoleSet { master: 0 }, 0),
    ] {
        assert_eq!(dialled.event().await, Event::Received(wanted));
    }
}

#[tokio::test]
async fn it_stops_with_the_process() {
    let shutdown = Shutdown::new();
    let mut dialled = Dialled::new(&shutdown).await;
    let mut peer = dialled.accept().await;
    let ask = question("ann");
    let end = async {
        peer.expect::<ImValidateReq>().await;
        let ending = shutdown.run(PATIENCE).await;
        peer.expect_close().await;
        ending
    };
    let (answered, ending) = tokio::join!(dialled.link.call::<_, ImValidateRsp>(&ask, LONG), end);
    assert_eq!(answered, Err(CallError::Lost));
    assert_eq!(ending, Ending::Clean);
    assert_eq!(dialled.event().await, Event::Disconnected);
    assert!(!dialled.link.is_up());
}
