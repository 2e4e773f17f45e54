//! Connections that end as soon as they are made, and what is written before anything was heard.

use std::time::Duration;

use proto::decoder::MAX_CLIENT_FRAME;
use tokio::time::{Instant, timeout};
use tools::client::messenger::{LocalStore, News};

use crate::fake::ME;
use crate::line::{SOON, ack, news_until, start};
use crate::stock::{BOB, Server};

/// Whatever it is that a server breaks connections over, it is not asked for it as fast as it answers.
#[tokio::test]
async fn who_is_let_in_and_thrown_out_waits_longer_each_time() {
    const TIMES: usize = 6;
    let (server, address) = Server::new(0, 0).await;
    let store = LocalStore::in_memory().await.unwrap();
    let begin = Instant::now();
    let (messenger, _news) = start(&address, &store).await;
    for _ in 0..TIMES {
        let accepting = timeout(SOON, server.accepts());
        drop(accepting.await.expect("it comes back"));
    }
    // The second one comes at once. Then half of 200, 400, 800 and 1,600 ms at least.
    assert!(begin.elapsed() >= Duration::from_millis(1_500));
    messenger.close().await;
}

/// What others wrote meanwhile is news, also in a conversation that this device writes in before it heard of it.
#[tokio::test]
async fn what_is_unread_is_told_also_to_who_writes_first() {
    let (mut server, address) = Server::new(40, 3).await;
    let store = LocalStore::in_memory().await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    messenger.send_text(BOB, "hello").await.unwrap();
    let (mut peer, _) = server.accepts().await;
    let serving = async {
        let (number, _) = server.until_a_message(&mut peer).await.unwrap();
        let id = server.stores(ME, "hello");
        peer.reply(number, &ack(id)).await;
        server.until_a_message(&mut peer).await
    };
    let listening = async {
        let sent = |news: &News| match news {
            News::Sent { entry, .. } => (entry.message.id == 41).then_some(()),
            _ => None,
        };
        let (messages, ()) = news_until(&mut news, sent).await;
        let ids: Vec<u32> = messages.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [38, 39, 40, 41]);
        messenger.close().await;
    };
    tokio::join!(serving, listening);
}

/// A server ends the connection over a frame that is too large: it is not sent again and again, and nothing waits behind it.
#[tokio::test]
async fn what_fits_into_no_frame_is_refused_and_keeps_nothing_back() {
    let (mut server, address) = Server::new(0, 0).await;
    let store = LocalStore::in_memory().await.unwrap();
    let (messenger, mut news) = start(&address, &store).await;
    let large = "x".repeat(MAX_CLIENT_FRAME as usize);
    let large = messenger.send_text(BOB, &large).await.unwrap();
    let small = messenger.send_text(BOB, "small").await.unwrap();
    let (mut peer, _) = server.accepts().await;
    let serving = async {
        let (number, message) = server.until_a_message(&mut peer).await.unwrap();
        assert!(message.msg_data.len() < 100);
        let id = server.stores(ME, "small");
        peer.reply(number, &ack(id)).await;
        server.until_a_message(&mut peer).await
    };
    let listening = async {
        let refused = |news: &News| match news {
            News::NotSent { draft, reason } => Some((draft.id, reason.clone())),
            _ => None,
        };
        let (_, told) = news_until(&mut news, refused).await;
        assert_eq!(told, (large, "too_large".to_owned()));
        let sent = |news: &News| match news {
            News::Sent { draft, .. } => Some(*draft),
            _ => None,
        };
        assert_eq!(news_until(&mut news, sent).await.1, small);
        messenger.close().await;
    };
    tokio::join!(serving, listening);
    assert_eq!(store.waiting().await.unwrap(), 0);
}
