//! Connections that end as soon as they are made.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tools::client::messenger::LocalStore;

use crate::line::{SOON, start};
use crate::stock::Server;

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
