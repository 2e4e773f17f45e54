//! The other processes, each with the verbs that this server needs from it.

mod db;
mod login;
mod route;

pub(crate) use db::{Db, Lane};
pub(crate) use login::Logins;
pub(crate) use route::{Pushed, Routes, raw_ids};
