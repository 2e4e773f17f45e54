//! What may be asked, by whom: the tables of the two TCP ports.

pub mod login;
pub mod other;

use im_base::dispatch::Router;
use proto::Role;

use login::Inquirer;
use other::Announcer;

/// What clients may send.
pub fn for_clients() -> Router<Inquirer> {
    login::routes(Router::new(Role::Client, Role::LoginServer))
}

/// What msg_servers may send. A client's question on their port is answered too, but not from this table: see
/// [`crate::tcp::serve_msg_servers`].
pub fn for_msg_servers() -> Router<Announcer> {
    other::routes(Router::new(Role::MsgServer, Role::LoginServer))
}
