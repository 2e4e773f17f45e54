//! Storing messages: batches as group commit makes them, each one durable transaction in a SQLite file.
//!
//! `--test` makes one batch of each kind, to see that they still run.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use db_proxy::store::{
    ClientKey, Conversation, Inserted, MessageKind, MessagePolicy, NewMessage, NewUser, Profile,
    SqliteStore, Store, UnixMillis,
};
use proto::ids::UserId;

/// A text of a few words, as people write.
const BODY: usize = 60;

/// A store in a folder of its own, with people who write to each other.
struct Bed {
    store: Arc<dyn Store>,
    talk: Talk,
    _folder: tempfile::TempDir,
}

async fn bed(users: usize) -> Bed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("bench.db")).await;
    let store: Arc<dyn Store> = Arc::new(store.expect("a store"));
    let new: Vec<NewUser> = (0..users).map(new_user).collect();
    let inserted = store.insert_users(&new).await.expect("users");
    let ids = inserted.into_iter().map(|inserted| match inserted {
        Inserted::Created(id) => id,
        Inserted::NameTaken => unreachable!("names differ"),
    });
    let talk = Talk {
        users: ids.collect(),
        made: 0,
    };
    Bed {
        store,
        talk,
        _folder: folder,
    }
}

struct Talk {
    users: Vec<UserId>,
    /// Messages made so far: numbers of clients rise.
    made: u32,
}

impl Talk {
    /// One message after the other from the first of each pair to the second.
    fn batch(&mut self, messages: usize) -> Vec<NewMessage> {
        let pairs: Vec<&[UserId]> = self.users.chunks_exact(2).collect();
        let new = (0..messages).map(|n| {
            let pair = pairs[n % pairs.len()];
            self.made += 1;
            let mut body = format!("message {} ", self.made).into_bytes();
            body.resize(BODY, b'.');
            let kind = MessageKind(1);
            NewMessage {
                conversation: Conversation::between(pair[0], pair[1]).expect("two people"),
                sender: pair[0],
                kind,
                client_key: Some(ClientKey::local(self.made, kind, &body)),
                policy: MessagePolicy::Everyone,
                body: Bytes::from(body),
                created_at: UnixMillis::now(),
                references: None,
            }
        });
        new.collect()
    }
}

fn new_user(n: usize) -> NewUser {
    NewUser {
        password: String::new(),
        profile: Profile {
            name: format!("bench{n}"),
            ..Profile::default()
        },
    }
}

/// (conversations, messages): a busy moment of few, of many, one conversation alone, a single message.
const SHAPES: [(usize, usize); 4] = [(50, 400), (400, 400), (1, 400), (1, 1)];

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("append/sqlite");
    for (conversations, messages) in SHAPES {
        let Bed {
            store,
            mut talk,
            _folder,
        } = runtime.block_on(bed(conversations * 2));
        let first = talk.batch(conversations.max(messages));
        runtime.block_on(store.append(&first)).expect("stored");
        group.throughput(Throughput::Elements(messages as u64));
        let shape = format!("{messages} in {conversations}");
        group.bench_function(BenchmarkId::from_parameter(shape), |bencher| {
            bencher.iter_batched(
                || talk.batch(messages),
                |batch| black_box(runtime.block_on(store.append(&batch)).expect("stored")),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
