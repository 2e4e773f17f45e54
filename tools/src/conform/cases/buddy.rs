//! Service 2: presence, the address book, profiles, recent sessions.

pub(super) mod presence;

pub(super) mod people;
pub(super) mod profile;

pub(super) mod recent;

pub(super) mod contacts;
