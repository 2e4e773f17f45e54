//! How a process lives: arguments, configuration, telemetry, start, signal, staged end, exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::admin::{self, Readiness};
use crate::causes;
use crate::config::{self, ServerConfig};
use crate::net::listener;
use crate::shutdown::{Ending, Shutdown};
use crate::telemetry;

/// Exit code for arguments or a configuration that cannot be used (`EX_USAGE`).
const EXIT_BAD_CONFIG: u8 = 64;

/// Who a server program is.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name, as in configuration, logs and metrics.
    pub name: &'static str,
    /// One sentence for `--help`.
    pub about: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// Runs a server program from its arguments (the first is the program's name) to its exit code.
///
/// `start` brings the server up and returns what it needs to be ready; everything it spawned through the [`Shutdown`]
/// is waited for at the end. Blocks; makes its own runtime.
pub fn run<C, F>(
    program: Program,
    args: Vec<OsString>,
    start: impl FnOnce(C, Shutdown) -> F,
) -> ExitCode
where
    C: ServerConfig,
    F: Future<Output = anyhow::Result<Readiness>>,
{
    let matches = match command_line(program).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let _unwritable = error.print();
            // `--help` and `--version` arrive here as well.
            return if error.use_stderr() {
                ExitCode::from(EXIT_BAD_CONFIG)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if matches.get_flag("print-default-config") {
        print(&config::documented_default::<C>());
        return ExitCode::SUCCESS;
    }
    let path = matches.get_one::<PathBuf>("config");
    let config = match config::load::<C>(path.map(PathBuf::as_path), environment()) {
        Ok(config) => config,
        Err(error) => {
            complain(program, &error.to_string());
            return ExitCode::from(EXIT_BAD_CONFIG);
        }
    };
    if matches.get_flag("check-config") {
        return check_files(program, &config);
    }
    if let Err(error) = telemetry::logging::init(config.log()) {
        complain(program, &format!("{error:#}"));
        return ExitCode::from(EXIT_BAD_CONFIG);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(program, &format!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(live(program, &matches, config, start));
    runtime.shutdown_timeout(Duration::from_millis(200));
    match outcome {
        Ok(Ending::Clean) => ExitCode::SUCCESS,
        Ok(Ending::Deadline) => {
            warn!(
                program = program.name,
                "deadline passed before everything had ended"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            error!(
                program = program.name,
                error = causes::line(&error),
                "cannot run"
            );
            ExitCode::FAILURE
        }
    }
}

/// The rest of `--check-config`: what the configuration names is there and can be used.
fn check_files(program: Program, config: &impl ServerConfig) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let checked = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(config.check_files()));
    match checked {
        Ok(()) => {
            print("configuration is good\n");
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(program, &causes::line(&error));
            ExitCode::from(EXIT_BAD_CONFIG)
        }
    }
}

async fn live<C, F>(
    program: Program,
    matches: &ArgMatches,
    config: C,
    start: impl FnOnce(C, Shutdown) -> F,
) -> anyhow::Result<Ending>
where
    C: ServerConfig,
    F: Future<Output = anyhow::Result<Readiness>>,
{
    raise_descriptor_limit();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    // Certificates are looked at when it comes; where there are none, nothing happens rather than the end.
    let _reload = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let metrics = telemetry::metrics::init();
    let shutdown = Shutdown::new();
    let deadline = Duration::from_secs(config.shutdown().deadline_seconds);
    let admin_address = config.admin().listen.clone();

    let readiness = start(config, shutdown.clone()).await?;
    if !admin_address.is_empty() {
        let listener = listener::bind(&admin_address)
            .await
            .context("admin.listen")?;
        info!(program = program.name, address = %listener.local_addr()?, "admin port");
        admin::serve(listener, readiness, metrics, &shutdown);
    }
    info!(
        program = program.name,
        version = program.version,
        pid = std::process::id(),
        "running"
    );

    tokio::select! {
        _ = terminate.recv() => info!(program = program.name, "SIGTERM, draining"),
        _ = interrupt.recv() => info!(program = program.name, "interrupted, draining"),
        () = parent_gone(), if matches.get_flag("exit-with-parent") => {
            info!(program = program.name, "parent is gone, draining");
        }
    }
    let ending = shutdown.run(deadline).await;
    info!(program = program.name, ?ending, "ended");
    Ok(ending)
}

fn command_line(program: Program) -> Command {
    Command::new(program.name)
        .about(program.about)
        .version(program.version)
        .after_help(
            "Every key of the configuration can be overridden by the environment: FERROTALK_<SECTION>__<KEY>.\n\
             Exit codes: 0 ended cleanly, 1 could not run or end cleanly, 64 the arguments or the configuration cannot be used.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("TOML file with the configuration; every key has a default"),
        )
        .arg(flag("check-config").help("Check the configuration and the files that it names, and exit"))
        .arg(flag("print-default-config").help("Print every key with its default and what it means, and exit"))
        .arg(flag("exit-with-parent").help("End when standard input reaches its end").hide(true))
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// The environment, without what is no text: no key or value of ours is.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Connections are descriptors: take as many as the system lets us have.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, ?limit, "cannot raise the limit on open files");
    }
}

/// Completes when whoever holds the other end of standard input has gone.
async fn parent_gone() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while !matches!(stdin.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

#[expect(
    clippy::print_stdout,
    reason = "what --print-default-config and --check-config are for"
)]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "before logging has started")]
fn complain(program: Program, problem: &str) {
    eprintln!("{}: {problem}", program.name);
}
