//! A MySQL or MariaDB server. Several connections write at the same time, here and in other processes; what must not
//! be done twice at once is held by row locks.
//!
//! Locks are taken in one order, so that transactions wait for each other rather than in a circle: the key of a request,
//! conversations (ascending), users, participants. Where they meet all the same, the server ends one of them, and it is
//! made again.

mod open;
pub(super) use open::{is_address, without_password};

mod account;
mod append;
mod audience;
mod contact;
mod department;
mod device;
mod group;
mod group_step;
mod invite;
mod membership;
mod message;
mod meta;
mod participant;
mod reference;
mod request;
mod resume;
mod revision;
mod sync;
mod user;

pub(super) mod archive;

mod attempt;
pub(super) mod error;
mod key;
mod session;
mod statement;

use std::sync::Arc;

use sqlx::MySqlConnection;

use self::session::Connections;
use super::time::ChangeClock;

/// A store in a database of a MySQL or MariaDB server.
///
/// What was answered survives what the server's own settings let it survive: `innodb_flush_log_at_trx_commit = 1` for a
/// power cut. Nothing that another process can change is remembered between transactions, but for how far the stamps
/// of changes have got.
#[derive(Clone, Debug)]
pub struct MySqlStore {
    /// Apart from those who read, so that a burst of lists does not hold up a message.
    writers: Arc<Connections>,
    readers: Arc<Connections>,
    /// For what this process changes in users, departments and devices.
    clock: Arc<ChangeClock>,
    /// For messages and groups: fed by the server's time alone, which all processes share, so that no machine's own clock moves it.
    messages: Arc<ChangeClock>,
    /// Bytes of bodies that one statement may carry.
    statement_bytes: usize,
    /// Keeps others out, if nobody else is to use the store. Only has to be there.
    _alone: Option<Arc<parking_lot::Mutex<MySqlConnection>>>,
}
