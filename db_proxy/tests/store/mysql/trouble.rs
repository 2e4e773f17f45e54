//! A network that falls silent, and others who hold what is needed.

use std::future::pending;
use std::time::Duration;

use db_proxy::logic::group_commit::{WriterLimits, writers};
use db_proxy::store::{NewGroup, open};
use futures_util::future::{join, join_all};
use im_base::task::Tasks;
use sqlx::Executor;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{connect, schema};
use crate::bed::{Bed, ids, keyed, text};
use crate::circle::{new_group, request};

/// Stands between a store and its server. Told so, it keeps the connections that there are open, and silent.
struct Relay {
    address: String,
    silences: watch::Sender<u32>,
}

impl Relay {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap().to_string(),
            silences: watch::Sender::new(0),
        };
        let silences = relay.silences.subscribe();
        let server = server.to_owned();
        Tasks::default().spawn("relay", async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(&server).await.unwrap();
                let mut silences = silences.clone();
                silences.mark_unchanged();
                Tasks::default().spawn("relayed", async move {
                    tokio::select! {
                        _ended = copy_bidirectional(&mut near, &mut far) => {}
                        Ok(()) = silences.changed() => pending().await,
                    }
                });
            }
        });
        relay
    }
}

/// Whatever was going on when the network fell silent, and however often: the store finds its way back by itself.
#[tokio::test]
async fn silent_connections_are_left_behind() {
    let Some(schema) = schema() else { return };
    let relay = {
        let server = schema.server.rsplit('@').next().unwrap();
        Relay::to(server).await
    };
    let user = schema.server.rsplit_once('@').unwrap().0;
    let url = format!("{user}@{}/{}", relay.address, schema.name);
    let mut bed = Bed::new(schema).await;
    bed.store = open(&url).await.unwrap();
    let [a, b] = bed.users().await;
    for round in 0..3u8 {
        // connections in use and such as were just given back
        let appends = (0..12).map(|n| {
            let message = keyed(text(a, b, "x"), &[round, n]);
            let store = bed.store.clone();
            async move { timeout(Duration::from_secs(2), store.append(&[message])).await }
        });
        let reads = (0..12).map(|_| timeout(Duration::from_secs(2), bed.store.count_users()));
        let silence = async { relay.silences.send_modify(|times| *times += 1) };
        let ((appended, read), ()) = join(join(join_all(appends), join_all(reads)), silence).await;
        drop((appended, read));
        let again = async {
            while bed
                .store
                .append(&[keyed(text(a, b, "y"), &[round])])
                .await
                .is_err()
            {}
            while bed.store.count_users().await.is_err() {}
        };
        let found = timeout(Duration::from_secs(30), again).await;
        assert!(found.is_ok(), "round {round}");
    }
}

/// One conversation that somebody holds costs its batch a moment, and nobody else his message.
#[tokio::test]
async fn a_held_conversation_does_not_take_others_with_it() {
    let Some(schema) = schema() else { return };
    let url = schema.url();
    let bed = Bed::new(schema).await;
    let [a, b, c] = bed.users().await;
    bed.append(&[text(a, b, "1"), text(a, c, "1")]).await;
    let mut held = connect(&url).await;
    held.execute("BEGIN").await.unwrap();
    let sql = "SELECT * FROM conversations WHERE id = (1 << 32 | 2) FOR UPDATE";
    held.execute(sql).await.unwrap();
    let (writer, mut tasks) = writers(&bed.store, WriterLimits::default());
    let stuck = writer.append(keyed(text(a, b, "2"), b"stuck"));
    let free = writer.append(keyed(text(a, c, "2"), b"free"));
    drop(writer);
    let stopped = tasks.remove(0).run(pending());
    let ((), (stuck, free)) = join(stopped, join(stuck, free)).await;
    assert!(stuck.unwrap_err().is_retryable());
    assert_eq!(ids(&[free.unwrap()]), [2]);
}

/// What was done is answered as done, whatever becomes of the cleaning behind it.
#[tokio::test]
async fn old_keys_that_somebody_holds_fail_nobody() {
    let Some(schema) = schema() else { return };
    let url = schema.url();
    let bed = Bed::new(schema).await;
    let users: [_; 2] = bed.users().await;
    let old = "INSERT INTO requests (request_key, outcome, created_at_ms) VALUES ('old', '', 1)";
    bed.database.execute(old).await;
    let mut held = connect(&url).await;
    held.execute("BEGIN").await.unwrap();
    held.execute("SELECT * FROM requests WHERE request_key = 'old' FOR UPDATE")
        .await
        .unwrap();
    let new = NewGroup {
        request: request(b"new"),
        ..new_group(&users)
    };
    bed.store.create_group(&new).await.unwrap().unwrap();
}
