//! What a command is: a number, the message it carries, who sends it to whom, how it is answered and how refused.
//!
//! The rows themselves are in [`crate::commands`], one file per service.

use std::fmt;

use bytes::Bytes;

use crate::ids::UserId;
use crate::pdu::Pdu;

/// A command's number: 0xSSNN with the service in the high byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u16);

impl CommandId {
    /// The service it belongs to, 1 to 7 for commands of the base protocol.
    pub const fn service_id(self) -> u16 {
        self.0 >> 8
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// A kind of process that can be at one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Somebody's chat program.
    Client,
    /// Names the msg_server to go to.
    LoginServer,
    /// Owns client sessions.
    MsgServer,
    /// Knows who is online where.
    RouteServer,
    /// Owns the database.
    DbProxy,
    /// Carries files; not part of Ferrotalk.
    FileServer,
    /// Carries push notifications; not part of Ferrotalk.
    PushServer,
    /// Serves back offices; msg_server does it in Ferrotalk.
    HttpMsgServer,
}

impl Role {
    /// The process's name as in configuration, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::LoginServer => "login_server",
            Self::MsgServer => "msg_server",
            Self::RouteServer => "route_server",
            Self::DbProxy => "db_proxy",
            Self::FileServer => "file_server",
            Self::PushServer => "push_server",
            Self::HttpMsgServer => "http_msg_server",
        }
    }
}

/// One row: everything about a command but its types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The number.
    pub id: CommandId,
    /// Its name in the `.proto` enum.
    pub name: &'static str,
    /// Full name of the message in the body.
    pub body: &'static str,
    /// The command that answers it, if one does.
    pub reply: Option<CommandId>,
    /// Who sends it to whom.
    pub path: &'static [(Role, Role)],
    /// What it is for, in a sentence or two.
    pub purpose: &'static str,
}

impl Command {
    /// Whether `from` may send this to `to`.
    pub fn allows(&self, from: Role, to: Role) -> bool {
        self.path.contains(&(from, to))
    }
}

/// A message that has a command of its own.
pub trait Body:
    prost::Message + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static
{
    /// Its number.
    const ID: CommandId;

    /// Its row.
    const COMMAND: Command;

    /// Writes the session's user over whatever the body claims. Nothing for messages that name no actor.
    fn claim(&mut self, _user: UserId) {}

    /// Takes off the note that servers attach for themselves (`attach_data`). It never goes to a client and is never
    /// taken from one. Nothing for messages that have no such field.
    fn detach(&mut self) -> Option<Bytes> {
        None
    }

    /// Puts such a note on. Nothing for messages that have no such field.
    fn attach(&mut self, _note: Option<Bytes>) {}

    /// Says why the answer is no. Nothing for messages that have no field for it.
    fn explain(&mut self, _reason: &'static str) {}
}

/// Something to be done with the type of a command's message, when only the number is known; see
/// [`visit`](crate::commands::visit).
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<M: Body>(self) -> Self::Output;
}

/// A message that somebody may ask with; also one-way messages, whose reply is [`NoReply`].
pub trait Request: Body {
    /// The message that answers.
    type Reply: Reply;

    /// The answer that says no. `None` where the protocol has no field to say it with.
    fn refusal(&self) -> Option<Self::Reply> {
        None
    }
}

/// Something a handler may answer with: a message, or nothing.
pub trait Reply: Send + 'static {
    /// The frame to send, numbered like the request.
    fn into_pdu(self, seq_num: u16) -> Option<Pdu>;

    /// An answer that says no, with the reason if it has a field for it.
    #[must_use]
    fn because(self, reason: &'static str) -> Self
    where
        Self: Sized;
}

impl<M: Body> Reply for M {
    fn because(mut self, reason: &'static str) -> Self {
        self.explain(reason);
        self
    }

    fn into_pdu(self, seq_num: u16) -> Option<Pdu> {
        Some(Pdu::new(&self, seq_num))
    }
}

/// The answer of a one-way command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReply;

impl Reply for NoReply {
    fn because(self, _reason: &'static str) -> Self {
        self
    }

    fn into_pdu(self, _seq_num: u16) -> Option<Pdu> {
        None
    }
}
