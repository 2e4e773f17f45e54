//! The server's clock, and that it is well behind it all.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::im::message::{ImClientTimeReq, ImMsgData};

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, Ctx};
use crate::conform::expect::{holds, same};

/// Clocks that differ by more than this make messages appear at odd times.
const TOLERANCE: u64 = 120;

cases! {
    /// The server's time is the time.
    "time/is-the-time" is_the_time in IdsAndTime {
        commands: [ImClientTimeReq],
    }
    /// Messages are stamped with that clock.
    "time/stamps-messages" stamps_messages in IdsAndTime {
        commands: [ImClientTimeReq, ImMsgData],
    }
}

async fn is_the_time(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let server = alice.ask(&ImClientTimeReq {}).await?.server_time;
    let here = SystemTime::now().duration_since(UNIX_EPOCH);
    let here = here.map_or(0, |since| since.as_secs());
    let near = u64::from(server).abs_diff(here) <= TOLERANCE;
    holds(&format!("about {here}"), near, server)
}

async fn stamps_messages(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.ask(&ImClientTimeReq {}).await?.server_time;
    let data = ctx.text();
    let id = alice.says(bob.id, &data).await?;
    let after = alice.ask(&ImClientTimeReq {}).await?.server_time;
    let stamp = bob.hears(&data).await?.create_time;
    // The store may be on another machine than the clock that was asked.
    let near = (before.saturating_sub(2)..=after + 2).contains(&stamp);
    holds(&format!("from {before} to {after}"), near, stamp)?;
    let page = bob.history(alice.id, id, 1).await?;
    let stored = page.first().map(|message| message.create_time);
    same("create_time in the history", stored, Some(stamp))
}
