//! Malformed and hostile input, made by a grammar of the protocol.
//!
//! Read in this order: [`script`] (what a test case is), [`dialect`] (what a port speaks), [`grammar`] and [`body`] (where
//! scripts come from), [`play`] (how they are played), [`watch`] and [`probe`] (how it is seen that a target is not well),
//! [`campaign`] (rounds), [`minimise`], [`corpus`] and [`finding`] (what is kept), [`target`] (which ports), [`report`].

mod body;
mod campaign;
mod corpus;
mod dialect;
mod finding;
mod grammar;
mod minimise;
mod play;
mod probe;
mod report;
mod script;
mod target;
mod watch;

mod options;
mod replay;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{TlsArgs, http};
use crate::fuzzer::streams::{print, say};
use crate::terminal::Paint;
use campaign::Campaign;
use corpus::Corpus;
use dialect::Dialect;
use finding::Findings;
use grammar::Grammar;
pub use options::FuzzArgs;
use play::{Player, Secrets};
use probe::Probe;
use report::{Progress, Summary};
use target::{Owner, Seal, Target};
use watch::{Log, Watch};

/// Runs the command.
///
/// Exit codes: 0 nothing found, 1 something found, 2 it could not begin, or ended for a reason of this side.
pub fn run(args: FuzzArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tried = runtime.block_on(async {
        match &args.replay {
            Some(file) => replay::run(&args, file).await,
            None => fuzz(&args).await,
        }
    });
    Ok(match tried {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{} {error:#}", Paint::stderr().bad("error:")));
            ExitCode::from(2)
        }
    })
}

/// Whether something was found. Ctrl-C and SIGTERM end it with what was found until then, whichever port has its turn.
async fn fuzz(args: &FuzzArgs) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let (targets, login) = args.targets().await?;
    let mut progress = Progress::new();
    let mut summaries = Vec::new();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut stopped = std::pin::pin!(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    for (target, guessed) in targets {
        let mut summary = Summary {
            target: target.name.clone(),
            dialect: target.dialect.name().to_owned(),
            seed,
            ..Default::default()
        };
        progress.begins(&summary, guessed);
        let begin = tokio::time::Instant::now();
        let began = tokio::select! {
            began = args.campaign(target, login.clone(), seed, summary.clone()) => Some(began),
            () = &mut stopped => None,
        };
        let (stop, failed) = match began {
            Some(Ok(mut campaign)) => {
                let ran = tokio::select! {
                    ran = campaign.run(&mut progress) => Some(ran),
                    () = &mut stopped => None,
                };
                summary = campaign.summary;
                (ran.is_none(), ran.and_then(Result::err))
            }
            Some(Err(error)) => (false, Some(error)),
            None => (true, None),
        };
        summary.seconds = begin.elapsed().as_secs_f64();
        if stop {
            summary.ending = Some("stopped by a signal".into());
        } else if let Some(error) = &failed {
            summary.ending = Some(format!("{error:#}"));
        }
        summaries.push(summary);
        if let Some(error) = failed {
            summaries.retain(|summary| summary.scripts > 0);
            if !summaries.is_empty() {
                // What ended the run is the error to be told last.
                if let Err(unseen) = args.show(&summaries) {
                    say(&format!("{unseen:#}"));
                }
            }
            return Err(error);
        }
        if stop {
            break;
        }
    }
    args.show(&summaries)?;
    Ok(summaries.iter().any(|summary| !summary.findings.is_empty()))
}

impl FuzzArgs {
    fn show(&self, summaries: &[Summary]) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(summaries).expect("numbers and texts are JSON")
        } else {
            report::table(summaries)
        };
        print(&format!("{text}\n"))
    }

    /// Which ports, whether what they speak was guessed, and the login_server to be probed besides.
    async fn targets(&self) -> anyhow::Result<(Vec<(Target, bool)>, Option<String>)> {
        let (known, mut login) = match &self.run {
            Some(dir) => target::of_run(dir)?,
            None => (Vec::new(), None),
        };
        if let Some(named) = &self.login {
            // It is asked between rounds.
            let asked = http::Target::parse(named, None)?;
            self.permit.resolve(&asked.host, asked.port)?;
            login = Some(named.clone());
        }
        let Some(named) = &self.target else {
            if self.tls != TlsArgs::default() {
                bail!("--tls is for one port: say which with --target HOST:PORT");
            }
            if !self.all {
                bail!(
                    "say which port with --target HOST:PORT, or --run DIR --all for every port of an installation"
                );
            }
            for target in &known {
                self.permit.check(target.address)?;
            }
            return Ok((
                known.into_iter().map(|target| (target, false)).collect(),
                login,
            ));
        };
        let (host, port) = named
            .rsplit_once(':')
            .context("give the target as HOST:PORT")?;
        let port: u16 = port
            .parse()
            .with_context(|| format!("{port:?} is no port"))?;
        let address = self.permit.resolve(host, port)?;
        let (target, guessed) = self.one(host, address, known).await?;
        Ok((vec![(target, guessed)], login))
    }

    async fn one(
        &self,
        host: &str,
        address: SocketAddr,
        known: Vec<Target>,
    ) -> anyhow::Result<(Target, bool)> {
        let trust = self.tls.trust()?;
        let known = known
            .into_iter()
            .find(|target| target.address.port() == address.port());
        let (dialect, guessed) = match (self.dialect, &known) {
            (Some(dialect), _) => (dialect, false),
            (None, Some(known)) => (known.dialect, false),
            (None, None) if trust.is_some() => (Dialect::Client, false),
            (None, None) => (target::guess(address).await?, true),
        };
        let owner = match (self.pid, &known) {
            (Some(pid), _) => Owner::Pid(pid),
            (None, Some(known)) => known.owner.clone(),
            (None, None) => Owner::Listener,
        };
        let name = known.map_or_else(|| address.to_string(), |known| known.name);
        let target = Target {
            name,
            address,
            dialect,
            owner,
            seal: trust.map(|trust| Seal {
                host: host.trim_matches(['[', ']']).to_owned(),
                trust,
            }),
        };
        Ok((target, guessed))
    }

    fn player(&self, target: &Target) -> anyhow::Result<Player> {
        let secrets = Secrets {
            users: self.attackers()?,
            api_key: self.api_key()?,
        };
        Ok(Player::new(
            target.clone(),
            secrets,
            self.connections,
            self.rate,
        ))
    }

    async fn watch(&self, target: Target, login: Option<String>) -> anyhow::Result<Watch> {
        let probe = Probe {
            target: target.clone(),
            user: self.honest_user()?,
            login: login.filter(|_| !self.no_login),
            permit: self.permit,
            deadline: self.probe_deadline(),
        };
        let log = match &self.log {
            Some(path) => Some(Log::open(path, self.allow_log.clone())?),
            None => None,
        };
        let limit = self.memory_limit_mb << 20;
        let name = target.name.clone();
        Watch::begin(target, probe, log, limit, self.patience())
            .await
            .with_context(|| format!("{name} is not served to begin with"))
    }

    async fn campaign(
        &self,
        target: Target,
        login: Option<String>,
        seed: u64,
        summary: Summary,
    ) -> anyhow::Result<Campaign> {
        let dialect: Dialect = target.dialect;
        let player = self.player(&target)?;
        let watch = self.watch(target, login).await?;
        let corpus = if self.fresh {
            Corpus::none()
        } else {
            Corpus::open(&self.corpus, dialect)?
        };
        let users = self
            .attackers()?
            .into_iter()
            .map(|user| user.name)
            .collect();
        Ok(Campaign {
            seed,
            grammar: Grammar {
                dialect,
                users,
                crowd: self.connections / 2,
            },
            player,
            watch,
            corpus,
            findings: Findings::new(&self.findings),
            bounds: self.bounds(),
            summary,
            recent: VecDeque::new(),
        })
    }
}
