use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::contestant::{Contestant, Kind};
use super::installation::{Installation, Start};
use crate::client::TlsArgs;
use crate::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use crate::fuzzer::observer::Onlooker;
use crate::fuzzer::outcome::Outcome;
use crate::fuzzer::permit::Permit;
use crate::fuzzer::relay::Relay;
use crate::fuzzer::report::Progress;
use crate::fuzzer::usage::Watch;

/// What all runs of a comparison have in common.
#[derive(Clone, Debug)]
pub struct Arena {
    /// What is played.
    pub scenario: Scenario,
    /// Who may be sent to.
    pub permit: Permit,
    /// Every account's password at targets that run already. Accounts of builds that are started here have theirs.
    pub password: String,
    /// Ends the run that is under way, and the start of a build.
    pub stop: StopToken,
    /// No progress.
    pub quiet: bool,
}

impl Arena {
    /// Plays the scenario on a contestant once, and watches its processes if they are known. A build is started for it, with
    /// `arguments` for its `up`, and stopped before this returns. Blocks for as long as the run takes.
    ///
    /// # Errors
    /// What cannot be started or reached. A target that goes away in the middle is an outcome and no error.
    pub fn play(
        &self,
        contestant: &Contestant,
        arguments: &[String],
        title: &str,
    ) -> anyhow::Result<Outcome> {
        let (place, run) = match &contestant.kind {
            Kind::Login { url, run } => (Place::Login(url.clone()), run),
            Kind::Servers { addresses, run } => (Place::Servers(addresses.clone()), run),
            Kind::Build { program } => return self.play_build(program.clone(), arguments, title),
            Kind::Relay { edges } => return self.play_relay(*edges, title),
        };
        let run_json = run.as_ref().map(|run| run.join("run.json"));
        self.load(place, run_json, &[], self.plain(), title)
    }

    /// The relay's processes are this program.
    fn play_relay(&self, edges: u16, title: &str) -> anyhow::Result<Outcome> {
        let program = std::env::current_exe().context("finding this program")?;
        let relay = Relay::start(&program, 0, edges)?;
        let addresses = relay.edges().iter().map(SocketAddr::to_string).collect();
        let place = Place::Servers(addresses);
        self.load(place, None, &relay.processes(), self.plain(), title)
    }

    /// How what runs already is entered.
    fn plain(&self) -> (String, TlsArgs) {
        (self.password.clone(), TlsArgs::default())
    }

    fn play_build(
        &self,
        program: PathBuf,
        arguments: &[String],
        title: &str,
    ) -> anyhow::Result<Outcome> {
        let Scenario {
            users,
            first_user,
            user_prefix,
            ..
        } = &self.scenario;
        ensure!(
            user_prefix == "demo",
            "user-prefix = {user_prefix:?}: a build that is started here has users demo1, demo2 … only"
        );
        let start = Start {
            program,
            users: first_user.saturating_add(*users) - 1,
            arguments: arguments.to_vec(),
        };
        let installation = Installation::start(&start, &|| self.stop.is_stopped())?;
        let place = Place::Login(installation.login().to_owned());
        let password = crate::accounts::DEMO_PASSWORD.to_owned();
        let run_json = installation.run_json();
        // Who starts it with TLS wants to see what that costs.
        let tls = match arguments.iter().any(|argument| argument == "--tls") {
            true => TlsArgs::with_ca(run_json.with_file_name("tls").join("ca.pem")),
            false => TlsArgs::default(),
        };
        self.load(place, Some(run_json), &[], (password, tls), title)
    }

    fn load(
        &self,
        place: Place,
        run_json: Option<PathBuf>,
        processes: &[(String, u32)],
        (password, tls): (String, TlsArgs),
        title: &str,
    ) -> anyhow::Result<Outcome> {
        let target = Target {
            place,
            permit: self.permit,
            password,
            tls,
            program: None,
        };
        let mut onlooker = Onlooker {
            watch: Watch::begin(run_json.as_deref(), processes)?,
            progress: Progress::new(title, &target.to_string(), self.quiet),
        };
        let played = play(&self.scenario, &target, &mut onlooker, self.stop.clone());
        onlooker.conclude(played)
    }
}
