//! What `/group` and its words mean.

use proto::im::ext::group::{GroupInviting, GroupJoining};

use super::{Line, names};

/// What is done in a group, the present one where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupStep {
    /// Come into the group of this number.
    Join {
        group: u32,
        greeting: String,
    },
    /// Invite users of these names.
    Invite {
        names: Vec<String>,
        greeting: String,
    },
    /// Who is to come in where.
    Requests,
    /// Answer the request of this number, or the only one there is.
    Answer {
        number: Option<u32>,
        accept: bool,
    },
    /// How the group is.
    Info,
    Leave,
    Disband,
    /// Make somebody the owner.
    Transfer(String),
    /// Make somebody an admin, or not any more.
    Admin {
        name: String,
        admin: bool,
    },
    /// Change the group.
    Set(Setting),
    /// Let somebody, or all but admins, not write for some seconds; 0 lifts it.
    Mute {
        name: Option<String>,
        seconds: u32,
    },
    /// What somebody, or oneself, is called in the group; empty: as everywhere.
    Nick {
        name: Option<String>,
        nickname: String,
    },
}

/// What is changed of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Name(String),
    Avatar(String),
    /// Empty: none.
    Announcement(String),
    Joining(GroupJoining),
    Inviting(GroupInviting),
    /// Most members; 0: as many as the server lets a group have.
    Limit(u32),
}

/// Reads what stands behind `/group`.
pub(super) fn parse(rest: &str) -> Line {
    let (word, rest_of_step) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let text = rest_of_step.trim();
    let named = |step: fn(String) -> GroupStep| match text {
        "" => Err("a name"),
        name => Ok(step(name.to_owned())),
    };
    let step = match word {
        "join" => join(text),
        "invite" => invite(text),
        "accept" | "refuse" => answer(text, word == "accept"),
        "requests" => alone(text, GroupStep::Requests),
        "info" => alone(text, GroupStep::Info),
        "leave" => alone(text, GroupStep::Leave),
        "disband" => alone(text, GroupStep::Disband),
        "transfer" => named(GroupStep::Transfer),
        "admin" => named(|name| GroupStep::Admin { name, admin: true }),
        "unadmin" => named(|name| GroupStep::Admin { name, admin: false }),
        "name" if text.is_empty() => Err("the new name"),
        "name" => Ok(GroupStep::Set(Setting::Name(text.to_owned()))),
        "avatar" if text.is_empty() => Err("the picture's address"),
        "avatar" => Ok(GroupStep::Set(Setting::Avatar(text.to_owned()))),
        "announce" => Ok(GroupStep::Set(Setting::Announcement(text.to_owned()))),
        "joining" => joining(text),
        "inviting" => inviting(text),
        "limit" => text
            .parse()
            .map(|limit| GroupStep::Set(Setting::Limit(limit)))
            .map_err(|_| "a number of members, or 0 for as many as the server allows"),
        "mute" => mute(text),
        "unmute" => Ok(GroupStep::Mute {
            name: Some(text.to_owned()).filter(|name| !name.is_empty()),
            seconds: 0,
        }),
        "nick" => Ok(nick(text)),
        _ => return make(rest),
    };
    match step {
        Ok(step) => Line::InGroup(step),
        Err(needs) => Line::Unclear(format!(
            "/group {word} needs {needs}; /help group explains it"
        )),
    }
}

/// `[make] NAME: A, B`.
fn make(rest: &str) -> Line {
    let rest = rest.strip_prefix("make ").unwrap_or(rest);
    let (name, members) = rest.split_once(':').unwrap_or((rest, ""));
    let (name, members) = (name.trim().to_owned(), names(members));
    if name.is_empty() || members.is_empty() {
        return Line::Unclear(
            "/group needs a name and members: /group NAME: ANN, BOB; or one of the words that /help group explains".into(),
        );
    }
    Line::Group { name, members }
}

type Step = Result<GroupStep, &'static str>;

fn alone(text: &str, step: GroupStep) -> Step {
    match text {
        "" => Ok(step),
        _ => Err("nothing behind it"),
    }
}

/// `7`, `7: GREETING` or `7 GREETING`.
fn join(text: &str) -> Step {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, greeting) = text.split_at(end);
    let group = number.parse().map_err(|_| "the group's number")?;
    let greeting = greeting.trim_start_matches(':').trim().to_owned();
    Ok(GroupStep::Join { group, greeting })
}

/// `A, B` or `A, B: GREETING`.
fn invite(text: &str) -> Step {
    let (list, greeting) = text.split_once(':').unwrap_or((text, ""));
    match names(list) {
        names if names.is_empty() => Err("names, with commas between them"),
        names => Ok(GroupStep::Invite {
            names,
            greeting: greeting.trim().to_owned(),
        }),
    }
}

fn answer(text: &str, accept: bool) -> Step {
    let number = match text {
        "" => None,
        number => Some(
            number
                .parse()
                .map_err(|_| "a number as /group requests shows them")?,
        ),
    };
    Ok(GroupStep::Answer { number, accept })
}

fn joining(text: &str) -> Step {
    let joining = match text {
        "closed" => GroupJoining::Closed,
        "approval" => GroupJoining::Approval,
        "open" => GroupJoining::Open,
        _ => return Err("closed, approval or open"),
    };
    Ok(GroupStep::Set(Setting::Joining(joining)))
}

fn inviting(text: &str) -> Step {
    let inviting = match text {
        "members" => GroupInviting::Members,
        "admins" => GroupInviting::Admins,
        _ => return Err("members or admins"),
    };
    Ok(GroupStep::Set(Setting::Inviting(inviting)))
}

/// `10m` for all, `NAME 10m` for one.
fn mute(text: &str) -> Step {
    let (name, time) = match text.rsplit_once(char::is_whitespace) {
        Some((name, time)) => (Some(name.trim().to_owned()), time),
        None => (None, text),
    };
    let seconds = seconds(time).ok_or("a time at the end, as 30s, 10m, 2h or 7d")?;
    Ok(GroupStep::Mute { name, seconds })
}

fn seconds(time: &str) -> Option<u32> {
    let unit = match time.chars().next_back()? {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let count: u32 = time.get(..time.len() - 1)?.parse().ok()?;
    count.checked_mul(unit).filter(|seconds| *seconds > 0)
}

/// `NICKNAME` for oneself, `NAME: NICKNAME` for somebody else.
fn nick(text: &str) -> GroupStep {
    let (name, nickname) = match text.split_once(':') {
        Some((name, nickname)) => (Some(name.trim().to_owned()), nickname.trim()),
        None => (None, text),
    };
    GroupStep::Nick {
        name,
        nickname: nickname.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(line: &str) -> GroupStep {
        match parse(line) {
            Line::InGroup(step) => step,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn words_take_what_they_need() {
        let joined = |greeting: &str| GroupStep::Join {
            group: 7,
            greeting: greeting.into(),
        };
        assert_eq!(step("join 7"), joined(""));
        assert_eq!(step("join 7: it is me"), joined("it is me"));
        assert_eq!(step("join 7 it is me"), joined("it is me"));
        assert_eq!(
            step("invite Bob Miller, cat: come"),
            GroupStep::Invite {
                names: vec!["Bob Miller".into(), "cat".into()],
                greeting: "come".into()
            }
        );
        let answered = |number, accept| GroupStep::Answer { number, accept };
        assert_eq!(step("accept"), answered(None, true));
        assert_eq!(step("refuse 2"), answered(Some(2), false));
        assert_eq!(step("leave"), GroupStep::Leave);
        assert_eq!(
            step("announce"),
            GroupStep::Set(Setting::Announcement(String::new()))
        );
        assert_eq!(
            step("joining open"),
            GroupStep::Set(Setting::Joining(GroupJoining::Open))
        );
        assert_eq!(step("limit 0"), GroupStep::Set(Setting::Limit(0)));
    }

    #[test]
    fn times_and_nicknames_are_for_all_and_oneself_or_for_somebody() {
        let mute = |name: Option<&str>, seconds| GroupStep::Mute {
            name: name.map(Into::into),
            seconds,
        };
        assert_eq!(step("mute 10m"), mute(None, 600));
        assert_eq!(step("mute Bob Miller 2h"), mute(Some("Bob Miller"), 7200));
        assert_eq!(step("unmute"), mute(None, 0));
        assert_eq!(step("unmute bob"), mute(Some("bob"), 0));
        let nick = |name: Option<&str>, nickname: &str| GroupStep::Nick {
            name: name.map(Into::into),
            nickname: nickname.into(),
        };
        assert_eq!(step("nick The Boss"), nick(None, "The Boss"));
        assert_eq!(step("nick bob: The Boss"), nick(Some("bob"), "The Boss"));
        assert_eq!(step("nick"), nick(None, ""));
    }

    #[test]
    fn a_group_with_the_name_of_a_word_is_made_all_the_same() {
        assert_eq!(
            parse("make join: bob"),
            Line::Group {
                name: "join".into(),
                members: vec!["bob".into()]
            }
        );
    }

    #[test]
    fn what_is_unclear_says_what_is_needed() {
        for (line, mend) in [
            ("join us", "number"),
            ("invite", "commas"),
            ("accept bob", "/group requests"),
            ("leave now", "nothing"),
            ("transfer", "name"),
            ("joining me", "approval"),
            ("mute bob", "10m"),
            ("mute bob 0m", "10m"),
            ("mute 9999999d", "10m"),
            ("mute ä", "10m"),
            ("limit many", "number"),
        ] {
            let Line::Unclear(words) = parse(line) else {
                panic!("{line} is clear")
            };
            assert!(words.contains(mend), "{words}");
        }
    }
}
