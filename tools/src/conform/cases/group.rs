//! Service 4: groups.

pub(super) mod create;
pub(super) mod members;
pub(super) mod notices;

pub(super) mod access;
pub(super) mod chat;
pub(super) mod reading;

pub(super) mod settings;

pub(super) mod joining;
pub(super) mod running;
