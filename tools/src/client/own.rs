//! What a user does with the own account.

use bytes::Bytes;
use proto::im::base_define::UserInfo;
use proto::im::ext::buddy::ImChangeProfileReq;
use proto::im::ext::login::{ImChangePasswordReq, ImDeleteAccountReq};
use thiserror::Error;

use super::error::RequestError;
use super::login::password_digest;
use super::session::Session;

/// The account is as it was.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The server says no.
    #[error("refused: {reason}")]
    Refused {
        /// One word for why.
        reason: String,
    },
    /// There was no answer.
    #[error(transparent)]
    Request(RequestError),
}

impl From<RequestError> for AccountError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Nak {
                reason,
                retry_after: None,
                ..
            } => Self::Refused { reason },
            error => Self::Request(error),
        }
    }
}

/// The answer's own way of saying no.
fn check(result_code: u32, reason: Option<String>) -> Result<(), AccountError> {
    match result_code {
        0 => Ok(()),
        _ => Err(AccountError::Refused {
            reason: reason.unwrap_or_default(),
        }),
    }
}

impl Session {
    /// Changes the password; both are plain ones, of which only the digests are sent. The user's other devices are sent
    /// away. What comes back is the token to log in with the next time, if the session has resume tokens.
    pub async fn change_password(
        &self,
        old: &str,
        new: &str,
    ) -> Result<Option<Bytes>, AccountError> {
        let reply = self
            .request(ImChangePasswordReq {
                user_id: self.user_id(),
                old_password: password_digest(old),
                new_password: password_digest(new),
                ..Default::default()
            })
            .await?;
        check(reply.result_code, reply.reason)?;
        Ok(reply.resume_token)
    }

    /// Changes what is set in the request, and gives the profile as it is then.
    pub async fn change_profile(
        &self,
        change: ImChangeProfileReq,
    ) -> Result<UserInfo, AccountError> {
        let reply = self.request(change).await?;
        check(reply.result_code, reply.reason)?;
        Ok(reply.user.unwrap_or_default())
    }

    /// Deletes the account; the plain password is asked for once more. The session is over then.
    pub async fn delete_account(&self, password: &str) -> Result<(), AccountError> {
        let reply = self
            .request(ImDeleteAccountReq {
                user_id: self.user_id(),
                password: password_digest(password),
                ..Default::default()
            })
            .await?;
        check(reply.result_code, reply.reason)
    }
}
