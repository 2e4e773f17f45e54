//! What a run does, as a TOML file says it: who logs in, who writes to whom and how fast, for how long.
//!
//! Every key has a default, so that a file holds what differs. Parts that are absent do not happen.

mod bounds;
mod built_in;
mod split;

use serde::{Deserialize, Serialize};

pub use built_in::BUILT_IN;

/// A whole scenario. Keys are written with dashes; an unknown one is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// What the run is called in reports.
    pub name: String,
    /// Accounts that take part, each with one connection. 1 to 1,000,000.
    pub users: u32,
    /// The number of the first account: `demo` and 1 are `demo1`.
    pub first_user: u32,
    /// What precedes the number in an account's name.
    pub user_prefix: String,
    /// What the clients say they are.
    pub client: ClientKind,
    /// How long the load lasts at most, in seconds. 1 to 86,400.
    pub seconds: u32,
    /// How long to wait for what is under way when the load has ended, in seconds. 0 to 600.
    pub drain_seconds: u32,
    /// How long a login, a message or a page may go without its answer, in seconds. 1 to 600.
    pub answer_seconds: u32,
    /// Logins that are under way at once in each process's share, 1 to 100,000.
    pub login_concurrency: u32,
    /// Logins per second at most, 0 for as many as there can be. For the users who log in before the load.
    pub login_rate: f64,
    /// Acknowledge pushes, as stock clients do.
    pub ack_pushes: bool,
    /// Log in again when a connection is lost, as stock clients do.
    pub reconnect: bool,
    /// Processes that share the users, 1 to 64.
    pub processes: u32,
    /// Addresses of this machine to dial from, 127.0.0.2 and up; 0 leaves it to the system. Up to 60,000.
    pub source_addresses: u32,
    /// Pairs of users who write to each other.
    pub one_to_one: Option<OneToOne>,
    /// Groups that somebody writes to.
    pub group: Option<Group>,
    /// Users who log in during the load.
    pub logins: Option<Logins>,
    /// Users who leave and come back.
    pub presence: Option<Presence>,
    /// Users who read back.
    pub history: Option<History>,
    /// Everybody loses his connection at once.
    pub storm: Option<Storm>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: String::new(),
            users: 100,
            first_user: 1,
            user_prefix: "demo".to_owned(),
            client: ClientKind::Desktop,
            seconds: 10,
            drain_seconds: 5,
            answer_seconds: 10,
            login_concurrency: 32,
            login_rate: 0.0,
            ack_pushes: true,
            reconnect: false,
            processes: 1,
            source_addresses: 0,
            one_to_one: None,
            group: None,
            logins: None,
            presence: None,
            history: None,
            storm: None,
        }
    }
}

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// Windows: is told of everybody's presence.
    Desktop,
    /// Android: is not.
    Phone,
}

/// User 1 writes to user 2, 3 to 4, and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OneToOne {
    /// How many pairs; 0 for all users.
    pub pairs: u32,
    /// The second one of each pair writes as well.
    pub both_ways: bool,
    /// Messages that a writer has unanswered at once, when there is no rate. 1 to 1000.
    pub window: u32,
    /// Messages per second of all writers together, at fixed moments; 0 to write as soon as the window has room.
    pub rate: f64,
    /// Messages in all, after which the load ends; 0 for no limit.
    pub messages: u64,
    /// Bytes of a message's body, 24 to 4096.
    pub body: u32,
}

impl Default for OneToOne {
    fn default() -> Self {
        Self {
            pairs: 0,
            both_ways: false,
            window: 1,
            rate: 0.0,
            messages: 0,
            body: 64,
        }
    }
}

/// Users 1 to `size` are a group, the next ones another one, and so on. They are made anew in each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// How many groups; 0 for all users.
    pub groups: u32,
    /// Members of each. 2 to 100,000.
    pub size: u32,
    /// How many of the members are online during the load, the first ones; above 0, up to 1.
    pub online_share: f64,
    /// Members of each group who write, the first ones.
    pub senders: u32,
    /// As of pairs.
    pub window: u32,
    /// As of pairs.
    pub rate: f64,
    /// As of pairs.
    pub messages: u64,
    /// As of pairs.
    pub body: u32,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            groups: 0,
            size: 50,
            online_share: 1.0,
            senders: 1,
            window: 1,
            rate: 0.0,
            messages: 0,
            body: 64,
        }
    }
}

/// All users but the first `online` log in during the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Logins {
    /// Users who are online before, and stay.
    pub online: u32,
    /// Log in by a token, which everybody is given by a login before the load.
    pub resumed: bool,
    /// Stay online; the load ends with the last login. Otherwise leave at once and log in again until time is up.
    pub hold: bool,
    /// Logins per second at fixed moments, from which they are timed; 0 for as many as there can be.
    pub rate: f64,
    /// Logins under way at once, when there is no rate.
    pub concurrency: u32,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            online: 0,
            resumed: false,
            hold: true,
            rate: 0.0,
            concurrency: 32,
        }
    }
}

/// Some users log out and in again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Presence {
    /// How many of the users, the last ones; above 0, up to 1.
    pub share: f64,
    /// Changes per second of all of them together: a logout is one, the login after it another.
    pub rate: f64,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            share: 0.2,
            rate: 20.0,
        }
    }
}

/// Each user reads pages of what he and his neighbour wrote: 1 with 2, 3 with 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct History {
    /// Messages that are written in each conversation before the load, 0 to 100,000.
    pub prefill: u32,
    /// Messages asked for at once, 1 to 100.
    pub page: u32,
    /// Users who read, the first ones; above 0, up to 1.
    pub share: f64,
    /// Pages per second in all, at fixed moments; 0 for the next as soon as one is there.
    pub rate: f64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            prefill: 100,
            page: 20,
            share: 1.0,
            rate: 0.0,
        }
    }
}

/// Connections are closed at once, and their users come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Storm {
    /// Seconds into the load.
    pub after_seconds: f64,
    /// Seconds until the next storm; 0 for one alone.
    pub every_seconds: f64,
    /// How many of the users; above 0, up to 1.
    pub share: f64,
    /// Everybody comes back at a moment of his own within this many milliseconds.
    pub within_ms: u32,
    /// Come back by a token.
    pub resumed: bool,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            after_seconds: 2.0,
            every_seconds: 0.0,
            share: 1.0,
            within_ms: 0,
            resumed: false,
        }
    }
}

impl Scenario {
    /// The scenario of that name, or in that file.
    pub fn load(name_or_path: &str) -> anyhow::Result<Self> {
        if let Some(text) = Self::built_in(name_or_path) {
            return Self::parse(text);
        }
        use anyhow::Context;
        let text = std::fs::read_to_string(name_or_path).with_context(|| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            format!(
                "{name_or_path:?} is neither a scenario ({}) nor a file that can be read",
                names.join(", ")
            )
        })?;
        Self::parse(&text).with_context(|| format!("{name_or_path} is no scenario"))
    }

    /// Reads a file's text. An error names the key and the line.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// All settings, defaults included, as in a file.
    pub fn settings(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a scenario was read from, or could be, a file")
    }

    /// Pairs that there are.
    pub fn pairs(&self) -> u32 {
        match &self.one_to_one {
            Some(pairs) if pairs.pairs > 0 => pairs.pairs,
            Some(_) => self.users / 2,
            None => 0,
        }
    }

    /// Groups that there are.
    pub fn groups(&self) -> u32 {
        match &self.group {
            Some(group) if group.groups > 0 => group.groups,
            Some(group) => self.users / group.size.max(1),
            None => 0,
        }
    }

    /// Members of each group who are online during the load.
    pub fn online_of_group(&self) -> u32 {
        self.group
            .as_ref()
            .map_or(0, |group| share_of(group.size, group.online_share))
    }

    /// Whether somebody logs in during the load.
    pub(super) fn logs_in(&self) -> bool {
        let logins = self.logins.as_ref();
        logins.is_some_and(|logins| logins.online < self.users)
    }

    /// Whether a token is needed of each login.
    pub fn is_resumed(&self) -> bool {
        self.logins.as_ref().is_some_and(|logins| logins.resumed)
            || self.storm.as_ref().is_some_and(|storm| storm.resumed)
    }
}

/// A share of a number, rounded up.
pub(super) fn share_of(of: u32, share: f64) -> u32 {
    ((f64::from(of) * share).ceil() as u32).min(of)
}

#[cfg(test)]
mod tests;
