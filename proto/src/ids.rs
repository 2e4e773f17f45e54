//! Numbers that name things, as types that cannot be mixed up.
//!
//! Zero is no valid id anywhere on the wire (PROTOCOL.md, "Ids and time"), so the newtypes exclude it: parse once
//! at the edge with `new`, and no later code has to check again.

use std::fmt;
use std::num::NonZeroU32;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The id, or `None` for zero.
            pub const fn new(raw: u32) -> Option<Self> {
                match NonZeroU32::new(raw) {
                    Some(id) => Some(Self(id)),
                    None => None,
                }
            }

            /// The number on the wire; never zero.
            pub const fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id!(
    /// A user account.
    UserId
);
id!(
    /// A group.
    GroupId
);
id!(
    /// A message's place in its conversation: 1, 2, 3 … without a gap.
    MessageId
);

impl MessageId {
    /// The message with which a conversation begins.
    pub const FIRST: Self = Self(NonZeroU32::MIN);
}
