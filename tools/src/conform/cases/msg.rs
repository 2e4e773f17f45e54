//! Service 3: messages between two users, read marks, history.

pub(super) mod delivery;
pub(super) mod refused;
pub(super) mod store;
pub(super) mod voice;

pub(super) mod history;
pub(super) mod readers;
pub(super) mod reading;
pub(super) mod reference;
pub(super) mod revision;
pub(super) mod sync;
pub(super) mod typing;
