//! A scenario and its target as a command line says them.

use anyhow::{bail, ensure};

use super::super::Misunderstood;
use super::super::permit::Permit;
use super::scenario::{ClientKind, Scenario};
use super::target::{Place, Target};
use crate::client::TlsArgs;
use crate::terminal::PASSWORD_VARIABLE;

/// Where the installation is.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// A login_server, which every connection asks for a msg_server, as stock clients do
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        conflicts_with = "msg_server"
    )]
    login: String,
    /// A msg_server instead; may be given repeatedly, and users take them in turn
    #[arg(long, value_name = "HOST:PORT")]
    msg_server: Vec<String>,
    /// The password of all accounts; better kept in the variable than in the list of processes
    #[arg(
        long,
        value_name = "TEXT",
        env = PASSWORD_VARIABLE,
        hide_env_values = true,
        hide_default_value = true,
        default_value = crate::accounts::DEMO_PASSWORD
    )]
    password: String,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    permit: Permit,
}

impl TargetArgs {
    /// The target.
    pub fn target(&self) -> Target {
        let place = match self.msg_server.as_slice() {
            [] => Place::Login(self.login.clone()),
            servers => Place::Servers(servers.to_vec()),
        };
        Target {
            place,
            permit: self.permit,
            password: self.password.clone(),
            tls: self.tls.clone(),
            program: None,
        }
    }

    /// Whom may be sent to.
    pub(super) fn permit(&self) -> Permit {
        self.permit
    }
}

/// What differs from the scenario's file.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Instead of what the scenario says")]
pub struct ScenarioArgs {
    /// Accounts that take part, each with one connection
    #[arg(long, value_name = "N")]
    users: Option<u32>,
    /// The number of the first account
    #[arg(long, value_name = "N")]
    first_user: Option<u32>,
    /// What precedes the number in an account's name
    #[arg(long, value_name = "TEXT")]
    user_prefix: Option<String>,
    /// What the clients say they are; phones are not told of everybody's presence
    #[arg(long, value_enum)]
    client: Option<ClientKind>,
    /// How long the load lasts at most
    #[arg(long, value_name = "S")]
    seconds: Option<u32>,
    /// How long to wait for what is under way at the end
    #[arg(long, value_name = "S")]
    drain_seconds: Option<u32>,
    /// How long an answer may take
    #[arg(long, value_name = "S")]
    answer_seconds: Option<u32>,
    /// Messages in all, after which the load ends
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
    /// Messages that each writer has unanswered at once
    #[arg(long, value_name = "N")]
    window: Option<u32>,
    /// Messages, logins, changes of presence or pages per second, of what the scenario is about
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// Bytes of a message's body
    #[arg(long, value_name = "BYTES")]
    body: Option<u32>,
    /// Pairs who write to each other; without --users there are twice as many users
    #[arg(long, value_name = "N")]
    pairs: Option<u32>,
    /// How many groups; without --users there are as many users as fill them
    #[arg(long, value_name = "N")]
    groups: Option<u32>,
    /// Members of each group
    #[arg(long, value_name = "N")]
    group_size: Option<u32>,
    /// How many of a group's members are online, up to 1
    #[arg(long, value_name = "SHARE")]
    online_share: Option<f64>,
    /// Members of each group who write
    #[arg(long, value_name = "N")]
    senders: Option<u32>,
    /// Users who are online before the logins of the load
    #[arg(long, value_name = "N")]
    online: Option<u32>,
    /// Logins under way at once
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// Messages that each conversation is given before history is read
    #[arg(long, value_name = "N")]
    prefill: Option<u32>,
    /// Messages on a page of history
    #[arg(long, value_name = "N")]
    page: Option<u32>,
    /// Whether to acknowledge pushes, as stock clients do
    #[arg(long, value_name = "BOOL")]
    ack_pushes: Option<bool>,
    /// Processes that share the users
    #[arg(long, value_name = "N")]
    processes: Option<u32>,
    /// Addresses from 127.0.0.2 on to dial from, for more connections than one address has ports
    #[arg(long, value_name = "N")]
    source_addresses: Option<u32>,
}

impl ScenarioArgs {
    /// The scenario of that name or file, with what was said instead, checked.
    pub(crate) fn scenario(&self, name_or_path: &str) -> Result<Scenario, Misunderstood> {
        self.checked(name_or_path).map_err(Misunderstood)
    }

    fn checked(&self, name_or_path: &str) -> anyhow::Result<Scenario> {
        let mut scenario = Scenario::load(name_or_path)?;
        self.apply(&mut scenario)?;
        scenario.check()?;
        Ok(scenario)
    }

    fn apply(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        set(&mut scenario.first_user, self.first_user);
        set(&mut scenario.user_prefix, self.user_prefix.clone());
        set(&mut scenario.client, self.client);
        set(&mut scenario.seconds, self.seconds);
        set(&mut scenario.drain_seconds, self.drain_seconds);
        set(&mut scenario.answer_seconds, self.answer_seconds);
        set(&mut scenario.ack_pushes, self.ack_pushes);
        set(&mut scenario.processes, self.processes);
        set(&mut scenario.source_addresses, self.source_addresses);
        self.apply_to_talk(scenario)?;
        self.apply_to_rest(scenario)?;
        set(&mut scenario.users, self.users);
        self.apply_rate(scenario)
    }

    fn apply_to_talk(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        let Scenario {
            one_to_one, group, ..
        } = scenario;
        let about_talk = self.messages.is_some() || self.window.is_some() || self.body.is_some();
        ensure!(
            !about_talk || one_to_one.is_some() || group.is_some(),
            "--messages, --window and --body: nobody writes in this scenario"
        );
        if let Some(pairs) = one_to_one {
            set(&mut pairs.window, self.window);
            set(&mut pairs.messages, self.messages);
            set(&mut pairs.body, self.body);
            set(&mut pairs.pairs, self.pairs);
            if let Some(count) = self.pairs
                && group.is_none()
            {
                scenario.users = count.saturating_mul(2);
            }
        } else {
            ensure!(self.pairs.is_none(), "--pairs: no pairs in this scenario");
        }
        let Some(group) = group else {
            let about_groups = self.groups.is_some()
                || self.group_size.is_some()
                || self.online_share.is_some()
                || self.senders.is_some();
            ensure!(
                !about_groups,
                "--groups, --group-size, --online-share and --senders: no groups in this scenario"
            );
            return Ok(());
        };
        set(&mut group.window, self.window);
        set(&mut group.messages, self.messages);
        set(&mut group.body, self.body);
        set(&mut group.groups, self.groups);
        set(&mut group.size, self.group_size);
        set(&mut group.online_share, self.online_share);
        set(&mut group.senders, self.senders);
        if self.groups.is_some() || self.group_size.is_some() {
            let groups = group.groups.max(1);
            scenario.users = scenario.users.max(groups.saturating_mul(group.size));
        }
        Ok(())
    }

    fn apply_to_rest(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        match &mut scenario.logins {
            Some(logins) => {
                set(&mut logins.online, self.online);
                set(&mut logins.concurrency, self.concurrency);
            }
            None => ensure!(
                self.online.is_none(),
                "--online: nobody logs in during this scenario's load"
            ),
        }
        set(&mut scenario.login_concurrency, self.concurrency);
        match &mut scenario.history {
            Some(history) => {
                set(&mut history.prefill, self.prefill);
                set(&mut history.page, self.page);
            }
            None => ensure!(
                self.prefill.is_none() && self.page.is_none(),
                "--prefill and --page: nobody reads in this scenario"
            ),
        }
        Ok(())
    }

    /// The rate is of what comes first among these.
    fn apply_rate(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let about = [
            scenario.one_to_one.as_mut().map(|part| &mut part.rate),
            scenario.group.as_mut().map(|part| &mut part.rate),
            scenario.logins.as_mut().map(|part| &mut part.rate),
            scenario.presence.as_mut().map(|part| &mut part.rate),
            scenario.history.as_mut().map(|part| &mut part.rate),
        ];
        match about.into_iter().flatten().next() {
            Some(of) => *of = rate,
            None => bail!("--rate: nothing in this scenario has one"),
        }
        Ok(())
    }
}

fn set<T>(value: &mut T, instead: Option<T>) {
    if let Some(instead) = instead {
        *value = instead;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        scenario: String,
        #[command(flatten)]
        instead: ScenarioArgs,
    }

    fn scenario(line: &str) -> anyhow::Result<Scenario> {
        let line = Line::try_parse_from(std::iter::once("x").chain(line.split(' ')))?;
        Ok(line.instead.scenario(&line.scenario)?)
    }

    #[test]
    fn what_is_said_on_the_command_line_goes_before_the_file() {
        let pairs = scenario("one-to-one --pairs 3 --window 8 --rate 50.5 --body 100").unwrap();
        assert_eq!((pairs.users, pairs.pairs()), (6, 3));
        let part = pairs.one_to_one.unwrap();
        assert_eq!((part.window, part.rate, part.body), (8, 50.5, 100));
        let group = scenario("group --groups 2 --group-size 500 --online-share 0.1").unwrap();
        assert_eq!(
            (group.users, group.groups(), group.online_of_group()),
            (1000, 2, 50)
        );
        let logins = scenario("logins --users 50 --online 20 --rate 5 --client desktop").unwrap();
        assert_eq!(logins.client, ClientKind::Desktop);
        let part = logins.logins.unwrap();
        assert_eq!((part.online, part.rate), (20, 5.0));
    }

    #[test]
    fn what_the_scenario_is_not_about_is_refused() {
        for (line, flag) in [
            ("idle --rate 5", "--rate"),
            ("idle --window 5", "--window"),
            ("group --pairs 5", "--pairs"),
            ("one-to-one --senders 5", "--senders"),
            ("one-to-one --online 5", "--online"),
            ("one-to-one --page 5", "--page"),
            ("one-to-one --pairs 5 --users 8", "one-to-one.pairs"),
            ("idle --users 1000001", "users"),
        ] {
            let error = scenario(line).unwrap_err().to_string();
            assert!(error.contains(flag), "{line}: {error}");
        }
    }
}
