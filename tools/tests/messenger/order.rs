//! However messages come: what the application is told is every message once, in order.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use proto::im::base_define::MsgInfo;
use proto::im::ext::message::SyncConversation;
use proto::text;
use tools::client::messenger::{Arrival, LocalStore};
use tools::client::{Conversation, Message, SyncPage};

const ME: u32 = 1;
const WITH: Conversation = Conversation::User(2);

/// Something that happens to a device.
#[derive(Clone, Debug)]
enum Step {
    /// A message is stored at the server; the number says which of the latest ones is pushed, once more perhaps.
    Stored { pushed: Option<u32> },
    /// A number of the conversation is taken by a message that this user does not see.
    Withheld,
    /// The device asks what changed, with at most so many messages, and says what it has or not.
    Sync { most: u32, knowing: bool },
    /// It asks for what is missing; the server gives only so many of them at once.
    Fill { fits: usize },
    /// The application takes what there is, so many at once.
    Tell { count: u32 },
    /// The program dies and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::option::weighted(0.8, 0u32..4).prop_map(|pushed| Step::Stored { pushed }),
        1 => Just(Step::Withheld),
        1 => (1u32..6, any::<bool>()).prop_map(|(most, knowing)| Step::Sync { most, knowing }),
        2 => (1usize..4).prop_map(|fits| Step::Fill { fits }),
        4 => (1u32..8).prop_map(|count| Step::Tell { count }),
        1 => Just(Step::Restart),
    ]
}

/// The server's side of one conversation.
#[derive(Default)]
struct Server {
    latest: u32,
    withheld: BTreeSet<u32>,
    /// Up to here the last cursor says everything.
    cursor: u32,
}

impl Server {
    fn message(&self, id: u32) -> Option<Message> {
        Some(Message::from_history(WITH, self.info(id)?))
    }

    fn info(&self, id: u32) -> Option<MsgInfo> {
        let there = (1..=self.latest).contains(&id) && !self.withheld.contains(&id);
        let info = MsgInfo {
            msg_id: id,
            from_session_id: WITH.id(),
            create_time: 1_000 + id,
            msg_type: WITH.text_type(),
            msg_data: text::encrypt(&format!("text {id}"), text::DEFAULT_KEY).into(),
            ..MsgInfo::default()
        };
        there.then_some(info)
    }

    /// As PROTOCOL.md has it ("Sync").
    fn page(&self, known: Option<u32>, most: u32) -> SyncPage {
        let behind = known.unwrap_or(self.cursor);
        let all: Vec<MsgInfo> = (behind + 1..=self.latest)
            .filter_map(|id| self.info(id))
            .collect();
        let left_out = all.len().saturating_sub(most as usize);
        let told = SyncConversation {
            session_type: WITH.session_type(),
            session_id: WITH.id(),
            latest_msg_id: self.latest,
            unread_cnt: self.latest,
            missing_from_msg_id: (left_out > 0).then(|| all[0].msg_id),
            msg_list: all[left_out..].to_vec(),
            ..SyncConversation::default()
        };
        SyncPage {
            conversations: vec![told.into()],
            cursor: Bytes::copy_from_slice(&self.latest.to_be_bytes()),
            ..SyncPage::default()
        }
    }
}

struct Device {
    store: LocalStore,
    file: std::path::PathBuf,
    told: Vec<u32>,
}

impl Device {
    async fn tell(&mut self, count: u32) -> usize {
        let entries = self.store.tell(WITH, ME, count).await.unwrap();
        for entry in &entries {
            assert_eq!(
                entry.message.text(),
                Some(format!("text {}", entry.message.id))
            );
        }
        self.told.extend(entries.iter().map(|e| e.message.id));
        entries.len()
    }

    async fn sync(&mut self, server: &mut Server, most: u32, knowing: bool) {
        let mut known = self.store.known().await.unwrap();
        if !knowing {
            known.clear();
        }
        let page = server.page(known.get(&WITH).copied(), most);
        server.cursor = server.latest;
        self.store.take(page, &known).await.unwrap();
    }

    async fn fill(&mut self, server: &Server, fits: usize) -> bool {
        let missing = self.store.missing(WITH).await.unwrap();
        let mut wanted = missing.clone();
        let mut found = Vec::new();
        // the newest first, as many as fit, until nothing comes
        loop {
            let ids = wanted.iter().rev();
            let page: Vec<_> = ids
                .filter_map(|id| server.message(*id))
                .take(fits)
                .collect();
            let Some(oldest) = page.last().map(|message| message.id) else {
                break;
            };
            wanted.retain(|id| *id < oldest);
            found.extend(page);
        }
        self.store.found(WITH, &missing, &found).await.unwrap();
        !missing.is_empty()
    }

    async fn restart(&mut self) {
        self.store.close().await;
        self.store = LocalStore::open(&self.file).await.unwrap();
    }
}

async fn play(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let mut device = Device {
        store: LocalStore::open(&file).await.unwrap(),
        file,
        told: Vec::new(),
    };
    let mut server = Server::default();
    // A device that was here before goes on from a cursor.
    device
        .store
        .take(
            SyncPage {
                cursor: Bytes::from_static(b"0"),
                ..SyncPage::default()
            },
            &Default::default(),
        )
        .await
        .unwrap();
    for step in steps {
        match step {
            Step::Stored { pushed } => {
                server.latest += 1;
                let pushed =
                    pushed.and_then(|back| server.message(server.latest - back.min(server.latest)));
                if let Some(message) = pushed {
                    let arrivals = device.store.arrive(&[message], true).await.unwrap();
                    if arrivals == [Arrival::Unplaced] {
                        device.sync(&mut server, 3, true).await;
                    }
                }
            }
            Step::Withheld => {
                server.latest += 1;
                server.withheld.insert(server.latest);
            }
            Step::Sync { most, knowing } => device.sync(&mut server, most, knowing).await,
            Step::Fill { fits } => drop(device.fill(&server, fits).await),
            Step::Tell { count } => drop(device.tell(count).await),
            Step::Restart => device.restart().await,
        }
    }
    device.sync(&mut server, 2, true).await;
    while device.fill(&server, 2).await {}
    while device.tell(3).await > 0 {}

    let there: Vec<u32> = (1..=server.latest)
        .filter(|id| !server.withheld.contains(id))
        .collect();
    assert_eq!(device.told, there, "each once, in order");
    let here = device.store.messages(WITH, 0, 500).await.unwrap();
    let here: Vec<u32> = here.iter().map(|entry| entry.message.id).collect();
    assert_eq!(here, there, "and nothing else is here");
    device.store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_told_once_and_in_order(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps));
    }
}
