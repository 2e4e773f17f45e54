//! Every command, one row each, one file per service.
//!
//! A row binds number, name, message, path, the field that names the actor, the field that servers attach notes in,
//! the field that says why the answer is no, the reply, and the answer that says no.
//! Routers, metric labels and the coverage tests are made from these rows; nothing else repeats them.

/// Rows of one service: for each, the [`Body`](crate::Body) and [`Request`](crate::Request) of its message; together
/// the service's table `COMMANDS`.
macro_rules! commands {
    ($(
        $(#[doc = $purpose:literal])+
        $id:literal $name:ident $body:ident = $full:literal {
            path: [$($from:ident => $to:ident),* $(,)?],
            $(owner: $owner:ident,)?
            $(attach: $attach:ident,)?
            $(reason: $reason:ident,)?
            $(reply: $reply:ident,)?
            $(refusal: |$req:ident| $refusal:expr,)?
        }
    )+) => {
        $(
            impl crate::command::Body for $body {
                const ID: crate::command::CommandId = crate::command::CommandId($id);
                const COMMAND: crate::command::Command = crate::command::Command {
                    id: Self::ID,
                    name: stringify!($name),
                    body: $full,
                    reply: commands!(@reply_id $($reply)?),
                    path: &[$((crate::command::Role::$from, crate::command::Role::$to)),*],
                    purpose: concat!($($purpose),+),
                };
                $(
                    fn claim(&mut self, user: crate::ids::UserId) {
                        self.$owner = user.get();
                    }
                )?
                $(
                    fn detach(&mut self) -> Option<bytes::Bytes> {
                        self.$attach.take()
                    }

                    fn attach(&mut self, note: Option<bytes::Bytes>) {
                        self.$attach = note;
                    }
                )?
                $(
                    fn explain(&mut self, reason: &'static str) {
                        self.$reason = Some(reason.to_owned());
                    }
                )?
            }

            impl crate::command::Request for $body {
                type Reply = commands!(@reply_type $($reply)?);
                $(
                    fn refusal(&self) -> Option<Self::Reply> {
                        let $req = self;
                        Some($refusal)
                    }
                )?
            }
        )+

        /// Hands the type of a command's message to a visitor; gives the visitor back if the command is not of this service.
        pub(super) fn visit<V: crate::command::Visitor>(
            id: crate::command::CommandId,
            visitor: V,
        ) -> Result<V::Output, V> {
            match id.0 {
                $($id => Ok(visitor.visit::<$body>()),)+
                _ => Err(visitor),
            }
        }

        /// This service's commands, in the order of their numbers.
        pub const COMMANDS: &[crate::command::Command] = &[$(<$body as crate::command::Body>::COMMAND),+];
    };

    (@reply_id) => { None };
    (@reply_id $reply:ident) => { Some(<$reply as crate::command::Body>::ID) };
    (@reply_type) => { crate::command::NoReply };
    (@reply_type $reply:ident) => { $reply };
}

pub mod buddy;
pub mod file;
pub mod group;
pub mod login;
pub mod msg;
pub mod other;
pub mod switch;

use crate::command::{Command, CommandId, Visitor};

/// Every command of every service, in the order of their numbers.
pub fn all() -> impl Iterator<Item = &'static Command> {
    [
        login::COMMANDS,
        buddy::COMMANDS,
        msg::COMMANDS,
        group::COMMANDS,
        file::COMMANDS,
        switch::COMMANDS,
        other::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

/// The row with that number.
pub fn find(id: CommandId) -> Option<&'static Command> {
    all().find(|command| command.id == id)
}

/// Hands the type of a command's message to a visitor; `None` for a number that no row has.
pub fn visit<V: Visitor>(id: CommandId, visitor: V) -> Option<V::Output> {
    login::visit(id, visitor)
        .or_else(|visitor| buddy::visit(id, visitor))
        .or_else(|visitor| msg::visit(id, visitor))
        .or_else(|visitor| group::visit(id, visitor))
        .or_else(|visitor| file::visit(id, visitor))
        .or_else(|visitor| switch::visit(id, visitor))
        .or_else(|visitor| other::visit(id, visitor))
        .ok()
}
