//! What a scenario may ask for.

use std::fmt::Display;

use anyhow::ensure;

use super::super::tag;
use super::{Scenario, share_of};

/// Messages, logins, pages per second at most.
const MAX_RATE: f64 = 10_000_000.0;

/// Messages at most.
const MAX_MESSAGES: u64 = 1_000_000_000_000;

impl Scenario {
    /// Whether everything is within its bounds and fits together. The error names the key as it is in the file.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.name.is_empty(), "name: a scenario has one");
        let prefix = &self.user_prefix;
        ensure!(
            prefix.len() <= 64,
            "user-prefix: at most 64 bytes, not {}",
            prefix.len()
        );
        within("users", self.users, 1, 1_000_000)?;
        let last = u64::from(self.first_user) + u64::from(self.users);
        within("first-user + users", last, 0, u64::from(u32::MAX))?;
        within("seconds", self.seconds, 1, 86_400)?;
        within("drain-seconds", self.drain_seconds, 0, 600)?;
        within("answer-seconds", self.answer_seconds, 1, 600)?;
        within("login-concurrency", self.login_concurrency, 1, 100_000)?;
        rate("login-rate", self.login_rate)?;
        within("processes", self.processes, 1, 64)?;
        within("source-addresses", self.source_addresses, 0, 60_000)?;
        self.check_talk()?;
        self.check_rest()
    }

    fn check_talk(&self) -> anyhow::Result<()> {
        if let Some(pairs) = &self.one_to_one {
            let most = self.users / 2;
            ensure!(
                most > 0,
                "one-to-one: a pair is two users, and users is {}",
                self.users
            );
            within("one-to-one.pairs", pairs.pairs, 0, most)?;
            within("one-to-one.messages", pairs.messages, 0, MAX_MESSAGES)?;
            writing("one-to-one", pairs.window, pairs.rate, pairs.body)?;
        }
        if let Some(group) = &self.group {
            within("group.size", group.size, 2, 100_000)?;
            let most = self.users / group.size;
            ensure!(
                most > 0,
                "group.size: {} members do not fit into {} users",
                group.size,
                self.users
            );
            within("group.groups", group.groups, 0, most)?;
            share("group.online-share", group.online_share)?;
            let online = share_of(group.size, group.online_share);
            within("group.senders", group.senders, 1, online)?;
            within("group.messages", group.messages, 0, MAX_MESSAGES)?;
            writing("group", group.window, group.rate, group.body)?;
        }
        Ok(())
    }

    fn check_rest(&self) -> anyhow::Result<()> {
        if let Some(logins) = &self.logins {
            within("logins.online", logins.online, 0, self.users - 1)?;
            within("logins.concurrency", logins.concurrency, 1, 100_000)?;
            rate("logins.rate", logins.rate)?;
            let alone = self.one_to_one.is_none()
                && self.group.is_none()
                && self.history.is_none()
                && self.presence.is_none()
                && self.storm.is_none();
            ensure!(alone, "logins: is a scenario of its own");
        }
        if let Some(presence) = &self.presence {
            share("presence.share", presence.share)?;
            rate("presence.rate", presence.rate)?;
            ensure!(presence.rate > 0.0, "presence.rate: above 0");
        }
        if let Some(history) = &self.history {
            ensure!(
                self.users >= 2,
                "history: a conversation is of two users, and users is {}",
                self.users
            );
            within("history.prefill", history.prefill, 0, 100_000)?;
            within("history.page", history.page, 1, 100)?;
            share("history.share", history.share)?;
            rate("history.rate", history.rate)?;
        }
        if let Some(storm) = &self.storm {
            share("storm.share", storm.share)?;
            within("storm.after-seconds", storm.after_seconds, 0.0, 86_400.0)?;
            within("storm.every-seconds", storm.every_seconds, 0.0, 86_400.0)?;
            within("storm.within-ms", storm.within_ms, 0, 3_600_000)?;
        }
        Ok(())
    }
}

fn writing(part: &str, window: u32, per_second: f64, body: u32) -> anyhow::Result<()> {
    within(&format!("{part}.window"), window, 1, 1000)?;
    rate(&format!("{part}.rate"), per_second)?;
    within(&format!("{part}.body"), body, tag::LEN as u32, 4096)
}

fn rate(key: &str, per_second: f64) -> anyhow::Result<()> {
    within(key, per_second, 0.0, MAX_RATE)
}

fn share(key: &str, share: f64) -> anyhow::Result<()> {
    ensure!(
        share > 0.0 && share <= 1.0,
        "{key}: above 0, up to 1, and not {share}"
    );
    Ok(())
}

fn within<T: PartialOrd + Display>(key: &str, value: T, least: T, most: T) -> anyhow::Result<()> {
    // Written so that what is no number is outside.
    ensure!(
        value >= least && value <= most,
        "{key}: from {least} to {most}, and not {value}"
    );
    Ok(())
}
