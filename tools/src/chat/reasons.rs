//! The server's words for why it refuses, in words for people.

use crate::client::messenger::StepError;

/// Why a message was not stored.
pub(super) fn message(reason: &str) -> &str {
    match reason {
        "" => "refused by the server",
        "muted" => "you are muted here for some time",
        "not_a_member" => "you are not in this group",
        "not_friends" => "only friends may write here",
        "no_such_group" => "there is no such group, or not any more",
        "no_such_user" => "there is no such user, or not any more",
        "too_large" => "it is longer than the server takes",
        "too_many_mentions" => "more than 50 are mentioned",
        "mentions_no_member" => "somebody who is mentioned is not in this group",
        "not_permitted" => "only the owner and admins mention everybody",
        "no_such_message" => "what it answers is not there any more",
        reason => reason,
    }
}

/// Why it is not told how far others have read.
pub(super) fn readers(reason: &str) -> &str {
    match reason {
        "switched_off" => "the operator has switched it off",
        "too_many_members" => "the group has more than 100 members",
        "not_a_member" => "you are not in this group",
        "no_such_group" => "there is no such group, or not any more",
        reason => reason,
    }
}

/// Why a step with somebody was not taken; `name` is what he was called.
pub(super) fn contact(error: &StepError, name: &str) -> String {
    let StepError::Refused(reason) = error else {
        return error.to_string();
    };
    match reason.as_str() {
        "to_oneself" => format!("{name} is you"),
        "no_such_user" => format!("{name} is not there any more"),
        "no_request" => format!("{name} did not ask you to be friends, or not any more"),
        "blocked_by_oneself" => format!("you block {name}: /unblock {name} comes first"),
        "bad_greeting" => "a greeting has at most 256 characters".to_owned(),
        "too_many_contacts" => {
            "you have as many friends, requests and blocked users as you may have".to_owned()
        }
        "too_many_requests" => format!("too many ask {name} already"),
        _ => error.to_string(),
    }
}

/// Why a step in a group was not taken.
pub(super) fn group(error: &StepError) -> String {
    let StepError::Refused(reason) = error else {
        return error.to_string();
    };
    let words = match reason.as_str() {
        "no_such_group" => "there is no such group, or not any more",
        "no_such_user" => "there is no such user, or not any more",
        "not_a_member" => "you are not in it, or the one you name is not",
        "not_permitted" => "that is not yours to do; /group info shows who may",
        "not_open" => "the group is closed; somebody in it has to invite you",
        "no_request" => "there is nothing to answer, or not any more",
        "owner_must_transfer" => {
            "you own it: make somebody else the owner before (/group transfer NAME), or end it (/group disband)"
        }
        "to_oneself" => "that cannot be done with oneself",
        "nobody_named" => "nobody is named",
        "too_many_named" => "at most 100 can be named at once",
        "too_many_members" => "the group is full, or would be smaller than it is",
        "too_many_groups" => "in as many groups already as one may be",
        "too_many_admins" => "the group has as many admins as it may have",
        "too_many_requests" => "too many requests wait already",
        "bad_name" => "the server does not take this name",
        "bad_avatar" => "the server does not take this picture's address",
        "bad_announcement" => "an announcement has at most 2,000 characters, and not only spaces",
        "bad_nickname" => "a name in a group has at most 64 characters, and not only spaces",
        "bad_greeting" => "a greeting has at most 256 characters",
        "bad_limit" => "the server does not let groups be so large",
        _ => return error.to_string(),
    };
    words.to_owned()
}
