//! What a port speaks, and as whom it is spoken to.

use clap::ValueEnum;
use proto::decoder::{MAX_CLIENT_FRAME, MAX_SERVER_FRAME};
use proto::{Command, Role, commands};
use serde::{Deserialize, Serialize};

/// A kind of port of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialect {
    /// msg_server's port for clients
    Client,
    /// msg_server's port for clients that speak WebSocket
    Websocket,
    /// Any HTTP port: login_server's, the API for back offices, those of administration
    Http,
    /// login_server's packet port, which clients ask for a msg_server
    ClientToLogin,
    /// login_server's port where msg_servers register
    MsgServerToLogin,
    /// route_server's port
    MsgServerToRoute,
    /// db_proxy's port
    MsgServerToDb,
}

impl Dialect {
    /// The port that `run.json` names so, of a process of that role.
    pub(crate) fn of_port(role: &str, port: &str) -> Option<Self> {
        Some(match (role, port) {
            (_, "admin" | "http" | "api") => Self::Http,
            ("msg_server", "tcp") => Self::Client,
            ("msg_server", "websocket") => Self::Websocket,
            ("login_server", "tcp") => Self::ClientToLogin,
            ("login_server", "registration") => Self::MsgServerToLogin,
            ("route_server", "servers") => Self::MsgServerToRoute,
            ("db_proxy", "servers") => Self::MsgServerToDb,
            _ => return None,
        })
    }

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Websocket => "websocket",
            Self::Http => "http",
            Self::ClientToLogin => "client-to-login",
            Self::MsgServerToLogin => "msg-server-to-login",
            Self::MsgServerToRoute => "msg-server-to-route",
            Self::MsgServerToDb => "msg-server-to-db",
        }
    }

    /// Who sends to whom, where frames are sent at all.
    pub(crate) fn ends(self) -> Option<(Role, Role)> {
        match self {
            Self::Client | Self::Websocket => Some((Role::Client, Role::MsgServer)),
            Self::Http => None,
            Self::ClientToLogin => Some((Role::Client, Role::LoginServer)),
            Self::MsgServerToLogin => Some((Role::MsgServer, Role::LoginServer)),
            Self::MsgServerToRoute => Some((Role::MsgServer, Role::RouteServer)),
            Self::MsgServerToDb => Some((Role::MsgServer, Role::DbProxy)),
        }
    }

    /// Whether clients log in there.
    pub(crate) fn has_sessions(self) -> bool {
        matches!(self, Self::Client | Self::Websocket)
    }

    /// The commands that such a port is meant for.
    pub(crate) fn commands(self) -> Vec<&'static Command> {
        let Some((from, to)) = self.ends() else {
            return Vec::new();
        };
        commands::all()
            .filter(|command| command.allows(from, to))
            .collect()
    }

    /// The largest frame that such a port takes.
    pub(crate) fn max_frame(self) -> u32 {
        match self {
            Self::Client | Self::Websocket => MAX_CLIENT_FRAME,
            Self::Http => 8 * 1024,
            Self::ClientToLogin | Self::MsgServerToLogin => 4 * 1024,
            Self::MsgServerToRoute | Self::MsgServerToDb => MAX_SERVER_FRAME,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_port_has_commands_and_names_are_those_of_the_command_line() {
        for dialect in Dialect::value_variants() {
            assert_eq!(dialect.commands().is_empty(), *dialect == Dialect::Http);
            let value = dialect.to_possible_value().unwrap();
            assert_eq!(value.get_name(), dialect.name());
            let json = serde_json::to_value(dialect).unwrap();
            assert_eq!(json, dialect.name());
        }
    }
}
