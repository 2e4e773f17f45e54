//! `ferrotalk conform`: tries every rule of the protocol on a server that is there, whoever made it.
//!
//! Read in this order: [`case`] (what a case is), [`ctx`] and [`device`] (what it has to work with), [`cases`] (all of
//! them, one file per service), [`run`] and [`report`].

pub mod case;
pub mod cases;
pub mod ctx;
mod device;
mod expect;
mod link;
mod report;
pub mod run;
pub mod section;
pub mod transport;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use im_base::causes;

use crate::accounts::DEMO_PASSWORD;
use crate::client::{Target, TlsArgs};
use crate::terminal::Paint;
use case::Case;
use report::Report;
use run::Subject;
use transport::Server;

/// What `up` serves.
const DEFAULT_LOGIN: &str = "http://127.0.0.1:8080";

/// How many demo users take part.
const DEMO_USERS: u32 = 6;

/// Try every rule of the protocol on a server, this one or another
#[derive(Args, Debug)]
#[command(after_help = "\
One line per case: pass, FAIL or skip, and the section of docs/PROTOCOL.md that has the rule. Exit code 0 when nothing
failed, 1 when something did, 2 when the cases could not be tried.

Users are given as lines `NAME PASSWORD`, at least four of them. They are logged in and out on desktop and phone, write
to each other, make groups and change their signatures: use accounts made for it.

Examples:
  ferrotalk conform --demo                            what `ferrotalk up --demo-users 6` runs
  ferrotalk conform --login http://im.example.org:8080 --users users.txt
  ferrotalk conform --demo --server ws://127.0.0.1:9090/ --server ws://127.0.0.1:9091/
  ferrotalk conform --demo --only group/ --only msg/ack-fields
  ferrotalk conform --list")]
pub struct ConformArgs {
    /// login_server's HTTP address
    #[arg(
        long,
        value_name = "URL",
        default_value = DEFAULT_LOGIN,
        env = "FERROTALK_LOGIN"
    )]
    login: String,
    /// Take the users from this file, or from standard input if it is `-`
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    users: Option<PathBuf>,
    /// Take demo1 … demo6, password demo
    #[arg(long)]
    demo: bool,
    /// Only cases whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Show the cases and try none
    #[arg(long)]
    list: bool,
    /// One JSON object per case, and one with the counts
    #[arg(long)]
    json: bool,
    /// A msg_server, besides those that login_server names; may be given several times. With ws://HOST:PORT/ the cases are
    /// tried over WebSocket, and on the servers given alone. With --tls these are ports for TLS, wss://HOST:PORT/
    #[arg(long, value_name = "HOST:PORT")]
    server: Vec<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// login_server's packet port
    #[arg(long, value_name = "HOST:PORT")]
    packet: Option<Server>,
    /// How long to wait for each thing that should come
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    deadline: u64,
    /// Try Ferrotalk's own extensions without finding out whether it is one
    #[arg(long)]
    ferrotalk: bool,
}

/// Runs the cases; a failing one makes the exit code 1, and not getting that far 2.
pub async fn run(args: ConformArgs) -> anyhow::Result<ExitCode> {
    match tried(args).await {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            let why = causes::line(&error);
            eprintln!("{} {why}", Paint::stderr().bad("error:"));
            Ok(ExitCode::from(2))
        }
    }
}

/// Whether nothing failed.
async fn tried(args: ConformArgs) -> anyhow::Result<bool> {
    let cases = chosen(&args.only)?;
    if args.list {
        report::list(&cases, args.json);
        return Ok(true);
    }
    let trust = args.tls.trust()?;
    let servers = args.server.iter();
    let servers = servers.map(|text| Server::parse(text, trust.as_ref()));
    let subject = Subject {
        default_login: args.login == DEFAULT_LOGIN,
        login: Some(Target::parse(&args.login, trust.as_ref())?),
        packet: args.packet,
        servers: servers.collect::<anyhow::Result<_>>()?,
        trust,
        users: users(args.users, args.demo)?,
        deadline: Duration::from_secs(args.deadline),
        ferrotalk: args.ferrotalk,
    };
    let ctx = subject.meet().await?;
    let mut report = Report::new(args.json, cases.len());
    for case in cases {
        report.begins(case);
        report.ended(&ctx.run(case).await);
    }
    report.summary();
    Ok(!report.failed())
}

/// The cases with one of these texts in their names; all of them without texts.
fn chosen(only: &[String]) -> anyhow::Result<Vec<&'static Case>> {
    let wanted =
        |case: &&Case| only.is_empty() || only.iter().any(|text| case.name.contains(text.as_str()));
    let cases: Vec<&Case> = cases::all().filter(wanted).collect();
    if cases.is_empty() {
        bail!("no case has {} in its name", only.join(" or "));
    }
    Ok(cases)
}

fn users(file: Option<PathBuf>, demo: bool) -> anyhow::Result<Vec<(String, String)>> {
    if demo {
        let name = |number| (format!("demo{number}"), DEMO_PASSWORD.to_owned());
        return Ok((1..=DEMO_USERS).map(name).collect());
    }
    let Some(file) = file else {
        bail!("no users: give --users FILE with lines `NAME PASSWORD`, or --demo");
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading users from standard input")?;
    } else {
        text = std::fs::read_to_string(&file)
            .with_context(|| format!("reading users from {}", file.display()))?;
    }
    read_users(&text)
}

/// Lines `NAME PASSWORD`; empty ones and those that begin with `#` are left out.
fn read_users(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let (name, password) = line
                .split_once(char::is_whitespace)
                .with_context(|| format!("line {number} of the users is not `NAME PASSWORD`"))?;
            Ok((name.to_owned(), password.trim_start().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_lines_of_name_and_password() {
        let users = read_users("# four\nalice  a b\n\nbob\tsecret\n").unwrap();
        assert_eq!(
            users,
            [
                ("alice".to_owned(), "a b".to_owned()),
                ("bob".to_owned(), "secret".to_owned())
            ]
        );
        assert!(read_users("alice\n").is_err());
    }

    #[test]
    fn cases_are_chosen_by_a_part_of_their_names() {
        assert_eq!(chosen(&[]).unwrap().len(), cases::all().count());
        assert!(chosen(&["heartbeat".into()]).unwrap().len() < cases::all().count());
        assert!(chosen(&["no-such-case".into()]).is_err());
    }
}
