//! From a list of users and addresses to a list of outcomes.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use proto::CommandId;
use proto::im::base_define::ClientType;

use super::case::{Case, Outcome, Stop};
use super::ctx::{ALICE, Ctx, User, Who};
use super::device::chat::text;
use super::link::Sent;
use super::transport::Server;
use crate::client::{Address, Target, Trust, lookup, password_digest};

/// Fewer users cannot tell who is told what.
const FEWEST_USERS: usize = 4;

/// How often login_server is asked, to get to know several msg_servers.
const QUESTIONS: usize = 8;

/// A case that takes longer hangs.
const LONGEST_CASE: Duration = Duration::from_secs(120);

/// What to try, and with whom.
#[derive(Clone, Debug)]
pub struct Subject {
    /// login_server's HTTP address.
    pub login: Option<Target>,
    /// Nobody named that login_server: it may as well not be there.
    pub default_login: bool,
    /// login_server's packet port.
    pub packet: Option<Server>,
    /// msg_servers, besides those that login_server names. If any of them is a WebSocket, these alone are tried:
    /// login_server knows of no WebSockets.
    pub servers: Vec<Server>,
    /// Whom to believe, where msg_servers are to be reached with TLS.
    pub trust: Option<Trust>,
    /// Names and plain passwords, at least four.
    pub users: Vec<(String, String)>,
    /// How long each expectation may take.
    pub deadline: Duration,
    /// Try Ferrotalk's own extensions without finding out whether it is one.
    pub ferrotalk: bool,
}

/// How a case went.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Which.
    pub case: &'static Case,
    /// `Ok` if the rule holds.
    pub outcome: Outcome,
    /// Commands that were sent meanwhile.
    pub sent: BTreeSet<CommandId>,
    /// How long it took.
    pub took: Duration,
}

impl Subject {
    /// Looks for msg_servers, logs every user in once to learn the numbers, and finds out what server it is.
    pub async fn meet(self) -> anyhow::Result<Ctx> {
        if self.users.len() < FEWEST_USERS {
            bail!(
                "{} users are given, and the cases need {FEWEST_USERS}",
                self.users.len()
            );
        }
        let (mut servers, mut login) = (self.servers, self.login);
        if let Some(target) = &login
            && let Err(error) = find_servers(target, self.trust.as_ref(), &mut servers).await
        {
            if servers.is_empty() {
                return Err(error);
            }
            // The msg_servers are known without it. Nobody asked for this one: what is to be tried on it is skipped.
            if self.default_login {
                login = None;
            }
        }
        if servers.is_empty() {
            bail!("no msg_server is known; give --login or --server");
        }
        let users = self.users.into_iter().map(|(name, password)| User {
            name,
            digest: password_digest(&password),
            id: 0,
        });
        let mut ctx = Ctx {
            servers,
            login,
            packet: self.packet,
            users: users.collect(),
            deadline: self.deadline,
            ferrotalk: self.ferrotalk,
            run: fastrand::u32(..),
            texts: AtomicU32::new(0),
            sent: Sent::default(),
            leavers: Default::default(),
        };
        ctx.introduce().await?;
        ctx.acquaint().await;
        if !ctx.ferrotalk {
            ctx.ferrotalk = ctx.looks_like_ferrotalk().await;
            ctx.tidy().await;
        }
        Ok(ctx)
    }
}

/// Adds the msg_servers that login_server names.
async fn find_servers(
    login: &Target,
    trust: Option<&Trust>,
    servers: &mut Vec<Server>,
) -> anyhow::Result<()> {
    let url = lookup(login.clone()).to_string();
    let websockets = servers.iter().any(|server| server.websocket.is_some());
    for _ in 0..QUESTIONS {
        let address = Address::from_login_with(&url, trust)
            .await
            .with_context(|| format!("asking {url} for a msg_server"))?;
        let server = Server::from(&address);
        if !servers.contains(&server) && !websockets {
            servers.push(server);
        }
    }
    Ok(())
}

impl Ctx {
    /// The msg_servers that were found.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Logs every user in once, on each msg_server in turn.
    async fn introduce(&mut self) -> anyhow::Result<()> {
        let everybody: Vec<Who> = self.everybody().collect();
        for (index, who) in everybody.into_iter().enumerate() {
            let login = self.login(who, ClientType::Windows, index % self.servers.len());
            let id = match login.await {
                Ok(device) => device.id,
                Err(Stop::Fail { expected, came }) => {
                    let name = &self.user(who).name;
                    bail!("{name} cannot log in: {expected} expected, {came}");
                }
                Err(Stop::Skip(reason)) => bail!(reason),
            };
            self.users[index].id = id;
            self.tidy().await;
        }
        let ids: BTreeSet<u32> = self.users.iter().map(|user| user.id).collect();
        if ids.len() < self.users.len() {
            bail!("a user is given twice");
        }
        Ok(())
    }

    /// The first four write to each other: in a large directory those see each other come and go who have something to
    /// do with each other. What fails here, cases fail by.
    async fn acquaint(&self) {
        let four: Vec<Who> = self.everybody().take(FEWEST_USERS).collect();
        for (index, who) in four.iter().enumerate() {
            let saying = async {
                let mut device = self.desktop(*who).await?;
                for other in &four[index + 1..] {
                    device.says(self.user(*other).id, &self.text()).await?;
                }
                Ok::<_, Stop>(())
            };
            let outcome = saying.await;
            self.tidy().await;
            if outcome.is_err() {
                return;
            }
        }
    }

    /// Whether a refused message or a second login is answered, neither of which the original servers do.
    async fn looks_like_ferrotalk(&self) -> bool {
        let probe = async {
            let who = ALICE;
            let mut device = self.desktop(who).await?;
            let id = device.id;
            let ack = device.ask(&text(id, &self.text())).await?;
            let again = self.login_request(who, ClientType::Windows as i32);
            let second = device.ask(&again).await?;
            Ok::<_, Stop>(ack.msg_id == 0 || second.result_code == 6)
        };
        probe.await.unwrap_or(false)
    }

    /// Tries one case, and ends the sessions that it leaves.
    pub async fn run(&self, case: &'static Case) -> Trial {
        self.tidy().await;
        self.sent.take();
        let began = Instant::now();
        let outcome = match case.needs.iter().find_map(|need| self.lacks(*need)) {
            Some(reason) => Err(Stop::Skip(reason.to_owned())),
            None => match tokio::time::timeout(LONGEST_CASE, (case.run)(self)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Stop::Fail {
                    expected: "an end of the case".into(),
                    came: format!("none within {} s", LONGEST_CASE.as_secs()),
                }),
            },
        };
        let took = began.elapsed();
        let sent = self.sent.take();
        self.tidy().await;
        Trial {
            case,
            outcome,
            sent,
            took,
        }
    }
}
