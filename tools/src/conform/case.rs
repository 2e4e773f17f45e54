//! What a case is: a rule of the protocol, and a function that tries it.

use std::future::Future;
use std::pin::Pin;

use proto::CommandId;

use super::ctx::Ctx;
use super::section::Section;

/// A rule, and the function that tries it. Rows are made by [`cases!`], one table per file of [`cases`](super::cases).
#[derive(Debug)]
pub struct Case {
    /// Group and name: `login/wrong-password`.
    pub name: &'static str,
    /// The rule in a sentence or two.
    pub rule: &'static str,
    /// Where PROTOCOL.md has it.
    pub section: Section,
    /// Commands that the case sends to find out.
    pub commands: &'static [CommandId],
    /// Numbers of known defects of the original servers that would make it fail.
    pub defects: &'static [u16],
    /// What has to be there for it.
    pub needs: &'static [Need],
    /// Tries the rule.
    pub run: Run,
}

/// A case's function. Its future stays on the thread that it was made on.
pub type Run = for<'a> fn(&'a Ctx) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// Something without which a case makes no sense; it is skipped then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Two msg_servers of the same installation.
    TwoServers,
    /// login_server's HTTP address.
    LoginServer,
    /// login_server's packet port.
    PacketPort,
    /// Bytes rather than messages on the way: how a frame is cut up is the sender's choice.
    Tcp,
    /// Ferrotalk's own extensions.
    Ferrotalk,
}

/// How a case went, or what a step of it gave.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a case did not get to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The rule does not hold.
    Fail {
        /// What the rule says.
        expected: String,
        /// What happened.
        came: String,
    },
    /// It could not be tried, and why.
    Skip(String),
}

/// Rows of a file: a rule, a name, the function, the section, and what else [`Case`] has.
macro_rules! cases {
    ($(
        $(#[doc = $rule:literal])+
        $name:literal $run:ident in $section:ident {
            commands: [$($body:ident),* $(,)?],
            $(defects: [$($defect:literal),* $(,)?],)?
            $(needs: [$($need:ident),* $(,)?],)?
        }
    )+) => {
        /// This file's cases, in the order in which they are tried.
        pub(crate) const CASES: &[$crate::conform::case::Case] = &[$(
            $crate::conform::case::Case {
                name: $name,
                rule: concat!($($rule),+),
                section: $crate::conform::section::Section::$section,
                commands: &[$(<$body as proto::Body>::ID),*],
                defects: &[$($($defect),*)?],
                needs: &[$($($crate::conform::case::Need::$need),*)?],
                run: |ctx| Box::pin($run(ctx)),
            }
        ),+];
    };
}
pub(crate) use cases;
