//! What users are to each other by their own wish: who asked whom, who are friends, who blocks whom.

mod cursor;

use std::sync::Arc;

use proto::ids::UserId;

use self::cursor::{Cursor, Round};
use super::sync::{BEGINNING, LIFETIME};
use crate::store::{
    Contact, ContactChanges, ContactPlace, ContactRefusal, ContactSides, ContactState, ContactStep,
    ContactWish, MAX_GREETING, Store, StoreError, UNSETTLED, UnixMillis,
};

/// Bounds of the contacts of one user.
#[derive(Clone, Copy, Debug)]
pub struct ContactLimits {
    /// Most friends, own requests and blocked users of one user together, and most requests by others.
    pub per_user: usize,
    /// Most contacts of one answer.
    pub page: usize,
}

impl Default for ContactLimits {
    fn default() -> Self {
        Self {
            per_user: 5_000,
            page: 500,
        }
    }
}

/// Why a step was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ContactError {
    #[error("nobody is his own contact")]
    ToSelf,
    #[error("a greeting has at most {MAX_GREETING} characters and no control characters")]
    Greeting,
    #[error(transparent)]
    Refused(#[from] ContactRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As much of the contacts that changed as fits into one answer.
#[derive(Clone, Debug)]
pub struct ContactsPage {
    pub cursor: Vec<u8>,
    pub more: bool,
    /// The cursor was of no use: this is the beginning of everything.
    pub reset: bool,
    pub contacts: Vec<Contact>,
}

/// Contacts. `user` is always the one who asks.
#[derive(Clone)]
pub struct Contacts {
    store: Arc<dyn Store>,
    limits: ContactLimits,
}

impl Contacts {
    pub fn new(store: Arc<dyn Store>, limits: ContactLimits) -> Self {
        Self { store, limits }
    }

    /// Takes a step for both sides. What holds already is answered as if it had just been done.
    pub async fn take(
        &self,
        user: UserId,
        other: UserId,
        step: ContactStep,
    ) -> Result<ContactSides, ContactError> {
        if user == other {
            return Err(ContactError::ToSelf);
        }
        if let ContactStep::Ask { greeting } = &step
            && (greeting.chars().count() > MAX_GREETING || greeting.chars().any(char::is_control))
        {
            return Err(ContactError::Greeting);
        }
        let wish = ContactWish {
            user,
            other,
            step,
            most: self.limits.per_user,
        };
        Ok(self.store.take_step(&wish).await??)
    }

    /// The next page of contacts that changed since the cursor; `None` for who has nothing. It never leaves out a change
    /// that was committed before it was asked for first; what changed a few seconds earlier may come again.
    pub async fn page(
        &self,
        user: UserId,
        cursor: Option<&[u8]>,
    ) -> Result<ContactsPage, StoreError> {
        let moment = self.store.moment().await?;
        let oldest = moment.now.before(LIFETIME);
        let known = cursor
            .and_then(Cursor::from_bytes)
            .filter(|cursor| cursor.epoch == moment.epoch && cursor.is_young(oldest));
        let reset = cursor.is_some() && known.is_none();
        let mut next = known.unwrap_or(Cursor::new(moment.epoch));
        let round = next.round.unwrap_or(Round {
            settled: moment.now.before(UNSETTLED),
            after: None,
        });
        let limit = self.limits.page;
        let changed = changed(&*self.store, user, next.since, round.after, limit).await?;
        let after = changed.next;
        (next.since, next.round) = match after {
            Some(after) => (
                next.since,
                Some(Round {
                    after: Some(after),
                    ..round
                }),
            ),
            None => (round.settled, None),
        };
        Ok(ContactsPage {
            cursor: next.to_bytes(),
            more: after.is_some(),
            reset,
            contacts: changed.contacts,
        })
    }
}

/// Contacts that changed.
pub(super) struct Changed {
    pub(super) contacts: Vec<Contact>,
    /// There is more behind this place.
    pub(super) next: Option<ContactPlace>,
}

/// At most `limit` of the user's contacts that changed since then, behind a place. Who has nothing yet is not told of what
/// is nothing any more.
pub(super) async fn changed(
    store: &dyn Store,
    user: UserId,
    since: UnixMillis,
    after: Option<ContactPlace>,
    limit: usize,
) -> Result<Changed, StoreError> {
    let wanted = ContactChanges {
        since,
        after,
        limit,
    };
    let mut contacts = store.changed_contacts(user, &wanted).await?;
    let is_full = contacts.len() >= limit;
    let next = contacts.last().filter(|_| is_full).map(Contact::place);
    if since == BEGINNING {
        contacts.retain(|contact| contact.blocked || contact.state != ContactState::Nothing);
    }
    Ok(Changed { contacts, next })
}
