//! What is stored in the end, read as a client reads it.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

use super::check;
use super::history::{History, Talk, What};
use super::load::{self, Crowd, Load, Run};
use crate::client::{Account, Address, Device, Session, Status};

/// Messages of one page.
const PAGE: u32 = 100;

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);

/// How long all of it may take besides reading.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads every conversation and what everybody has unread, and notes it. What is unread is asked until it is as it should be, or
/// the healing time is over: read marks are not confirmed.
pub(super) async fn look(
    load: &Load,
    crowd: &Crowd,
    history: &History,
    run: Run,
    heal: Duration,
) -> anyhow::Result<()> {
    let mut sessions = Vec::new();
    for (user, name) in &crowd.users {
        sessions.push((*user, log_in(load, name).await?));
    }
    for (talk, (base, members)) in &crowd.talks {
        let reader = sessions.iter().find(|(user, _)| members.contains(user));
        let (user, session) = reader.context("a conversation without a member")?;
        read(session, *user, *talk, *base, history, run)
            .await
            .with_context(|| format!("reading {talk}"))?;
    }
    // Everything that happened until now, for what is expected.
    let expected = check::expected_unread(&history.since(0, usize::MAX));
    let due = Instant::now() + heal;
    for (user, session) in &sessions {
        let expected = expected.get(user).cloned().unwrap_or_default();
        loop {
            let asked = history.now();
            let standings = load::unread(session, history).await?;
            let mut found: Vec<(Talk, u32)> = standings
                .iter()
                .filter(|standing| crowd.talks.contains_key(&standing.talk))
                .map(|standing| (standing.talk, standing.unread))
                .collect();
            found.sort_unstable();
            if found == expected || Instant::now() >= due {
                history.note(What::Unread {
                    user: *user,
                    asked,
                    complete: true,
                    last: true,
                    standings,
                });
                break;
            }
            sleep(AGAIN).await;
        }
    }
    for (_, session) in sessions {
        session.logout().await.context("logging out")?;
    }
    Ok(())
}

/// As a desktop: the user's own have left.
async fn log_in(load: &Load, name: &str) -> anyhow::Result<Session> {
    let account = Account::new(name, &load.password, Device::Windows, Status::Online);
    let due = Instant::now() + PATIENCE;
    let mut logins = load.logins.iter().cycle();
    loop {
        let url = logins.next().context("no login_server is named")?;
        let tried = match Address::from_login(url).await {
            Ok(address) => account.enter(&address).await.map_err(anyhow::Error::new),
            Err(error) => Err(error.into()),
        };
        match tried {
            Ok((session, _)) => return Ok(session),
            Err(error) if Instant::now() >= due => {
                return Err(error.context(format!("{name} cannot log in in the end")));
            }
            Err(_) => sleep(AGAIN).await,
        }
    }
}

/// All of a conversation behind `base`, newest first.
async fn read(
    session: &Session,
    user: u32,
    talk: Talk,
    base: u32,
    history: &History,
    run: Run,
) -> anyhow::Result<()> {
    let conversation = talk.seen_by(user);
    let mut begin = session.latest_id(conversation).await?;
    if begin <= base {
        let seen = Vec::new();
        history.note(What::Stored { talk, seen });
    }
    while begin > base {
        let count = PAGE.min(begin - base);
        let page = session.history(conversation, begin, count).await?;
        let seen = page.iter().map(|message| run.seen(user, message).1);
        history.note(What::Stored {
            talk,
            seen: seen.collect(),
        });
        // A page without messages is a gap, which the check sees.
        begin = match page.last() {
            Some(oldest) => oldest.id.saturating_sub(1),
            None => begin - count,
        };
    }
    Ok(())
}
