//! A client of a Ferrotalk or TeamTalk installation: typed, one task per connection, safe to resend.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tools::client::{Address, Client, Device, Event, Status};
//!
//! let address = Address::from_login("http://127.0.0.1:8080").await?;
//! let client = Client::connect(&address).await?;
//! let (session, mut events) = client.login("demo1", "demo", Device::Windows, Status::Online).await?;
//! let id = session.send_text(2_u32, "hello").await?;
//! println!("stored as {id}");
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{} wrote {:?}", message.from, message.text());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An address `ws://host:port/path` connects over WebSocket, and one with a [`Trust`] inside TLS; everything above the
//! connection is the same.
//!
//! A [`Session`] is one connection; when it ends it says why. An [`Account`] logs in again without the password where the
//! server lets it. A [`messenger`] stands above both: it comes back by itself, keeps what it was told, and sends what was
//! written until it is stored; that is what one writes applications with.

mod address;
pub(crate) mod http;
mod trust;

mod connection;
mod login;
mod register;
mod socket;
mod stream;

mod account;

mod event;
mod message;
mod session;
mod wire;

mod ask;
mod contact;
mod group;
mod group_step;
mod own;
mod readers;
mod revision;
mod send;
mod sync;
mod typing;

mod error;

pub mod messenger;

pub use account::{Account, EnterError};
pub use address::Address;
pub(crate) use address::lookup;
pub use connection::Connection;
pub use contact::{ContactError, ContactsPage};
pub use error::{
    AddressError, CloseReason, ConnectError, LoginError, ReceiveError, RequestError, SendError,
};
pub use event::{Event, Events};
pub use group_step::{GroupError, GroupPage, GroupRequestsPage};
pub use http::{HttpError, Response, Target, get};
pub use login::{Client, Device, Status, password_digest};
pub use message::{Conversation, Message, References};
pub use own::AccountError;
pub use readers::{ReadBy, ReadersError};
pub use register::{RegisterError, registration};
pub use revision::{Revised, Revision, RevisionError};
pub use send::{Outgoing, Sending};
pub use session::{Session, Waiting};
pub(crate) use socket::Socket;
pub(crate) use stream::Stream;
pub use sync::{Sync, SyncError, SyncPage, SyncedConversation};
pub use trust::{TlsArgs, Trust};
pub use typing::Typing;
