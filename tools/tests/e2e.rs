//! Whole installations of real processes, and what users see of them.
//!
//! One file per story. Each test has an installation of its own on free ports and in a folder of its own; when it
//! ends, a warning or an error in any process's log that the story did not announce fails it.
//!
//! Everything runs on SQLite and memory. With `FERROTALK_E2E_PAIR=mysql` it runs on a MariaDB and a Redis, which
//! `FERROTALK_TEST_MYSQL` and `FERROTALK_TEST_REDIS` name and `scripts/databases` starts, and on two db_proxies.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "e2e/world.rs"]
mod world;

#[path = "e2e/pair.rs"]
mod pair;

#[path = "e2e/person.rs"]
mod person;

#[path = "e2e/command.rs"]
mod command;

#[path = "e2e/chat.rs"]
mod chat;

#[path = "e2e/chat_history.rs"]
mod chat_history;

#[path = "e2e/chat_groups.rs"]
mod chat_groups;

#[path = "e2e/chat_terminal.rs"]
mod chat_terminal;

#[path = "e2e/history.rs"]
mod history;

#[path = "e2e/revisions.rs"]
mod revisions;

#[path = "e2e/references.rs"]
mod references;

#[path = "e2e/typing.rs"]
mod typing;

#[path = "e2e/readers.rs"]
mod readers;

#[path = "e2e/sync.rs"]
mod sync;

#[path = "e2e/group_steps.rs"]
mod group_steps;
#[path = "e2e/groups.rs"]
mod groups;

#[path = "e2e/contacts.rs"]
mod contacts;

#[path = "e2e/restart.rs"]
mod restart;

#[path = "e2e/resume.rs"]
mod resume;

#[path = "e2e/kick.rs"]
mod kick;

#[path = "e2e/presence.rs"]
mod presence;

#[path = "e2e/profiles.rs"]
mod profiles;

#[path = "e2e/registration.rs"]
mod registration;

#[path = "e2e/accounts.rs"]
mod accounts;

#[path = "e2e/turmoil.rs"]
mod turmoil;

#[path = "e2e/faults.rs"]
mod faults;

#[path = "e2e/databases.rs"]
mod databases;

#[path = "e2e/bad_input.rs"]
mod bad_input;

#[path = "e2e/websocket.rs"]
mod websocket;

#[path = "e2e/tls.rs"]
mod tls;

#[path = "e2e/tls_tools.rs"]
mod tls_tools;

#[path = "e2e/office.rs"]
mod office;

#[path = "e2e/api.rs"]
mod api;

#[path = "e2e/api_groups.rs"]
mod api_groups;

#[path = "e2e/login_server.rs"]
mod login_server;

#[path = "e2e/trace.rs"]
mod trace;

#[path = "e2e/conform.rs"]
mod conform;

#[path = "e2e/up.rs"]
mod up;

#[path = "e2e/fuzz.rs"]
mod fuzz;

#[path = "e2e/chaos.rs"]
mod chaos;

#[path = "e2e/load.rs"]
mod load;
