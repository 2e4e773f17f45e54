//! The pages of `docs/` that are made from the code: the list of commands and the list of configuration keys.
//!
//! `tests/docs.rs` holds the files against what is made here, so that they cannot fall behind.

use std::fmt::Write;

use im_base::config::documented_default;
use proto::command::{Command, Role};
use proto::commands;

/// A page and where it is kept, seen from the root of the repository.
#[derive(Clone, Debug)]
pub struct Page {
    /// The file.
    pub path: &'static str,
    /// What has to be in it.
    pub text: String,
}

/// Every page that is made from the code.
pub fn pages() -> Vec<Page> {
    vec![
        Page {
            path: "docs/COMMANDS.md",
            text: commands_page(),
        },
        Page {
            path: "docs/CONFIG.md",
            text: config_page(),
        },
    ]
}

const COMMANDS_HEAD: &str = "\
# Commands

Made from the rows in `proto/src/commands/`. Change those, not this file, then run
`FERROTALK_BLESS=1 cargo test -p tools --test docs`.

A command is a number, and the number says what the body is. `PROTOCOL.md` explains the frame around it and what each
command means; the fields of a message are in `proto/im/`. \"Way\" is who may send it to whom. file_server, push_server
and http_msg_server are processes of the original that Ferrotalk does not have; the numbers that only they use are
listed because they are taken. What msg_server refuses today is in PROTOCOL.md, \"Refusals\".
";

const SERVICES: [&str; 7] = [
    "Login",
    "Users, presence, recent sessions",
    "Messages",
    "Groups",
    "Files",
    "Signals between clients",
    "Heartbeat, and what servers tell each other",
];

/// `docs/COMMANDS.md`: every command, one table per service.
pub fn commands_page() -> String {
    let mut page = COMMANDS_HEAD.to_owned();
    for (service, title) in (1..).zip(SERVICES) {
        push(&mut page, format_args!("\n## Service {service}: {title}\n"));
        page.push_str("\n| number | name | message | answered by | way | what for |\n");
        page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for command in commands::all().filter(|command| command.id.service_id() == service) {
            push(&mut page, format_args!("{}\n", command_row(command)));
        }
    }
    page
}

fn command_row(command: &Command) -> String {
    let reply = command
        .reply
        .map_or_else(String::new, |reply| reply.to_string());
    let message = command
        .body
        .rsplit_once('.')
        .map_or(command.body, |(_, name)| name);
    format!(
        "| {} | {} | {} | {} | {} | {} |",
        command.id,
        command.name,
        message,
        reply,
        way(command.path),
        command.purpose.trim(),
    )
}

/// `client → msg_server`, and `↔` for what goes both ways.
fn way(path: &[(Role, Role)]) -> String {
    let mut hops: Vec<String> = Vec::new();
    for (place, (from, to)) in path.iter().enumerate() {
        let back = |other: &(Role, Role)| *other == (*to, *from);
        if path[..place].iter().any(back) {
            continue;
        }
        let arrow = if path.iter().any(back) { "↔" } else { "→" };
        hops.push(format!("{} {arrow} {}", from.name(), to.name()));
    }
    if hops.is_empty() {
        return "nobody sends it".to_owned();
    }
    hops.join(", ")
}

const CONFIG_HEAD: &str = "\
# Configuration

Made from the doc comments of the servers' `config.rs`. Change those, not this file, then run
`FERROTALK_BLESS=1 cargo test -p tools --test docs`.

Each server takes `--config FILE`, a TOML file. Every key has the default shown here, so a file needs only what differs.
A key that is not listed is an error, so that a typing mistake is not overlooked.

- `--print-default-config` prints what is below for one server: a good start for a file of your own.
- `--check-config` says whether a configuration can be used, with the certificates, keys and passwords in the files that it names, and exits.
- The environment overrides the file: `FERROTALK_<SECTION>__<KEY>`, two underscores between section and key. A list is
  written as in TOML: `FERROTALK_PEERS__DB='[\"10.0.0.3:10600\", \"10.0.0.4:10600\"]'`. A variable that fits no key of a
  server is left alone, so one environment can serve all four.
- A configuration that cannot be used ends the process with exit code 64 and one line that names the key and the mend. A file that it names and
  that is not there or no good, found at the start, ends it with 1: what is missing may come.
";

/// `docs/CONFIG.md`: every key of every server with its default and what it means.
pub fn config_page() -> String {
    let mut page = CONFIG_HEAD.to_owned();
    for (server, keys) in [
        ("login_server", documented_default::<login_server::Config>()),
        ("msg_server", documented_default::<msg_server::Config>()),
        ("route_server", documented_default::<route_server::Config>()),
        ("db_proxy", documented_default::<db_proxy::Config>()),
    ] {
        push(
            &mut page,
            format_args!("\n## {server}\n\n```toml\n{}\n```\n", keys.trim_end()),
        );
    }
    page
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_there_and_back_is_one_hop() {
        use Role::{Client, DbProxy, MsgServer};
        assert_eq!(
            way(&[
                (Client, MsgServer),
                (MsgServer, DbProxy),
                (MsgServer, Client)
            ]),
            "client ↔ msg_server, msg_server → db_proxy"
        );
        assert_eq!(way(&[]), "nobody sends it");
    }

    #[test]
    fn every_command_has_its_row_and_nothing_breaks_a_table() {
        let page = commands_page();
        let rows = page.lines().filter(|line| line.starts_with("| 0x"));
        assert_eq!(rows.clone().count(), commands::all().count());
        assert!(rows.into_iter().all(|row| row.matches('|').count() == 7));
    }
}
