//! One try to log in, with the patience of a person.

use std::time::Duration;

use tokio::time::timeout;

use crate::client::{Account, Address, Events, Session};

/// How long a login_server may take.
const LOOKUP: Duration = Duration::from_millis(1_500);

/// How long a msg_server may take, connecting included.
const LOGIN: Duration = Duration::from_secs(4);

/// A session that has begun.
pub(super) struct Entered {
    pub(super) session: Session,
    pub(super) events: Events,
    /// Where, in words.
    pub(super) server: String,
}

/// Logs in at the first of these servers that lets one in, or where the login_server says. An error says why not, in words
/// that are the same for the same reason.
pub(super) async fn enter(
    account: &Account,
    servers: &[Address],
    login: &str,
) -> Result<Entered, String> {
    for server in servers {
        if let Ok(entered) = enter_at(account, server).await {
            return Ok(entered);
        }
    }
    let address = match timeout(LOOKUP, Address::from_login(login)).await {
        Ok(Ok(address)) => address,
        Ok(Err(error)) => return Err(format!("no address: {error}")),
        Err(_) => return Err("no address: login_server is silent".into()),
    };
    enter_at(account, &address).await
}

async fn enter_at(account: &Account, address: &Address) -> Result<Entered, String> {
    match timeout(LOGIN, account.enter(address)).await {
        Ok(Ok((session, events))) => Ok(Entered {
            session,
            events,
            server: format!("{}:{}", address.prior, address.port),
        }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the login was not answered".into()),
    }
}
