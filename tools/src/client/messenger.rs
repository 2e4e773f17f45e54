//! A client that remembers: local history, an outbox, and a connection that comes back by itself.
//!
//! A [`Messenger`] is what one writes applications with. It keeps what one account has on one device in a [`LocalStore`], a
//! file of SQLite, and the application level with it by one stream of [`News`]:
//!
//! - The messages of a conversation come in the order of their ids, each once, also across lost connections and restarts of
//!   the program. What is missing between two is fetched before the second one is told of.
//! - What is sent is written down first, with the key by which the server knows it again; it is sent until the server has
//!   acknowledged or refused it, by the next run of the program if need be. Then it stands in the history under its id.
//! - After a login the messenger asks for [what changed](crate::client::Session::sync), and writes it down together with the
//!   cursor. Servers of the base protocol, which have no such thing, are asked for their lists and for the ids that are missing.
//! - It logs in with the token of the last login, with the password where that is no good, waits longer after each failure,
//!   goes to another server when it is told to, and ends with a reason when it is sent away or refused.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tools::client::messenger::{LocalStore, Messenger, News, Place};
//! use tools::client::{Account, Device, Status};
//!
//! let store = LocalStore::open("demo1.db".as_ref()).await?;
//! let account = Account::new("demo1", "demo", Device::Windows, Status::Online);
//! let place = Place::Login { url: "http://127.0.0.1:8080".into(), trust: None };
//! let (messenger, mut news) = Messenger::start(place, account, store).await?;
//! messenger.send_text(2_u32, "hello").await?;
//! while let Some(news) = news.next().await {
//!     match news {
//!         News::Message(entry) => println!("{}: {:?}", entry.message.from, entry.message.text()),
//!         News::Sent { entry, .. } => println!("stored as {}", entry.message.id),
//!         News::Ended(reason) => println!("{reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What the application was told of, a later run is not told again; what it did not [mark as read](Messenger::mark_read) is
//! unread in the [local history](LocalStore::conversations), which it looks at when it starts.
//!
//! Absent on purpose: what is gone when it is missed. Presence, typing and the like pass through as news and are kept nowhere.

mod place;

mod news;
mod store;

mod engine;
mod group_steps;
mod steps;

use std::sync::Arc;

use im_base::task::Tasks;
use proto::capability;
use tokio::sync::{mpsc, watch};

pub use news::{EndReason, News, NewsStream};
pub use place::{AttemptError, Place};
pub use steps::StepError;
pub use store::{
    Arrival, ConversationState, Draft, DraftId, Entry, Known, LocalStore, OutboxFull, StoreError,
    Taken,
};

use super::message::Conversation;
use super::send::Outgoing;
use super::{Account, Events, RequestError, Session};
use engine::{Engine, Order, Reins};

/// The extensions that a messenger has a use for. An account that announces others besides, such as typing and how far the user
/// has read, gets their events as [`News::Event`].
pub const CAPABILITIES: u64 = capability::RESUME
    | capability::NAK
    | capability::RECONNECT
    | capability::SYNC
    | capability::ACCOUNT
    | capability::CONTACTS
    | capability::GROUPS
    | capability::REVISIONS
    | capability::REFERENCES;

/// A client that remembers; clones are the same one. It ends when the last one is dropped, or by [`close`](Self::close).
#[derive(Clone, Debug)]
pub struct Messenger {
    store: LocalStore,
    pokes: mpsc::Sender<()>,
    orders: Arc<watch::Sender<Order>>,
    session: watch::Receiver<Option<Session>>,
    running: watch::Receiver<()>,
}

impl Messenger {
    /// Begins to try for a connection, and goes on until it is told to end or sent away. Without a connection it reads and
    /// writes what is here.
    pub async fn start(
        place: Place,
        account: Account,
        store: LocalStore,
    ) -> Result<(Self, NewsStream), StoreError> {
        let account = prepared(account, &store).await?;
        Ok(Self::launch(place, account, store, None))
    }

    /// As [`start`](Self::start), but for the first connection, which it waits for; an error is why there is none.
    pub async fn connect(
        place: Place,
        account: Account,
        store: LocalStore,
    ) -> Result<(Self, NewsStream), ConnectFailure> {
        let account = prepared(account, &store).await?;
        let entered = place.enter(&account).await;
        if entered.is_err() {
            store.keep_token(account.token().as_deref()).await?;
        }
        Ok(Self::launch(place, account, store, Some(entered?)))
    }

    fn launch(
        place: Place,
        account: Account,
        store: LocalStore,
        linked: Option<(Session, Events)>,
    ) -> (Self, NewsStream) {
        let (poke_sender, pokes) = mpsc::channel(1);
        let (order_sender, orders) = watch::channel(Order::Go);
        let (session_sender, session) = watch::channel(None);
        let (news_sender, queue) = mpsc::channel(news::CAPACITY);
        let (running_sender, running) = watch::channel(());
        let reins = Reins {
            pokes,
            orders,
            session: session_sender,
            news: news_sender,
        };
        let engine = Engine::new(store.clone(), place, account, reins);
        Tasks::default().spawn("messenger", async move {
            engine.run(linked).await;
            drop(running_sender);
        });
        let messenger = Self {
            store,
            pokes: poke_sender,
            orders: Arc::new(order_sender),
            session,
            running,
        };
        let stream = NewsStream {
            queue,
            ended: false,
        };
        (messenger, stream)
    }

    /// The local history.
    pub fn store(&self) -> &LocalStore {
        &self.store
    }

    /// The connection there is now, for requests that the messenger keeps nothing of.
    pub fn session(&self) -> Option<Session> {
        self.session.borrow().clone()
    }

    /// Takes a text to be sent, and gives its number; [`News::Sent`] or [`News::NotSent`] tells what became of it. Once this
    /// returns it is sent, even if the program dies.
    pub async fn send_text(
        &self,
        to: impl Into<Conversation>,
        text: &str,
    ) -> Result<DraftId, OutboxFull> {
        self.send(&Outgoing::text(to, text)).await
    }

    /// As [`send_text`](Self::send_text), for a message of any type and content. One without a key gets one.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<DraftId, OutboxFull> {
        let now = u32::try_from(engine::unix_now()).unwrap_or_default();
        let draft = self.store.draft(&outgoing.clone().keyed(), now).await?;
        self.poke();
        Ok(draft)
    }

    /// Marks everything up to a message as read, here at once and on the user's other devices as soon as there is a connection.
    pub async fn mark_read(
        &self,
        conversation: impl Into<Conversation>,
        id: u32,
    ) -> Result<(), StoreError> {
        let moved = self.store.read_to(conversation.into(), id, true).await?;
        if moved.is_some() {
            self.poke();
        }
        Ok(())
    }

    /// Messages with ids below `before` (0: the newest ones), at most `count` and 500, ascending: from here, and what is older
    /// from the server, if there is a connection. Cancel-safe.
    pub async fn history(
        &self,
        conversation: impl Into<Conversation>,
        before: u32,
        count: u32,
    ) -> Result<Vec<Entry>, StepError> {
        /// Pages that one question fetches at most: a server gives fewer than asked for when messages are large.
        const PAGES: usize = 8;
        let conversation = conversation.into();
        for _ in 0..PAGES {
            let here = self.store.messages(conversation, before, count).await?;
            let lacks = count.saturating_sub(u32::try_from(here.len()).unwrap_or(u32::MAX));
            let floor = self.store.conversation(conversation).await?;
            let floor = floor.map_or(0, |state| state.complete_from);
            let Some(session) = self.session().filter(|_| lacks > 0 && floor != 1) else {
                return Ok(here);
            };
            let begin = floor.saturating_sub(1);
            let page = match session.history(conversation, begin, lacks).await {
                Ok(page) => page,
                // what is here is better than nothing
                Err(RequestError::Closed(_)) if !here.is_empty() => return Ok(here),
                Err(error) => return Err(error.into()),
            };
            self.store.older(conversation, begin, &page).await?;
            if floor == 0 && page.is_empty() {
                return Ok(here);
            }
        }
        Ok(self.store.messages(conversation, before, count).await?)
    }

    /// Ends it; the token stays good, so that the next run needs no password. Waits until the connection is left and nothing is
    /// written any more. The store stays open.
    pub async fn close(&self) {
        self.end(Order::Close).await;
    }

    /// As [`close`](Self::close), with a logout: the next run needs the password.
    pub async fn log_out(&self) {
        self.end(Order::LogOut).await;
    }

    async fn end(&self, order: Order) {
        self.orders.send_replace(order);
        let mut running = self.running.clone();
        // An error is what is waited for: the task is gone.
        while running.changed().await.is_ok() {}
    }

    /// There is something to be done. One poke that waits is as good as many.
    fn poke(&self) {
        self.pokes.try_send(()).ok();
    }
}

/// There is no first connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    /// Nobody was reached, or did not let the user in.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The local history cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// With the token of the last run.
async fn prepared(account: Account, store: &LocalStore) -> Result<Account, StoreError> {
    let announced = account.capabilities();
    let account = account.announcing(CAPABILITIES | announced);
    match account.token() {
        Some(_) => Ok(account),
        None => Ok(account.with_token(store.token().await?)),
    }
}
