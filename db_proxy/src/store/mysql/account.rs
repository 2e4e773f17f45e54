use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::attempt::{Repeat, attempts};
use super::meta::{Directory, lock_changes};
use super::statement::Statement;
use super::user::insert;
use super::{MySqlStore, invite, request};
use crate::store::time::ChangeClock;
use crate::store::{
    AccountStore, Inserted, RegisterOutcome, RegisterRefusal, Registration, RequestKey, StoreError,
    UnixMillis,
};

#[async_trait]
impl AccountStore for MySqlStore {
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.row(with_name(name)).await?.is_some())
    }

    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError> {
        let repeat = match new.request {
            Some(_) => Repeat::Harmless,
            None => Repeat::Undone,
        };
        let made = attempts(repeat, || async {
            let mut transaction = self.begin().await?;
            let made = register(&mut transaction, new, &self.clock).await;
            transaction.end(made, Result::is_ok).await
        });
        let made = made.await?;
        self.forget_requests(new.request.as_ref()).await;
        Ok(made)
    }

    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError> {
        let found = self.row(request::kept(request)).await?;
        found.as_ref().map(request::user_of).transpose()
    }
}

async fn register(
    connection: &mut MySqlConnection,
    new: &Registration,
    clock: &ChangeClock,
) -> Result<RegisterOutcome, StoreError> {
    let request = new.request.as_ref();
    if let Some(made) = request::made_user(connection, request, UnixMillis::now()).await? {
        return Ok(Ok(made));
    }
    // nobody else adds a user until this is done
    let latest = lock_changes(connection, Directory::Users).await?;
    let name = with_name(&new.user.profile.name);
    if name.first(connection).await?.is_some() {
        return Ok(Err(RegisterRefusal::NameTaken));
    }
    if let Some(code) = &new.invite
        && let Err(refusal) = invite::spend(connection, code, new.at).await?
    {
        return Ok(Err(refusal.into()));
    }
    let users = std::slice::from_ref(&new.user);
    let made = insert(connection, users, clock.stamp_behind(latest)).await?;
    let Some(Inserted::Created(made)) = made.first().copied() else {
        return Ok(Err(RegisterRefusal::NameTaken));
    };
    request::remember_user(connection, request, made).await?;
    Ok(Ok(made))
}

fn with_name(name: &str) -> Statement {
    Statement::new("SELECT id FROM users WHERE folded_name = lower(?) LIMIT 1").bind(name)
}
