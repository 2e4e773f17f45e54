//! Service 1: address, login, logout, kick, settings of notifications.

pub(super) mod address;
pub(super) mod session;

pub(super) mod account;
pub(super) mod refused;
pub(super) mod resume;

pub(super) mod kick;

pub(super) mod settings;
