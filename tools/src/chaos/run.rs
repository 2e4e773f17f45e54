//! One run, from an empty folder to a complete history.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::history::{History, Record, What};
use super::installation::{Installation, Plan, StorePlan};
use super::last_look;
use super::load::{Crowd, Load, Phase, Run};
use super::record::Recorder;
use super::schedule::{Database, Schedule, Shape};
use super::{RunArgs, StoreKind, faults};
use crate::cluster::Counts;

/// How long people write when nobody says it.
const SECONDS: u64 = 60;

/// Everything that a run is made of.
struct Stage<'a> {
    args: &'a RunArgs,
    seed: u64,
    history: History,
    installation: Option<Installation>,
}

/// Runs it. A Ctrl-C ends it with an error; what was started is ended in any case.
pub(super) async fn run(args: &RunArgs) -> anyhow::Result<Vec<Record>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    eprintln!("seed {seed}");
    let history = History::default();
    history.note(What::Run {
        seed,
        heal_ms: args.heal * 1000,
        rolling: args.rolling,
        command: command(seed),
    });
    let recorder = match &args.history {
        Some(path) => Some(Recorder::start(path, history.clone())?),
        None => None,
    };
    let folder = Folder::of(args)?;
    let happening = async {
        let installation = match &args.login {
            Some(_) => None,
            None => Some(Installation::start(&plan(args, &folder)).await?),
        };
        let mut stage = Stage {
            args,
            seed,
            history: history.clone(),
            installation,
        };
        let played = stage.play().await;
        if let Some(installation) = stage.installation.take() {
            installation.stop().await;
        }
        played
    };
    let played = tokio::select! {
        played = happening => played,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    if let Some(recorder) = recorder {
        recorder.finish().await;
    }
    if let Err(error) = played {
        folder.keep();
        return Err(error);
    }
    Ok(history.take())
}

impl Stage<'_> {
    async fn play(&mut self) -> anyhow::Result<()> {
        let args = self.args;
        let heal = Duration::from_secs(args.heal);
        let load = self.load()?;
        let run = Run(fastrand::u32(..));
        let mut crowd = Crowd::gather(&load, &self.history, run).await?;
        eprintln!("{} devices are connected", load.users() * 2);
        crowd.set(Phase::Write);
        self.break_things().await?;
        self.history.note(What::Rest);
        crowd.set(Phase::Rest);
        // The whole time, also when everybody has everything that he knows of: what nobody told him he cannot ask for.
        let healed = Instant::now() + heal;
        let restless = crowd.wait_calm(healed).await;
        sleep_until(healed).await;
        crowd.set(Phase::Mark);
        let unmarked = crowd.wait_calm(Instant::now() + heal).await;
        if !restless.is_empty() || !unmarked.is_empty() {
            eprintln!("devices that are not at rest: {restless:?}, {unmarked:?}");
        }
        // Before anybody reads in their names, which would displace them.
        crowd.leave().await;
        last_look::look(&load, &crowd, &self.history, run, heal).await
    }

    fn load(&self) -> anyhow::Result<Load> {
        let args = self.args;
        ensure!(args.pairs > 0, "--pairs 0: nobody would write");
        ensure!(args.rate > 0.0, "--rate has to be more than 0");
        let logins = match (&args.login, &self.installation) {
            (Some(login), _) => vec![login.clone()],
            (None, Some(installation)) => installation.logins(),
            (None, None) => bail!("there is no installation"),
        };
        Ok(Load {
            logins,
            user_prefix: args.user_prefix.clone(),
            password: args.password.clone(),
            pairs: args.pairs,
            groups: args.groups,
            group_size: args.group_size.max(2),
            rate: args.rate,
            stock: args.stock,
            // In a rolling restart whoever logs in does so because of it.
            roam: !args.rolling,
            seed: self.seed,
        })
    }

    /// Whatever is to be done while people write.
    async fn break_things(&self) -> anyhow::Result<()> {
        let args = self.args;
        let seconds = args.seconds.unwrap_or(match args.faults {
            Some(_) => 0,
            None => SECONDS,
        });
        let due = Instant::now() + Duration::from_secs(seconds);
        let pause = Duration::from_millis(args.pause);
        let Some(installation) = &self.installation else {
            sleep_until(due).await;
            return Ok(());
        };
        if args.rolling {
            let say = |what: &str| eprintln!("{what}");
            return faults::roll(installation, &self.history, pause, due, say).await;
        }
        let databases = match installation.databases {
            Some(_) => vec![Database::Mariadb, Database::Redis],
            None => Vec::new(),
        };
        let shape = Shape {
            counts: counts(args),
            databases,
            kinds: args.kinds.clone(),
            targets: args.roles.clone(),
            pause,
            longest: Duration::from_millis(args.longest),
        };
        let schedule = Schedule::new(self.seed, shape)
            .context("--kinds and --roles leave nothing to be broken")?;
        for fault in schedule {
            let enough = match args.faults {
                Some(faults) => fault.number > faults,
                None => Instant::now() + fault.after >= due,
            };
            if enough {
                break;
            }
            eprintln!("{fault}");
            faults::make(installation, &self.history, fault).await;
        }
        // So that the last fault is met by somebody who writes.
        sleep(pause).await;
        Ok(())
    }
}

fn counts(args: &RunArgs) -> Counts {
    Counts {
        login: args.login_servers,
        route: args.route_servers,
        db: args.db_proxies,
        msg: args.msg_servers,
    }
}

fn plan(args: &RunArgs, folder: &Folder) -> Plan {
    let store = match (&args.store, args.database) {
        (Some(store), _) => StorePlan::Given {
            store: store.clone(),
            cache: args.cache.clone(),
        },
        (None, StoreKind::Sqlite) => StorePlan::Sqlite,
        (None, StoreKind::Mariadb) => StorePlan::Own,
    };
    Plan {
        dir: folder.path.clone(),
        counts: counts(args),
        users: args.pairs * 2,
        port_base: args.port_base,
        store,
    }
}

/// The command line, with the seed and without what may be secret.
fn command(seed: u64) -> String {
    const SECRET: [&str; 3] = ["--password", "--store", "--cache"];
    let mut args: Vec<String> = Vec::new();
    for arg in std::env::args().skip(1) {
        let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
        if args
            .last()
            .is_some_and(|last| SECRET.contains(&last.as_str()))
        {
            args.push("…".into());
        } else if SECRET.contains(&name) && name != arg {
            args.push(format!("{name}=…"));
        } else {
            args.push(arg);
        }
    }
    if !args.iter().any(|arg| arg.starts_with("--seed")) {
        args.push(format!("--seed {seed}"));
    }
    format!("ferrotalk {}", args.join(" "))
}

/// Where an installation is kept.
struct Folder {
    path: PathBuf,
    /// Removed when it is dropped.
    own: bool,
}

impl Folder {
    fn of(args: &RunArgs) -> anyhow::Result<Self> {
        if let Some(dir) = &args.dir {
            let path = std::path::absolute(dir).context("reading the current folder")?;
            return Ok(Self { path, own: false });
        }
        let name = format!("ferrotalk-chaos-{}", std::process::id());
        Ok(Self {
            path: std::env::temp_dir().join(name),
            own: true,
        })
    }

    /// Leaves it, to be looked at.
    fn keep(mut self) {
        if self.own && self.path.exists() {
            eprintln!("kept: {}", self.path.display());
        }
        self.own = false;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.own {
            // It may not have been made.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}
