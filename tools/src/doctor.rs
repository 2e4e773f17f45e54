//! `ferrotalk doctor`: does what a client does, step by step, and says what is wrong and how to mend it.
//!
//! It looks from outside only: whatever it can reach, a client can.

mod advertised;
mod checks;
mod report;

use std::process::ExitCode;

use clap::Args;

use crate::client::TlsArgs;
use crate::terminal;
use report::Report;

/// Check an installation from outside, as a client meets it
#[derive(Args, Debug)]
#[command(after_help = "\
One line per check: ok, warn or fail, and what to do about it. Exit code 0 when nothing failed, 1 otherwise.

Examples:
  ferrotalk doctor                                    this machine, without logging in
  ferrotalk doctor --login http://im.example.org:8080 --user alice
  echo secret | ferrotalk doctor --user alice --password-stdin --json

A login displaces the user's other desktop, as any login does: use an account made for it.")]
pub struct DoctorArgs {
    /// login_server's HTTP address
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        env = "FERROTALK_LOGIN"
    )]
    login: String,
    /// Log in as this user, too
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Take the password from the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    #[command(flatten)]
    tls: TlsArgs,
    /// One JSON object per check
    #[arg(long)]
    json: bool,
}

/// Runs the checks; a failing one makes the exit code 1.
pub async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let credentials = match args.user {
        Some(user) => {
            let password =
                terminal::password(args.password_stdin, &format!("Password of {user}: "))?;
            Some((user, password))
        }
        None => None,
    };
    let trust = args.tls.trust()?;
    let mut report = Report::new(args.json);
    // A check that failed has told the report; those that need it are left out.
    let _stopped_at = checks::all(&mut report, &args.login, trust.as_ref(), credentials).await;
    Ok(if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
