//! Who is to come into which group: asked for after a login, and whenever something may have been missed.

use proto::im::ext::group::GroupRequest;
use tokio::time::Instant;

use super::super::group_steps::waiting;
use super::super::news::News;
use super::Engine;
use super::jobs::Done;
use crate::client::{GroupError, RequestError};

impl Engine {
    pub(super) fn ask_requests(&mut self) {
        let due = self.requests_at.is_some_and(|at| at <= Instant::now());
        let Some(line) = self.line.as_ref().filter(|_| due && !self.requesting) else {
            return;
        };
        self.requests_at = None;
        self.requesting = true;
        let session = line.session.clone();
        self.start(async move { Done::Requests(waiting(&session).await) });
    }

    pub(super) fn requests_came(&mut self, came: Result<Vec<GroupRequest>, GroupError>) {
        self.requesting = false;
        match came {
            Ok(requests) => {
                for request in requests {
                    self.say(News::GroupRequest(request));
                }
            }
            // a server that does not say
            Err(
                GroupError::Refused(_)
                | GroupError::Request(RequestError::Nak {
                    retry_after: None, ..
                }),
            ) => {}
            Err(GroupError::Request(error)) => self.requests_at = self.again(&error),
        }
    }
}
