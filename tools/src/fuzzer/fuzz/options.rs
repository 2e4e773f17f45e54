//! The command line of `pdu-fuzzer fuzz`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::campaign::Bounds;
use super::dialect::Dialect;
use super::play::{ApiKey, User};
use crate::accounts::DEMO_PASSWORD;
use crate::client::{TlsArgs, password_digest};
use crate::fuzzer::permit::Permit;

/// Demo users that take part: the first one is the honest one.
const DEMO_USERS: u32 = 9;

/// Rounds, if neither rounds nor seconds are given.
const DEFAULT_ROUNDS: u64 = 200;

/// Attacks a port with malformed, misplaced and too much input
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scripts are made by a grammar of the protocol and follow from the seed; those that make the target do something new are kept
in the corpus and changed further. Between rounds an honest client has to be served, and the process, if it is one of this
machine, must live, give descriptors back and not grow. What is found is made as small as possible.

Attackers write into the target's database: users' messages, groups and signatures. Use an installation made for it.

Exit code 0 when nothing was found, 1 when something was, 2 when it could not begin.

Examples:
  pdu-fuzzer fuzz --target 127.0.0.1:8000 --seconds 60
  pdu-fuzzer fuzz --run data --all --seconds 600 --log up.log
  pdu-fuzzer fuzz --target 127.0.0.1:8443 --tls --ca data/tls/ca.pem         inside TLS, as --as says, client if it does not
  pdu-fuzzer fuzz --target 127.0.0.1:8000 --seed 7 --fresh --rounds 20     the same scripts every time
  pdu-fuzzer fuzz --target 127.0.0.1:8000 --replay findings/died-….minimal.json")]
pub struct FuzzArgs {
    /// The port
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) target: Option<String>,
    /// The folder of a `ferrotalk up`: says what ports speak and which process is behind them
    #[arg(long, value_name = "DIR", required_unless_present = "target")]
    pub(super) run: Option<PathBuf>,
    /// Every port of that installation, one after the other
    #[arg(long, requires = "run", conflicts_with = "target")]
    pub(super) all: bool,
    /// What the port speaks, and as whom; otherwise it is told from `run.json` or from what the port answers
    #[arg(long = "as", value_name = "DIALECT", value_enum)]
    pub(super) dialect: Option<Dialect>,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    /// A login_server that an honest client goes through between rounds, besides the port itself
    #[arg(long, value_name = "URL")]
    pub(super) login: Option<String>,

    /// Users as lines `NAME PASSWORD`; the first one is the honest client, the others are attackers [default: demo1 … demo9]
    #[arg(long, value_name = "FILE", conflicts_with = "no_login")]
    pub(super) users: Option<PathBuf>,
    /// Nobody logs in
    #[arg(long)]
    pub(super) no_login: bool,

    /// A file with the key of back offices, for the HTTP API; with --run that of the folder
    #[arg(long, value_name = "FILE")]
    pub(super) api_key_file: Option<PathBuf>,

    /// What scripts follow from; a random one if none is given
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Stop after so many rounds; 200 if no time is given
    #[arg(long, value_name = "N")]
    pub(super) rounds: Option<u64>,
    /// Stop after this time, for each port; making a finding small may take longer than that (--minimise-seconds for each)
    #[arg(long, value_name = "N")]
    pub(super) seconds: Option<u64>,
    /// Connections that are open at once, at most
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(super) connections: u32,
    /// Frames in a second, at most; 0 is as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) rate: u32,

    /// Where scripts that did something new are kept
    #[arg(long, value_name = "DIR", default_value = ".pdu-fuzzer/corpus")]
    pub(super) corpus: PathBuf,
    /// Neither read nor write a corpus: scripts follow from the seed alone
    #[arg(long)]
    pub(super) fresh: bool,
    /// Where findings are written
    #[arg(long, value_name = "DIR", default_value = ".pdu-fuzzer/findings")]
    pub(super) findings: PathBuf,
    /// Play one script and say what came of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "rounds", "seconds", "seed"])]
    pub(super) replay: Option<PathBuf>,

    /// The process to watch; otherwise that of `run.json`, or whoever listens on the port
    #[arg(long, value_name = "PID")]
    pub(super) pid: Option<u32>,
    /// The target's log: a line with ERROR or `panicked` is a finding
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// Lines of the log with this text are none; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(super) allow_log: Vec<String>,
    /// Growth of resident memory that is a finding, counted from when the target has warmed up
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(super) memory_limit_mb: u64,
    /// An honest client that is not served for so long is a finding
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    probe_seconds: u64,
    /// How long a target may take to come back after a finding
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience_seconds: u64,
    /// Stop after so many findings
    #[arg(long, value_name = "N", default_value_t = 10)]
    most_findings: usize,
    /// Scripts that are played to make a finding smaller, at most
    #[arg(long, value_name = "N", default_value_t = 400)]
    minimise_attempts: u32,
    /// How long that may take
    #[arg(long, value_name = "N", default_value_t = 300)]
    minimise_seconds: u64,

    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) permit: Permit,
}

impl FuzzArgs {
    pub(super) fn bounds(&self) -> Bounds {
        let rounds = match (self.rounds, self.seconds) {
            (None, None) => Some(DEFAULT_ROUNDS),
            (rounds, _) => rounds,
        };
        Bounds {
            rounds,
            time: self.seconds.map(Duration::from_secs),
            findings: self.most_findings.max(1),
            minimise_attempts: self.minimise_attempts,
            minimise_time: Duration::from_secs(self.minimise_seconds),
        }
    }

    pub(super) fn probe_deadline(&self) -> Duration {
        Duration::from_secs(self.probe_seconds)
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }

    /// The key of back offices, if there is one.
    pub(super) fn api_key(&self) -> anyhow::Result<Option<ApiKey>> {
        let of_run = self
            .run
            .as_ref()
            .map(|dir| dir.join("api.key"))
            .filter(|path| path.exists());
        let Some(path) = self.api_key_file.clone().or(of_run) else {
            return Ok(None);
        };
        let key = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        Ok(Some(ApiKey(key.trim().to_owned())))
    }

    /// Who logs in between rounds, name and password.
    pub(super) fn honest_user(&self) -> anyhow::Result<Option<(String, String)>> {
        Ok(self.all_users()?.into_iter().next())
    }

    /// Who scripts log in as.
    pub(super) fn attackers(&self) -> anyhow::Result<Vec<User>> {
        let attackers = self.all_users()?.into_iter().skip(1);
        let user = |(name, password): (String, String)| User {
            name,
            digest: password_digest(&password),
        };
        Ok(attackers.map(user).collect())
    }

    fn all_users(&self) -> anyhow::Result<Vec<(String, String)>> {
        if self.no_login {
            return Ok(Vec::new());
        }
        let Some(file) = &self.users else {
            let name = |number| (format!("demo{number}"), DEMO_PASSWORD.to_owned());
            return Ok((1..=DEMO_USERS).map(name).collect());
        };
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let mut users = Vec::new();
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let (name, password) = line.split_once(char::is_whitespace).with_context(|| {
                format!("{}, line {}: not NAME PASSWORD", file.display(), number + 1)
            })?;
            users.push((name.to_owned(), password.trim().to_owned()));
        }
        ensure!(
            users.len() >= 2,
            "{} has fewer than two users",
            file.display()
        );
        Ok(users)
    }
}
