//! The messages' fields as data: for tools that write or read bodies of any command without knowing its type.

/// How often a field may stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// Once or not at all.
    Optional,
    /// Once.
    Required,
    /// Any number of times.
    Repeated,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A varint of at most 32 bits.
    Uint32,
    /// A varint of at most 64 bits.
    Uint64,
    /// A varint, 0 or 1.
    Bool,
    /// A varint; the numbers that have a name, in the order of the `.proto` file.
    Enum(&'static [i32]),
    /// UTF-8 behind its length.
    Text,
    /// Bytes behind their length.
    Bytes,
    /// A message behind its length, by its full name.
    Message(&'static str),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name in the `.proto` file.
    pub name: &'static str,
    /// How often it may be there.
    pub label: Label,
    /// What it holds.
    pub kind: Kind,
}

/// One message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its full name, as in [`Command::body`](crate::Command) and [`Kind::Message`].
    pub name: &'static str,
    /// Its fields, in the order of the `.proto` file.
    pub fields: &'static [Field],
}

/// Every message of `im/*.proto`.
pub const MESSAGES: &[Message] = include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// The message with that full name.
pub fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|message| message.name == name)
}

impl Message {
    /// The field with that number.
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}
