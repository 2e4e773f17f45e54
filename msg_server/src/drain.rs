//! The end of this server as its clients see it: each is sent elsewhere at a moment of its own.

use std::sync::Arc;
use std::time::Duration;

use im_base::net::CloseReason;
use proto::capability;
use proto::im::ext::login::{ImReconnect, ServerAddress};
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::server::MsgServer;
use crate::session::Session;

/// Between two groups of clients.
const STEP: Duration = Duration::from_millis(20);

/// The share of the time over which clients are spread; the rest is for those who are slow.
const MOVING: f64 = 2.0 / 3.0;

/// Addresses that one client is told.
const ADDRESSES: usize = 3;

/// Waits for the drain stage, then moves the clients to other msg_servers.
///
/// Those that understand it are told when to log in elsewhere, and served until they have: the new login displaces the old
/// one. The others are closed a few at a time, after what they have in flight, so that the other servers and their
/// passwords' checks are not run over. Done when nobody is left, and at the latest when the time is over. When there is no
/// other server with room, everybody is closed at once.
pub(crate) async fn drain(server: Arc<MsgServer>) {
    server.shutdown.draining().await;
    let servers = server.logins.drain().await;
    let mut sessions = Vec::new();
    server
        .users
        .each_session(|session| sessions.push(session.clone()));
    fastrand::shuffle(&mut sessions);
    let within = match servers.is_empty() {
        true => Duration::ZERO,
        false => server.limits.drain(),
    };
    let is_able = |session: &Session| session.can(capability::RECONNECT);
    let (able, others): (Vec<Session>, Vec<Session>) = sessions.into_iter().partition(is_able);
    info!(
        told = able.len(),
        closed = others.len(),
        seconds = within.as_secs(),
        "moving clients to other servers"
    );
    if !within.is_zero() {
        tell(&able, &servers, within);
        close_in_steps(&others, &able, within).await;
    }
    for session in others.iter().chain(&able) {
        session.end(CloseReason::SHUTDOWN);
    }
}

/// Says when to go.
fn tell(sessions: &[Session], servers: &[ServerAddress], within: Duration) {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    for (place, session) in sessions.iter().enumerate() {
        let share = place as f64 / sessions.len() as f64;
        let from = place % servers.len();
        let in_turn = servers.iter().cycle().skip(from);
        let reconnect = ImReconnect {
            after_ms: millis(within.mul_f64(share * MOVING)),
            within_ms: millis(within),
            server: in_turn
                .take(servers.len().min(ADDRESSES))
                .cloned()
                .collect(),
        };
        session.move_on(&reconnect);
    }
}

/// Closes a few every moment. Done when they and those who go by themselves are gone, or the time is over.
async fn close_in_steps(others: &[Session], able: &[Session], within: Duration) {
    let begun = Instant::now();
    let mut closed = 0;
    let mut left: Vec<&Session> = others.iter().chain(able).collect();
    while begun.elapsed() < within {
        while left.pop_if(|session| session.is_over()).is_some() {}
        if left.is_empty() {
            return;
        }
        let share = begun.elapsed().as_secs_f64() / within.mul_f64(MOVING).as_secs_f64();
        let due = (others.len() as f64 * share.min(1.0)).ceil() as usize;
        for session in &others[closed..due] {
            session.end(CloseReason::SHUTDOWN);
        }
        closed = due;
        sleep(STEP).await;
    }
}
