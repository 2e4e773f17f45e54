//! What people and tests use Ferrotalk with: a typed client, a chat in the terminal, a doctor that looks at an
//! installation from outside, and a topology of local processes.
//!
//! Read in this order: [`client`] (what a client does, from the address to a session), [`chat`], [`doctor`] and
//! [`conform`] (programs made of it), [`cluster`], [`up`] and [`restart`] (the processes and the commands that start them), [`chaos`]
//! (which breaks them and looks what comes of it), [`fuzzer`] (load, fuzz, relay and compare: a program of its own), [`users`] and
//! [`departments`], [`certificates`], [`import`], [`migrate`] and [`backup`] (everything at once). The command line itself is [`cli`]; the server processes are entered through [`roles`].

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "command-line tools print"
)]

pub mod client;
pub mod cluster;

pub mod chat;
pub mod conform;
pub mod departments;
pub mod doctor;
pub mod invites;
pub mod register;
pub mod restart;
pub mod trace;
pub mod up;
pub mod users;

pub mod chaos;

pub mod fuzzer;

pub mod backup;
pub mod import;
pub mod migrate;

mod transfer;

pub mod accounts;
pub mod certificates;
pub mod cli;
pub mod docs;
pub mod roles;
pub mod terminal;
