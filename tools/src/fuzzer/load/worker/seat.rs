//! One user of the scenario and his connection.

use bytes::Bytes;

use super::asked::Asked;
use super::link::Link;

/// Where a user is on his way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected, not on his way.
    Away,
    /// Asks login_server for an address.
    Looking,
    /// Connects to a msg_server.
    Dialling,
    /// The login is sent.
    Entering,
    /// Logged in.
    Online,
}

/// A user.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) state: State,
    /// Counts connections, so that an event of an old one is known as such.
    pub(super) generation: u32,
    pub(super) link: Option<Link>,
    /// Waits to be flushed.
    pub(super) dirty: bool,
    pub(super) asked: Asked,
    /// Known from the first login on, 0 before.
    pub(super) user_id: u32,
    /// For the next login.
    pub(super) token: Option<Bytes>,
    /// Conversations with the place in each.
    pub(super) places: Vec<(u32, usize)>,
    /// Who writes from this device.
    pub(super) voices: Vec<u32>,
    /// When the login under way was begun.
    pub(super) started: u64,
    /// When others should have begun to hear of the last login or logout.
    pub(super) changed: u64,
    /// The other side ended the connection, and there has been no other since.
    pub(super) lost: bool,
    /// Failed logins in a row.
    pub(super) failures: u32,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            state: State::Away,
            generation: 0,
            link: None,
            dirty: false,
            asked: Asked::default(),
            user_id: 0,
            token: None,
            places: Vec::new(),
            voices: Vec::new(),
            started: 0,
            changed: 0,
            lost: false,
            failures: 0,
        }
    }

    /// What its connection's events are known by.
    pub(super) fn key(&self, seat: u32) -> u64 {
        u64::from(self.generation) << 32 | u64::from(seat)
    }
}

/// Whose event it is, and of which connection.
pub(super) fn of_key(key: u64) -> (u32, u32) {
    (key as u32, (key >> 32) as u32)
}
