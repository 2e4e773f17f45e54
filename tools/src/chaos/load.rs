//! People who write to each other steadily, each with a desktop and a phone, whatever happens to the servers.
//!
//! Every device is one task (`device`) that behaves as a good client does: it sends again, with the same key, what is not
//! acknowledged, comes back when its connection dies, and asks for what it missed (`catch_up`). It never asks just in case:
//! what a device that stays connected is not given, it does not have.

mod catch_up;
mod content;
mod device;
mod enter;
mod memory;
mod outbox;

pub(super) use catch_up::unread;
pub(super) use content::Run;
pub(super) use device::Device;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use im_base::causes;
use im_base::task::Tasks;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::history::{History, Talk, What};
use crate::client::{
    Account, Address, Conversation, Device as ClientDevice, EnterError, Session, Status,
};

/// How long everything that has to be there before the first message may take.
const SET_UP: Duration = Duration::from_secs(120);

/// What everybody does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Come and stay.
    Gather,
    /// Write.
    Write,
    /// Write nothing new; send again what is not acknowledged.
    Rest,
    /// Make the newest read marks once more.
    Mark,
    /// Go.
    Leave,
}

/// How much, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// login_servers to ask for addresses.
    pub(super) logins: Vec<String>,
    /// Users are this and a number, from 1 on.
    pub(super) user_prefix: String,
    /// Of all of them.
    pub(super) password: String,
    /// Pairs of users.
    pub(super) pairs: u32,
    /// Groups.
    pub(super) groups: u32,
    /// Members of each.
    pub(super) group_size: u32,
    /// Messages in a second, by all together.
    pub(super) rate: f64,
    /// Of a hundred devices, how many announce no extensions.
    pub(super) stock: u32,
    /// Whether phones log in anew now and then.
    pub(super) roam: bool,
    /// What decides who does what.
    pub(super) seed: u64,
}

impl Load {
    /// How many users it takes.
    pub(super) fn users(&self) -> u32 {
        self.pairs * 2
    }

    fn name(&self, user: u32) -> String {
        format!("{}{user}", self.user_prefix)
    }
}

/// Everybody, at work.
pub(super) struct Crowd {
    tasks: Tasks,
    phase: watch::Sender<Phase>,
    /// Of each device: the phase in which it is connected and has nothing left to do.
    calm: Vec<watch::Receiver<Option<Phase>>>,
    /// The newest message before the run of each conversation, and who is in it.
    pub(super) talks: BTreeMap<Talk, (u32, Vec<u32>)>,
    /// Names by number.
    pub(super) users: BTreeMap<u32, String>,
}

impl Crowd {
    /// Makes the groups, notes conversations and devices, and lets everybody come. Returns when all are there.
    pub(super) async fn gather(load: &Load, history: &History, run: Run) -> anyhow::Result<Self> {
        let due = Instant::now() + SET_UP;
        let mut sessions = Vec::new();
        for user in 1..=load.users() {
            let session = log_in(load, user, due).await;
            sessions.push(session.with_context(|| format!("{} cannot log in", load.name(user)))?);
        }
        let mut talks = BTreeMap::new();
        for (talk, members) in conversations(load, &sessions).await? {
            let base = base(talk, &members, &sessions).await?;
            history.note(What::Talk {
                talk,
                base,
                members: members.clone(),
            });
            talks.insert(talk, (base, members));
        }
        let users = sessions.iter().zip(1..);
        let users: BTreeMap<u32, String> = users
            .map(|(session, number)| (session.user_id(), load.name(number)))
            .collect();
        for session in sessions {
            session.logout().await.context("logging out")?;
        }
        let mut crowd = Self {
            tasks: Tasks::default(),
            phase: watch::channel(Phase::Gather).0,
            calm: Vec::new(),
            talks,
            users,
        };
        crowd.spawn_devices(load, history, run);
        ensure!(
            crowd.wait_calm(due).await.is_empty(),
            "not every device is connected after {} s",
            SET_UP.as_secs()
        );
        Ok(crowd)
    }

    fn spawn_devices(&mut self, load: &Load, history: &History, run: Run) {
        let mut random = fastrand::Rng::with_seed(load.seed);
        let count = f64::from(load.users() * 2);
        let pace = Duration::from_secs_f64(count / load.rate.max(0.001));
        let logins: Arc<[String]> = load.logins.clone().into();
        let mut number = 0;
        for (user, name) in &self.users {
            let of_user = self
                .talks
                .iter()
                .filter(|(_, (_, members))| members.contains(user));
            let (talks, bases): (Vec<Talk>, Vec<u32>) =
                of_user.map(|(talk, (base, _))| (*talk, *base)).unzip();
            for (class, class_name) in [
                (ClientDevice::Windows, "desktop"),
                (ClientDevice::Android, "phone"),
            ] {
                number += 1;
                let stock = random.u32(0..100) < load.stock;
                let mut account = Account::new(name, &load.password, class, Status::Online);
                let announced = if stock { 0 } else { proto::capability::ALL };
                account = account.announcing(announced);
                history.note(What::Device {
                    device: number,
                    user: *user,
                    name: format!("{name}'s {class_name}"),
                    stock,
                });
                let (calm, calmed) = watch::channel(None);
                self.calm.push(calmed);
                let device = Device {
                    number,
                    user: *user,
                    account,
                    logins: logins.clone(),
                    talks: talks.clone(),
                    bases: bases.clone(),
                    roams: load.roam && class == ClientDevice::Android,
                    pace,
                    run,
                    history: history.clone(),
                    random: random.fork(),
                };
                let life = device.live(self.phase.subscribe(), calm);
                self.tasks.spawn("device", life);
            }
        }
    }

    /// From now on.
    pub(super) fn set(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until every device is connected and has nothing left to send or to fetch. Gives the numbers of those of which
    /// that is not so by then.
    pub(super) async fn wait_calm(&mut self, due: Instant) -> Vec<usize> {
        let phase = *self.phase.borrow();
        let mut restless = Vec::new();
        for (index, calm) in self.calm.iter_mut().enumerate() {
            let waited = timeout_at(due, calm.wait_for(|calm| *calm == Some(phase))).await;
            if !matches!(waited, Ok(Ok(_))) {
                restless.push(index + 1);
            }
        }
        restless
    }

    /// Sends everybody away and waits until all are gone.
    pub(super) async fn leave(&self) {
        self.set(Phase::Leave);
        self.tasks.finished().await;
    }
}

/// Tries until somebody is let in, or until then; what fails for the first time is said. Who is refused for good is not tried again.
async fn log_in(load: &Load, user: u32, due: Instant) -> anyhow::Result<Session> {
    let name = load.name(user);
    let account = Account::new(&name, &load.password, ClientDevice::Mac, Status::Online);
    let mut login = load.logins.iter().cycle();
    let mut told = false;
    loop {
        let url = login.next().context("no login_server is named")?;
        let tried = async {
            let address = Address::from_login(url).await?;
            match account.enter(&address).await {
                Ok((session, _)) => Ok(Ok(session)),
                Err(EnterError::Login(error)) if !error.is_retryable() => Ok(Err(error)),
                Err(error) => Err(anyhow::Error::new(error)),
            }
        };
        let why = match timeout_at(due, tried).await {
            Ok(Ok(session)) => return Ok(session?),
            Ok(Err(error)) => error,
            Err(_) => bail!("nobody answered"),
        };
        if Instant::now() >= due {
            return Err(why);
        }
        if !std::mem::replace(&mut told, true) {
            let (name, why) = (load.name(user), causes::line(&why));
            let patience = due.saturating_duration_since(Instant::now()).as_secs();
            eprintln!("{name} cannot log in: {why}; trying again for {patience} s");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Pairs of neighbours, and groups of users in a circle.
async fn conversations(
    load: &Load,
    sessions: &[Session],
) -> anyhow::Result<BTreeMap<Talk, Vec<u32>>> {
    let ids: Vec<u32> = sessions.iter().map(Session::user_id).collect();
    let mut talks = BTreeMap::new();
    for pair in ids.chunks_exact(2) {
        let talk = Talk::of(pair[0], Conversation::User(pair[1]));
        talks.insert(talk, pair.to_vec());
    }
    let size = (load.group_size as usize).min(ids.len());
    for number in 0..load.groups as usize {
        let first = number * ids.len() / load.groups as usize;
        let members: Vec<u32> = ids.iter().cycle().skip(first).take(size).copied().collect();
        let name = format!("chaos {number}");
        let group = sessions[first]
            .create_group(&name, members.clone())
            .await
            .context("making a group")?
            .context("the server refuses to make a group")?;
        talks.insert(Talk::Group(group), members);
    }
    Ok(talks)
}

/// The newest message before the run, which everybody has read.
async fn base(talk: Talk, members: &[u32], sessions: &[Session]) -> anyhow::Result<u32> {
    let mut base = 0;
    for session in sessions {
        if members.contains(&session.user_id()) {
            let conversation = talk.seen_by(session.user_id());
            base = session.latest_id(conversation).await.context("set-up")?;
            if base > 0 {
                session.mark_read(conversation, base).await?;
                session.ping().await?;
            }
        }
    }
    Ok(base)
}
