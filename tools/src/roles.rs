//! The server processes, entered under their names: `ferrotalk msg_server …` is the program `msg_server …`.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cluster::Role;

/// The role that a command line names, if it does.
pub fn named(args: &[OsString]) -> Option<Role> {
    args.get(1)?.to_str().and_then(Role::from_name)
}

/// Runs a server. `args` begin with its name. Blocks until the server has ended; makes its own runtime.
pub fn run(role: Role, args: Vec<OsString>) -> ExitCode {
    match role {
        Role::DbProxy => db_proxy::run(args),
        Role::RouteServer => route_server::run(args),
        Role::LoginServer => login_server::run(args),
        Role::MsgServer => msg_server::run(args),
    }
}
