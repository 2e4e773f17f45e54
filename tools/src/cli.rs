//! The command line.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use im_base::causes;

use crate::terminal::{self, Paint};
use crate::{
    backup, certificates, chaos, chat, conform, departments, doctor, import, invites, migrate,
    register, restart, roles, trace, up, users,
};

/// An instant-messaging backend that speaks the TeamTalk wire protocol
#[derive(Debug, Parser)]
#[command(
    name = "ferrotalk",
    version,
    after_help = "\
Try it, in three terminals:
  ferrotalk up --demo-users 2
  FERROTALK_PASSWORD=demo ferrotalk chat --user demo1
  FERROTALK_PASSWORD=demo ferrotalk chat --user demo2

The servers alone: ferrotalk login_server|msg_server|route_server|db_proxy --help"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Chat(chat::ChatArgs),
    Cert(certificates::CertArgs),
    User(users::UserArgs),
    Department(departments::DepartmentArgs),
    Invite(invites::InviteArgs),
    Register(register::RegisterArgs),
    Import(import::ImportArgs),
    Migrate(migrate::MigrateArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Doctor(doctor::DoctorArgs),
    Trace(trace::TraceArgs),
    Conform(conform::ConformArgs),
    Chaos(chaos::ChaosArgs),
    Restart(restart::RestartArgs),
}

/// Runs the program with these arguments, the first of which is its name.
///
/// Exit codes: 0 success, 1 failure, 2 a command line that is not understood; servers have their own.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if let Some(role) = roles::named(&args) {
        return roles::run(role, args.into_iter().skip(1).collect());
    }
    let ran = match terminal::parse::<Cli>(args).command {
        Command::Up(args) => block_on(up::run(args)),
        Command::Chat(args) => block_on(chat::run(args)),
        Command::Cert(args) => certificates::run(args),
        Command::User(args) => {
            block_on(async { users::run(args).await.map(|()| ExitCode::SUCCESS) })
        }
        Command::Department(args) => {
            block_on(async { departments::run(args).await.map(|()| ExitCode::SUCCESS) })
        }
        Command::Invite(args) => {
            block_on(async { invites::run(args).await.map(|()| ExitCode::SUCCESS) })
        }
        Command::Register(args) => {
            block_on(async { register::run(args).await.map(|()| ExitCode::SUCCESS) })
        }
        Command::Import(args) => block_on(import::run(args)),
        Command::Migrate(args) => block_on(migrate::run(args)),
        Command::Backup(args) => block_on(backup::back_up(args)),
        Command::Restore(args) => block_on(backup::restore(args)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Trace(args) => block_on(trace::run(args)),
        Command::Conform(args) => block_on(conform::run(args)),
        Command::Chaos(args) => block_on(chaos::run(args)),
        Command::Restart(args) => block_on(restart::run(args)),
    };
    ran.unwrap_or_else(|error| {
        let why = causes::line(&error);
        eprintln!("{} {why}", Paint::stderr().bad("error:"));
        ExitCode::FAILURE
    })
}

fn block_on(task: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(task);
    // A thread may still wait for a line of standard input; nobody waits for it.
    runtime.shutdown_background();
    ended
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_server_is_entered_by_its_name() {
        let args = |name: &str| vec![OsString::from("ferrotalk"), OsString::from(name)];
        assert!(roles::named(&args("msg_server")).is_some());
        assert!(roles::named(&args("chat")).is_none());
    }
}
