//! Who is to come into which group, as far as it was heard, and the numbers by which that is named.

use proto::im::ext::group::{GroupRequest, GroupRequestKind, GroupRequestState};

#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The number of each is its place, from 1.
    heard: Vec<GroupRequest>,
}

impl Requests {
    /// Notes how a request is. Its number, unless that was known.
    pub(super) fn learn(&mut self, request: GroupRequest) -> Option<u32> {
        let same = |other: &GroupRequest| {
            (other.group_id, other.user_id) == (request.group_id, request.user_id)
        };
        let index = match self.heard.iter().position(same) {
            Some(index) if self.heard[index] == request => return None,
            Some(index) => {
                self.heard[index] = request;
                index
            }
            None => {
                self.heard.push(request);
                self.heard.len() - 1
            }
        };
        u32::try_from(index + 1).ok()
    }

    /// The request of a number.
    pub(super) fn numbered(&self, number: u32) -> Option<&GroupRequest> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.heard.get(index)
    }

    /// Those that wait, with their numbers.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, &GroupRequest)> {
        let waits = |request: &GroupRequest| request.state == GroupRequestState::Waiting as i32;
        (1..).zip(&self.heard).filter(move |(_, one)| waits(one))
    }

    /// The only one that waits for this user's answer.
    pub(super) fn only_one(&self, me: u32) -> Option<&GroupRequest> {
        let mut mine = self.waiting().filter(|(_, one)| waits_for(one, me));
        let only = mine.next()?;
        mine.next().is_none().then_some(only.1)
    }
}

/// Whether the user is to answer, and not somebody else.
fn waits_for(request: &GroupRequest, me: u32) -> bool {
    let invitation = request.kind == GroupRequestKind::Invitation as i32;
    invitation == (request.user_id == me)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(group_id: u32, user_id: u32, kind: GroupRequestKind) -> GroupRequest {
        GroupRequest {
            group_id,
            user_id,
            kind: kind as i32,
            state: GroupRequestState::Waiting as i32,
            ..Default::default()
        }
    }

    #[test]
    fn a_request_is_news_once_and_keeps_its_number() {
        let mut requests = Requests::default();
        let mut first = request(7, 1, GroupRequestKind::Invitation);
        assert_eq!(requests.learn(first.clone()), Some(1));
        assert_eq!(requests.learn(first.clone()), None);
        let second = request(7, 2, GroupRequestKind::Application);
        assert_eq!(requests.learn(second), Some(2));
        assert_eq!(requests.only_one(1), None, "two wait for the one");
        first.state = GroupRequestState::Accepted as i32;
        assert_eq!(requests.learn(first), Some(1));
        assert_eq!(requests.waiting().map(|(n, _)| n).collect::<Vec<_>>(), [2]);
        assert_eq!(requests.only_one(1).map(|one| one.user_id), Some(2));
        assert_eq!(
            requests.only_one(2),
            None,
            "one's own is not one's to answer"
        );
        assert!(requests.numbered(0).is_none() && requests.numbered(3).is_none());
    }
}
