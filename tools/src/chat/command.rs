//! What a typed line means.

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
    /// Who is online.
    Who,
    /// Conversations with unread messages.
    Unread,
    /// Make a group of oneself and these users, and write to it.
    Group {
        name: String,
        members: Vec<String>,
    },
    /// The groups one is in.
    Groups,
    /// Who is in the present group.
    Members,
    /// Bring these users into the present group.
    Add(Vec<String>),
    /// The address book, or those in it whose names contain the text.
    Users(String),
    Help,
    Quit,
    /// An empty line.
    Nothing,
    /// Not understood, and why.
    Unclear(String),
}

/// What `/help` prints.
pub(super) const HELP: &str = "\
NAME: text     write to NAME, and go on with NAME
/to NAME       choose whom to write to
/to #GROUP     write to a group, by its name or number
/history [N]   the last N messages (20); again: further back
/who           who is online
/unread        unread messages by conversation
/group G: A, B make a group G of yourself, A and B, and go on with it
/groups        the groups you are in
/members       who is in the present group
/add A, B      bring A and B into the present group
/users [TEXT]  the address book, or the names that contain TEXT
/quit          leave (also Ctrl-D)
//text         a message that begins with a slash";

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
        "who" => Line::Who,
        "unread" => Line::Unread,
        "group" => group(rest),
        "groups" => Line::Groups,
        "members" => Line::Members,
        "add" => match names(rest) {
            names if names.is_empty() => {
                Line::Unclear("/add needs names, with commas between them".into())
            }
            names => Line::Add(names),
        },
        "users" => Line::Users(rest.to_owned()),
        "help" | "?" => Line::Help,
        "quit" | "exit" => Line::Quit,
        _ => Line::Unclear(format!(
            "/{word} is not known; /help lists the commands, //{word} sends it as a message"
        )),
    }
}

/// `NAME: A, B` of `/group`.
fn group(rest: &str) -> Line {
    let (name, members) = rest.split_once(':').unwrap_or((rest, ""));
    let (name, members) = (name.trim().to_owned(), names(members));
    if name.is_empty() || members.is_empty() {
        return Line::Unclear("/group needs a name and members: /group NAME: ANN, BOB".into());
    }
    Line::Group { name, members }
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
    let plausible =
        !name.is_empty() && !name.contains(char::is_whitespace) && !text.starts_with("//");
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
        let group = |name: &str, members: &[&str]| Line::Group {
            name: name.into(),
            members: members.iter().map(|&name| name.into()).collect(),
        };
        assert_eq!(
            parse("/group our trip: Bob Miller, cat,"),
            group("our trip", &["Bob Miller", "cat"])
        );
        assert_eq!(parse("/add dan"), Line::Add(vec!["dan".into()]));
        assert_eq!(parse("/quit"), Line::Quit);
    }

    #[test]
    fn what_is_unclear_says_what_would_be_clear() {
        for (line, mend) in [
            ("/to", "/users"),
            ("/history 0", "1 to 100"),
            ("/group trip", "/group NAME: ANN, BOB"),
            ("/add ,", "commas"),
            ("/nope", "/help"),
        ] {
            let Line::Unclear(words) = parse(line) else {
                panic!("{line} is clear")
            };
            assert!(words.contains(mend), "{words}");
        }
    }
}
