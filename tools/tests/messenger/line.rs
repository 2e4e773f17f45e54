//! Connections that come, break and come back, at a server that each test scripts.

use std::time::Duration;

use bytes::Bytes;
use proto::capability;
use proto::im::login::{ImKickUser, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use tokio::time::timeout;
use tools::client::messenger::{EndReason, LocalStore, Messenger, News, NewsStream, Place};
use tools::client::{Account, Address, Conversation, Device, Status};

use crate::fake::{self, ME};
use crate::stock::{BOB, Server};

/// Longer than anything here takes; only a failing test waits for it.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn ack(msg_id: u32) -> ImMsgDataAck {
    ImMsgDataAck {
        user_id: ME,
        session_id: BOB,
        msg_id,
        session_type: 1,
    }
}

pub(crate) async fn start(address: &Address, store: &LocalStore) -> (Messenger, NewsStream) {
    let account = Account::new("alice", "demo", Device::Windows, Status::Online);
    let place = Place::At(address.clone());
    let started = Messenger::start(place, account, store.clone()).await;
    started.unwrap()
}

/// The news up to one that `last` makes something of; messages' ids and texts among them.
pub(crate) async fn news_until<T>(
    news: &mut NewsStream,
    mut last: impl FnMut(&News) -> Option<T>,
) -> (Vec<(u32, String)>, T) {
    let mut messages = Vec::new();
    let waiting = async {
        loop {
            let next = news.next().await.expect("it goes on");
            if let News::Message(entry) | News::Sent { entry, .. } = &next {
                messages.push((entry.message.id, entry.message.text().unwrap()));
            }
            if let Some(found) = last(&next) {
                return found;
            }
        }
    };
    let found = timeout(SOON, waiting).await.expect("it comes in time");
    (messages, found)
}

/// Waits until everything up to a message is in the local history.
async fn complete_to(store: &LocalStore, id: u32) {
    let all_here = async {
        loop {
            let state = store.conversation(Conversation::User(BOB)).await.unwrap();
            if state.is_some_and(|state| state.complete_to == id) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, all_here).await.expect("it is fetched");
}

fn caught_up(news: &News) -> Option<()> {
    matches!(news, News::CaughtUp).then_some(())
}

/// Written down before it is sent, with one key whatever happens, and in the history under its id in the end.
#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let (mut server, address) = Server::new(0, 0).await;

    let store = LocalStore::open(&file).await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    // No connection yet: it waits.
    messenger.send_text(BOB, "first").await.unwrap();
    messenger.send_text(BOB, "second").await.unwrap();
    assert_eq!(store.waiting().await.unwrap(), 2);

    let mut keys: Vec<Bytes> = Vec::new();
    let key = |data: ImMsgData| data.client_msg_id.unwrap();
    let (mut peer, _) = server.accepts().await;
    for _ in 0..2 {
        keys.push(key(server.until_a_message(&mut peer).await.unwrap().1));
    }
    // The connection breaks before the answers: stored or not, nobody knows.
    drop(peer);
    let (mut peer, _) = server.accepts().await;
    let (number, again) = server.until_a_message(&mut peer).await.unwrap();
    assert_eq!(key(again), keys[0]);
    server.stores(ME, "first");
    peer.reply(number, &ack(1)).await;
    let (_, again) = server.until_a_message(&mut peer).await.unwrap();
    assert_eq!(key(again), keys[1]);
    let first_sent = |news: &News| match news {
        News::Sent { entry, .. } => (entry.message.id == 1).then_some(()),
        _ => None,
    };
    tokio::select! {
        _ = news_until(&mut news, first_sent) => {}
        _ = server.until_a_message(&mut peer) => panic!("everything was sent"),
    }
    server.stores(ME, "second");
    // The program dies, and with it the connection; the second one is stored, but the answer came to nobody.
    drop((messenger, news));
    while server.until_a_message(&mut peer).await.is_some() {}
    store.close().await;

    let store = LocalStore::open(&file).await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    let (mut peer, _) = server.accepts().await;
    let serving = async {
        let (number, again) = server.until_a_message(&mut peer).await.unwrap();
        assert_eq!(key(again), keys[1]);
        // The answer comes when the message has come back by itself.
        tokio::select! {
            () = complete_to(&store, 2) => {}
            _ = server.until_a_message(&mut peer) => panic!("everything was sent"),
        }
        peer.reply(number, &ack(2)).await;
        server.until_a_message(&mut peer).await
    };
    let listening = async {
        // It came back by itself, in the lists of the server; it is told of once, as what was written here.
        let sent = |news: &News| match news {
            News::Sent { entry, .. } => (entry.message.id == 2).then_some(()),
            _ => None,
        };
        let (messages, ()) = news_until(&mut news, sent).await;
        assert_eq!(messages.last().unwrap(), &(2, "second".to_owned()));
        assert!(messages.iter().filter(|(id, _)| *id == 2).count() == 1);
        messenger.close().await;
    };
    tokio::join!(serving, listening);
    assert_eq!(store.waiting().await.unwrap(), 0);
    let here = store
        .messages(Conversation::User(BOB), 0, 10)
        .await
        .unwrap();
    let texts: Vec<_> = here
        .iter()
        .map(|entry| (entry.message.id, entry.message.text().unwrap()))
        .collect();
    assert_eq!(texts, [(1, "first".into()), (2, "second".into())]);
}

/// A server without sync: the lists of stock clients, then gaps by id, in order.
#[tokio::test]
async fn a_stock_server_is_caught_up_with_by_its_lists() {
    let (mut server, address) = Server::new(40, 3).await;
    let store = LocalStore::in_memory().await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    let (mut peer, login) = server.accepts().await;
    assert_ne!(login.capabilities(), 0, "it says what it understands");
    let listening = async {
        let (messages, ()) = news_until(&mut news, caught_up).await;
        let ids: Vec<u32> = messages.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [38, 39, 40], "what is unread");
        // What is older is fetched when somebody looks for it.
        let older = messenger.history(BOB, 0, 30).await.unwrap();
        assert_eq!(older.len(), 30);
        assert_eq!(older[0].message.id, 11);
        messenger.mark_read(BOB, 40).await.unwrap();
    };
    tokio::select! {
        () = listening => {}
        _ = server.until_a_message(&mut peer) => panic!("nobody writes"),
    }
    drop(peer);

    // Away while three more come. Then one is overtaken, and one is pushed twice.
    for id in 41..=43 {
        server.stores(BOB, &format!("text {id}"));
    }
    let (mut peer, _) = server.accepts().await;
    for id in [44, 45, 46] {
        server.stores(BOB, &format!("text {id}"));
        if id != 44 {
            server.pushes(&mut peer, id).await;
            server.pushes(&mut peer, id).await;
        }
    }
    let listening = async {
        let last = |news: &News| match news {
            News::Message(entry) => (entry.message.id == 46).then_some(()),
            _ => None,
        };
        let (messages, ()) = news_until(&mut news, last).await;
        let ids: Vec<u32> = messages.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [41, 42, 43, 44, 45, 46]);
    };
    tokio::select! {
        () = listening => {}
        _ = server.until_a_message(&mut peer) => panic!("nobody writes"),
    }
    assert!(server.asked.contains(&44), "{:?}", server.asked);
    let names = store.users().await.unwrap();
    assert!(names.iter().any(|user| user.user_nick_name == "nick 2"));
    messenger.close().await;
}

/// An application that does not listen costs nothing but its own time: every message is there when it does.
#[tokio::test]
async fn a_slow_reader_misses_no_message() {
    let (mut server, address) = Server::new(0, 0).await;
    let store = LocalStore::in_memory().await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    let (mut peer, _) = server.accepts().await;
    const MANY: u32 = 1_500;
    for id in 1..=MANY {
        server.stores(BOB, &format!("text {id}"));
        server.pushes(&mut peer, id).await;
    }
    let listening = async {
        complete_to(&store, MANY).await;
        let last = |news: &News| match news {
            News::Message(entry) => (entry.message.id == MANY).then_some(()),
            _ => None,
        };
        let (messages, ()) = news_until(&mut news, last).await;
        let ids: Vec<u32> = messages.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=MANY).collect::<Vec<u32>>());
    };
    tokio::select! {
        () = listening => {}
        _ = server.until_a_message(&mut peer) => panic!("nobody writes"),
    }
    messenger.close().await;
}

/// The token is kept for the next run, the password stands in for one that is no good, and who is refused is told so.
#[tokio::test]
async fn the_token_of_the_last_run_logs_in_and_the_password_where_it_does_not() {
    let store = LocalStore::in_memory().await.unwrap();
    let (server, address) = Server::new(0, 0).await;
    let with_token = |token: &'static [u8]| ImLoginRes {
        capabilities: Some(capability::RESUME),
        resume_token: Some(Bytes::from_static(token)),
        ..fake::accepted()
    };
    let no_good = ImLoginRes {
        result_code: 6,
        resume_refused: Some(true),
        ..ImLoginRes::default()
    };
    let (messenger, mut news) = start(&address, &store).await;
    let (_peer, request) = server.accepts_with(with_token(b"one")).await;
    assert!(request.resume_token.is_none());
    let connected = |news: &News| matches!(news, News::Connected).then_some(());
    news_until(&mut news, connected).await;
    messenger.close().await;
    assert_eq!(store.token().await.unwrap().unwrap(), "one");

    let (messenger, mut news) = start(&address, &store).await;
    let (_, request) = server.accepts_with(no_good.clone()).await;
    assert_eq!(request.resume_token.unwrap(), "one");
    let (_peer, request) = server.accepts_with(with_token(b"two")).await;
    assert!(request.resume_token.is_none() && !request.password.is_empty());
    news_until(&mut news, connected).await;
    messenger.close().await;

    // Without a password there is nothing left to try.
    let account = Account::without_password("alice", Device::Windows, Status::Online);
    let place = Place::At(address.clone());
    let started = Messenger::start(place, account, store.clone()).await;
    let (_messenger, mut news) = started.unwrap();
    server.accepts_with(no_good).await;
    let ended = |news: &News| match news {
        News::Ended(reason) => Some(reason.clone()),
        _ => None,
    };
    let (_, reason) = news_until(&mut news, ended).await;
    assert!(matches!(reason, EndReason::PasswordNeeded), "{reason}");
    assert_eq!(store.token().await.unwrap(), None);

    let (_messenger, mut news) = start(&address, &store).await;
    let wrong = ImLoginRes {
        result_code: 6,
        ..ImLoginRes::default()
    };
    server.accepts_with(wrong).await;
    let (_, reason) = news_until(&mut news, ended).await;
    assert!(matches!(reason, EndReason::Refused(_)), "{reason}");
}

#[tokio::test]
async fn a_kick_ends_it_and_a_lost_connection_does_not() {
    let store = LocalStore::in_memory().await.unwrap();
    let (server, address) = Server::new(0, 0).await;
    let (_messenger, mut news) = start(&address, &store).await;
    let (peer, _) = server.accepts().await;
    drop(peer);
    let (mut peer, _) = server.accepts().await;
    let kick = ImKickUser {
        user_id: ME,
        kick_reason: 1,
    };
    peer.reply(0, &kick).await;
    let mut seen = Vec::new();
    let ended = |news: &News| match news {
        News::Connected => {
            seen.push("connected");
            None
        }
        News::Disconnected { .. } => {
            seen.push("disconnected");
            None
        }
        News::Ended(reason) => Some(reason.clone()),
        _ => None,
    };
    let (_, reason) = news_until(&mut news, ended).await;
    assert!(matches!(reason, EndReason::Kicked(_)), "{reason}");
    assert_eq!(seen, ["connected", "disconnected", "connected"]);
    assert!(news.next().await.is_none());
}
