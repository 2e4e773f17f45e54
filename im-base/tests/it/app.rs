//! Arguments, configuration and exit codes of a server program.

use std::ffi::OsString;
use std::process::ExitCode;

use im_base::admin::Readiness;
use im_base::app::{self, Program};
use im_base::config::{
    AdminConfig, ConfigError, ServerConfig, ShutdownConfig, documented_default, load,
};
use im_base::shutdown::Shutdown;
use im_base::telemetry::logging::LogConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const PROGRAM: Program = Program {
    name: "tiny_server",
    about: "For tests",
    version: "1.2.3",
};

#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Tiny {
    log: LogConfig,
    admin: AdminConfig,
    shutdown: ShutdownConfig,
}

impl ServerConfig for Tiny {
    fn log(&self) -> &LogConfig {
        &self.log
    }

    fn admin(&self) -> &AdminConfig {
        &self.admin
    }

    fn shutdown(&self) -> &ShutdownConfig {
        &self.shutdown
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.shutdown.deadline_seconds == 13 {
            return Err(ConfigError::value(
                "shutdown.deadline_seconds",
                13,
                "have luck",
            ));
        }
        Ok(())
    }
}

async fn fails_to_start(_: Tiny, _: Shutdown) -> anyhow::Result<Readiness> {
    anyhow::bail!("on purpose")
}

/// Runs the program with `--check-config` and such a file.
fn check(text: &str) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    run(&["--check-config", "--config", path])
}

fn run(args: &[&str]) -> ExitCode {
    let args = ["tiny_server"].iter().chain(args).map(OsString::from);
    app::run(PROGRAM, args.collect(), fails_to_start)
}

/// `ExitCode` has no other way to be looked at.
fn assert_code(code: ExitCode, wanted: u8) {
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(wanted)));
}

/// D-84: a configuration that cannot be used ends the process.
#[test]
fn a_good_configuration_is_0_and_a_bad_one_64() {
    assert_code(run(&["--check-config"]), 0);
    assert_code(check("[shutdown]\ndeadline_seconds = 3\n"), 0);
    assert_code(check("[shutdown]\ndeadline = 3\n"), 64);
    assert_code(check("[shutdown]\ndeadline_seconds = 'x'\n"), 64);
    assert_code(check("[shutdown]\ndeadline_seconds = 13\n"), 64);
    assert_code(check("[log]\nfilter = 'im_base=loud'\n"), 64);
    assert_code(check("[shutdown"), 64);
    assert_code(
        run(&["--check-config", "--config", "/nowhere/tiny.toml"]),
        64,
    );
}

#[test]
fn arguments_that_are_none_are_64_and_help_is_0() {
    assert_code(run(&["--no-such-flag"]), 64);
    assert_code(run(&["--help"]), 0);
    assert_code(run(&["--version"]), 0);
}

#[test]
fn a_server_that_cannot_start_is_1() {
    assert_code(run(&[]), 1);
}

#[test]
fn the_printed_default_is_a_good_configuration_that_changes_nothing() {
    assert_code(run(&["--print-default-config"]), 0);
    let text = documented_default::<Tiny>();
    assert_code(check(&text), 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    std::fs::write(&path, &text).unwrap();
    let read: Tiny = load(Some(&path), []).unwrap();
    let printed = |config: &Tiny| toml::to_string(config).unwrap();
    assert_eq!(printed(&read), printed(&Tiny::default()));
}
