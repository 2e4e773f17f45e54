//! What a typed line means.

mod group;

use super::help::{Command, find};
pub(super) use group::{GroupStep, Setting};

/// How many messages `/history` shows when it is not told.
const HISTORY: u32 = 20;

/// More than this is not shown at once.
const MAX_HISTORY: u32 = 100;

/// One line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A message. If somebody has the name `addressee`, `rest` goes to them, else `whole` to the present partner.
    Say {
        whole: String,
        addressed: Option<(String, String)>,
    },
    /// Whom to write to from now on.
    To(String),
    /// Older messages of the present conversation.
    History(u32),
    /// The conversations that are kept here.
    Chats,
    /// What is not stored yet.
    Outbox,
    /// Take the message of this number back, or the latest one of one's own.
    Recall(Option<u32>),
    /// Give it another text.
    Edit(Option<u32>, String),
    /// Answer the message of this number.
    Reply(u32, String),
    /// Who is online.
    Who,
    /// Friends, requests, and who is blocked.
    Friends,
    /// A step with somebody who has this name.
    Friend(Step, String),
    /// Conversations with unread messages.
    Unread,
    /// How far the others of the present conversation have read.
    Seen,
    /// Make a group of oneself and these users, and write to it.
    Group {
        name: String,
        members: Vec<String>,
    },
    /// A step in a group.
    InGroup(GroupStep),
    /// The groups one is in.
    Groups,
    /// Who is in the present group.
    Members,
    /// Bring these users into the present group.
    Add(Vec<String>),
    /// Take these users out of it.
    Remove(Vec<String>),
    /// The address book, or those in it whose names contain the text.
    Users(String),
    /// Everything, or one command.
    Help(Option<&'static Command>),
    Quit,
    /// Leave, and forget the token.
    LogOut,
    /// An empty line.
    Nothing,
    /// Not understood, and why.
    Unclear(String),
}

/// What is done with somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask to be friends, with a greeting, which may be empty.
    Ask(String),
    /// Grant a request, or refuse it.
    Answer(bool),
    /// End a friendship, or take one's own request back.
    Remove,
    /// Block, or not any more.
    Block(bool),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() {
        return Line::Nothing;
    }
    if let Some(escaped) = line.strip_prefix("//") {
        return Line::Say {
            whole: format!("/{escaped}"),
            addressed: None,
        };
    }
    match line.strip_prefix('/') {
        Some(command) => slash(command),
        None => Line::Say {
            whole: line.to_owned(),
            addressed: addressed(line),
        },
    }
}

fn slash(command: &str) -> Line {
    let (word, rest) = command
        .split_once(char::is_whitespace)
        .unwrap_or((command, ""));
    let rest = rest.trim();
    match word {
        "to" if rest.is_empty() => Line::Unclear("/to needs a name; /users lists them".into()),
        "to" => Line::To(rest.to_owned()),
        "history" if rest.is_empty() => Line::History(HISTORY),
        "history" => match rest.parse() {
            Ok(count @ 1..=MAX_HISTORY) => Line::History(count),
            _ => Line::Unclear(format!("/history takes a number from 1 to {MAX_HISTORY}")),
        },
        "chats" => Line::Chats,
        "outbox" => Line::Outbox,
        "recall" if rest.is_empty() => Line::Recall(None),
        "recall" => match rest.parse() {
            Ok(number) => Line::Recall(Some(number)),
            Err(_) => Line::Unclear(format!(
                "/recall takes a message's number, and {rest} is none"
            )),
        },
        "edit" => edit(rest),
        "reply" => reply(rest),
        "who" => Line::Who,
        "friends" => Line::Friends,
        "friend" => friend(rest),
        "block" | "unblock" if rest.is_empty() => Line::Unclear(format!("/{word} needs a name")),
        "block" | "unblock" => Line::Friend(Step::Block(word == "block"), rest.to_owned()),
        "unread" => Line::Unread,
        "seen" => Line::Seen,
        "group" => group::parse(rest),
        "groups" => Line::Groups,
        "members" => Line::Members,
        "add" | "remove" => match names(rest) {
            names if names.is_empty() => {
                Line::Unclear(format!("/{word} needs names, with commas between them"))
            }
            names if word == "add" => Line::Add(names),
            names => Line::Remove(names),
        },
        "users" => Line::Users(rest.to_owned()),
        "help" | "?" if rest.is_empty() => Line::Help(None),
        "help" | "?" => match find(rest) {
            Some(command) => Line::Help(Some(command)),
            None => Line::Unclear(format!("/{rest} is not known; /help lists the commands")),
        },
        "quit" | "exit" => Line::Quit,
        "logout" => Line::LogOut,
        _ => Line::Unclear(format!(
            "/{word} is not known; /help lists the commands, //{word} sends it as a message"
        )),
    }
}

/// `[N] TEXT` of `/edit`.
fn edit(rest: &str) -> Line {
    let numbered = rest
        .split_once(char::is_whitespace)
        .and_then(|(number, text)| Some((number.parse().ok()?, text.trim())));
    match numbered {
        Some((number, text)) => Line::Edit(Some(number), text.to_owned()),
        // A number alone is one whose text was forgotten, sooner than a text.
        None if rest.is_empty() || rest.parse::<u32>().is_ok() => {
            Line::Unclear("/edit needs the new text: /edit N TEXT".into())
        }
        None => Line::Edit(None, rest.to_owned()),
    }
}

/// `N TEXT` of `/reply`.
fn reply(rest: &str) -> Line {
    let numbered = rest
        .split_once(char::is_whitespace)
        .and_then(|(number, text)| Some((number.parse().ok()?, text.trim())));
    match numbered {
        Some((number, text)) => Line::Reply(number, text.to_owned()),
        None => Line::Unclear("/reply needs a message's number and a text: /reply N TEXT".into()),
    }
}

/// `add|accept|refuse|remove NAME` of `/friend`.
fn friend(rest: &str) -> Line {
    let (step, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.trim();
    let (step, name) = match step {
        "add" => {
            let (name, greeting) = name.split_once(':').unwrap_or((name, ""));
            (Step::Ask(greeting.trim().to_owned()), name.trim())
        }
        "accept" => (Step::Answer(true), name),
        "refuse" => (Step::Answer(false), name),
        "remove" => (Step::Remove, name),
        _ => return Line::Unclear("/friend add, accept, refuse or remove, and a name".into()),
    };
    if name.is_empty() {
        return Line::Unclear("/friend needs a name; /users lists them".into());
    }
    Line::Friend(step, name.to_owned())
}

fn names(list: &str) -> Vec<String> {
    let names = list.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `NAME: text`, if the line has this form. Names of two words are left to `/to`.
fn addressed(line: &str) -> Option<(String, String)> {
    let (name, text) = line.split_once(':')?;
    let plausible = !name.is_empty()
        && !name.starts_with('@')
        && !name.contains(char::is_whitespace)
        && !text.starts_with("//");
    let text = text.trim();
    (plausible && !text.is_empty()).then(|| (name.to_owned(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(whole: &str, addressed: Option<(&str, &str)>) -> Line {
        Line::Say {
            whole: whole.into(),
            addressed: addressed.map(|(name, text)| (name.into(), text.into())),
        }
    }

    #[test]
    fn text_may_name_its_addressee() {
        assert_eq!(parse(" hello "), say("hello", None));
        assert_eq!(
            parse("bob: hi: there"),
            say("bob: hi: there", Some(("bob", "hi: there")))
        );
        assert_eq!(parse("see http://x"), say("see http://x", None));
        assert_eq!(parse("http://x"), say("http://x", None));
        assert_eq!(parse("bob:"), say("bob:", None));
        assert_eq!(parse("@bob: hi"), say("@bob: hi", None));
        assert_eq!(parse("//shrug"), say("/shrug", None));
        assert_eq!(parse("  "), Line::Nothing);
    }

    #[test]
    fn commands_have_their_arguments() {
        assert_eq!(parse("/to  Bob Miller "), Line::To("Bob Miller".into()));
        assert_eq!(parse("/history"), Line::History(20));
        assert_eq!(parse("/history 5"), Line::History(5));
        assert_eq!(parse("/users de"), Line::Users("de".into()));
        assert_eq!(parse("/who"), Line::Who);
        assert_eq!(parse("/seen"), Line::Seen);
        let group = |name: &str, members: &[&str]| Line::Group {
            name: name.into(),
            members: members.iter().map(|&name| name.into()).collect(),
        };
        assert_eq!(
            parse("/group our trip: Bob Miller, cat,"),
            group("our trip", &["Bob Miller", "cat"])
        );
        assert_eq!(parse("/group make trip: cat"), group("trip", &["cat"]));
        assert_eq!(parse("/add dan"), Line::Add(vec!["dan".into()]));
        assert_eq!(parse("/remove dan"), Line::Remove(vec!["dan".into()]));
        assert_eq!(parse("/recall"), Line::Recall(None));
        assert_eq!(parse("/recall 7"), Line::Recall(Some(7)));
        assert_eq!(
            parse("/edit 7 new text"),
            Line::Edit(Some(7), "new text".into())
        );
        assert_eq!(
            parse("/reply 7 of course"),
            Line::Reply(7, "of course".into())
        );
        assert_eq!(parse("/edit new text"), Line::Edit(None, "new text".into()));
        assert_eq!(
            parse("/friend add Bob Miller: it is me"),
            Line::Friend(Step::Ask("it is me".into()), "Bob Miller".into())
        );
        assert_eq!(
            parse("/friend refuse bob"),
            Line::Friend(Step::Answer(false), "bob".into())
        );
        assert_eq!(
            parse("/unblock bob"),
            Line::Friend(Step::Block(false), "bob".into())
        );
        assert_eq!(parse("/help friend"), Line::Help(find("friend")));
        assert_eq!(parse("/quit"), Line::Quit);
    }

    #[test]
    fn what_is_unclear_says_what_would_be_clear() {
        for (line, mend) in [
            ("/to", "/users"),
            ("/history 0", "1 to 100"),
            ("/group trip", "/group NAME: ANN, BOB"),
            ("/add ,", "commas"),
            ("/recall x", "number"),
            ("/edit", "/edit N TEXT"),
            ("/edit 7", "/edit N TEXT"),
            ("/reply 7", "/reply N TEXT"),
            ("/reply of course", "/reply N TEXT"),
            ("/friend marry bob", "accept"),
            ("/friend add", "/users"),
            ("/block", "name"),
            ("/help nope", "/help"),
            ("/nope", "/help"),
        ] {
            let Line::Unclear(words) = parse(line) else {
                panic!("{line} is clear")
            };
            assert!(words.contains(mend), "{words}");
        }
    }
}
