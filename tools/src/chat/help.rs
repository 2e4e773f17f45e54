//! What `/help` says, and what completion knows of the commands.

mod group;

/// What an argument is, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// A user's name, or `#` and a group's.
    Anybody,
    /// A user's name.
    User,
    /// Names of users with commas between them.
    Users,
    /// One of these words, then what it takes; behind any other one, names of users as before.
    Step(&'static [(&'static str, Takes)]),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A command.
    Command,
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) word: &'static str,
    pub(super) arguments: &'static str,
    /// What it does, in a line.
    pub(super) brief: &'static str,
    /// What else there is to know of it.
    pub(super) more: &'static str,
    pub(super) takes: Takes,
}

/// In the order in which `/help` lists them.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        word: "to",
        arguments: "NAME",
        brief: "choose whom to write to; #GROUP for a group",
        more: "\
/to demo2       a user: by nick or login name, in any case and with or without spaces, or by number
/to #our trip   a group, by its name or number
What you type from then on goes there. `demo2: hello` chooses and writes at once.",
        takes: Takes::Anybody,
    },
    Command {
        word: "history",
        arguments: "[N]",
        brief: "the last N messages (20); again: further back",
        more: "\
Reads what is kept on this machine first, and asks the server for what is older. Works without a connection as far as that
reaches. N is 1 to 100.",
        takes: Takes::Nothing,
    },
    Command {
        word: "chats",
        arguments: "",
        brief: "your conversations, the latest first",
        more: "Those that are kept on this machine, with what is unread in each.",
        takes: Takes::Nothing,
    },
    Command {
        word: "unread",
        arguments: "",
        brief: "unread messages by conversation",
        more: "As the server counts them.",
        takes: Takes::Nothing,
    },
    Command {
        word: "seen",
        arguments: "",
        brief: "how far the others have read where you write to",
        more: "\
Of those who show it, as you do unless the chat was started with --private. Behind what you wrote to one person ✓ is stored,
✓✓ is read.",
        takes: Takes::Nothing,
    },
    Command {
        word: "reply",
        arguments: "N TEXT",
        brief: "answer message N, and go on where it was written",
        more: "\
N is the short number in front of a message on this screen. In a group, `@demo2` in any text says that it is for demo2 in
particular, and `@all`, by the owner or an admin, that it is for everybody.",
        takes: Takes::Nothing,
    },
    Command {
        word: "recall",
        arguments: "[N]",
        brief: "take message N back, or your latest one",
        more: "\
N is the short number in front of a message on this screen. Yours can be taken back for some minutes (two, where the operator
changed nothing), and in a group any by its owner and admins, at any time.",
        takes: Takes::Nothing,
    },
    Command {
        word: "edit",
        arguments: "[N] TEXT",
        brief: "give message N, or your latest one, another text",
        more: "\
/edit 12 hello again   changes the message with the short number 12
/edit hello again      changes your latest one
Only your own texts, for some minutes (fifteen, where the operator changed nothing). A text that begins with a number needs
the message's number before it.",
        takes: Takes::Nothing,
    },
    Command {
        word: "who",
        arguments: "",
        brief: "who is online",
        more: "Asks the server who has a desktop connected.",
        takes: Takes::Nothing,
    },
    Command {
        word: "users",
        arguments: "[TEXT]",
        brief: "the address book, or the names that contain TEXT",
        more: "At most 200 are listed; TEXT narrows it down.",
        takes: Takes::User,
    },
    Command {
        word: "friends",
        arguments: "",
        brief: "your friends, requests, and whom you block",
        more: "As it is kept on this machine; changes come by themselves.",
        takes: Takes::Nothing,
    },
    Command {
        word: "friend",
        arguments: "add|accept|refuse|remove NAME",
        brief: "ask to be friends, answer, end it",
        more: "\
/friend add demo2: it is me   asks demo2, with a greeting
/friend accept demo2          grants demo2's request
/friend refuse demo2          refuses it
/friend remove demo2          ends the friendship, or takes your own request back",
        takes: Takes::Step(&[
            ("add", Takes::User),
            ("accept", Takes::User),
            ("refuse", Takes::User),
            ("remove", Takes::User),
        ]),
    },
    Command {
        word: "block",
        arguments: "NAME",
        brief: "have nothing to do with NAME any more",
        more: "Ends a friendship, and keeps NAME's messages and requests from you. NAME is not told.",
        takes: Takes::User,
    },
    Command {
        word: "unblock",
        arguments: "NAME",
        brief: "take that back",
        more: "What was kept from you stays so.",
        takes: Takes::User,
    },
    Command {
        word: "group",
        arguments: "G: A, B",
        brief: "make a group G of yourself, A and B; /help group has more: join, invite, leave …",
        more: group::MORE,
        takes: Takes::Step(group::WORDS),
    },
    Command {
        word: "groups",
        arguments: "",
        brief: "the groups you are in",
        more: "With their numbers and how many are in each.",
        takes: Takes::Nothing,
    },
    Command {
        word: "members",
        arguments: "",
        brief: "who is in the present group",
        more: "Choose the group with /to #GROUP before.",
        takes: Takes::Nothing,
    },
    Command {
        word: "add",
        arguments: "A, B",
        brief: "bring A and B into the present group at once",
        more: "They see what is written from then on.",
        takes: Takes::Users,
    },
    Command {
        word: "remove",
        arguments: "A, B",
        brief: "take A and B out of the present group",
        more: "Its owner and admins may do that.",
        takes: Takes::Users,
    },
    Command {
        word: "outbox",
        arguments: "",
        brief: "what is not stored by the server yet",
        more: "\
A message is written down before it is sent, and sent again until the server has stored or refused it: after a lost connection,
or when you start the chat the next time.",
        takes: Takes::Nothing,
    },
    Command {
        word: "logout",
        arguments: "",
        brief: "leave, and ask for the password the next time",
        more: "Without it the next chat on this machine logs in with what the server gave for that.",
        takes: Takes::Nothing,
    },
    Command {
        word: "quit",
        arguments: "",
        brief: "leave (also Ctrl-D)",
        more: "Waits until what you wrote is stored, a minute at most. What is not by then is sent the next time.",
        takes: Takes::Nothing,
    },
    Command {
        word: "help",
        arguments: "[COMMAND]",
        brief: "this list, or what there is to know of one command",
        more: "/help friend",
        takes: Takes::Command,
    },
];

/// The command of this word, with or without its slash.
pub(super) fn find(word: &str) -> Option<&'static Command> {
    let word = word.strip_prefix('/').unwrap_or(word);
    COMMANDS.iter().find(|command| command.word == word)
}

/// The lines of `/help`.
pub(super) fn overview() -> Vec<String> {
    const WIDTH: usize = 38;
    let line = |form: &str, brief: &str| format!("{form:WIDTH$} {brief}");
    let mut lines = vec![line("NAME: text", "write to NAME, and go on with NAME")];
    lines.extend(COMMANDS.iter().map(|command| {
        let form = format!("/{} {}", command.word, command.arguments);
        line(form.trim_end(), command.brief)
    }));
    lines.push(line(
        "… @NAME …",
        "in a group: this is for NAME; @all: for everybody",
    ));
    lines.push(line("//text", "a message that begins with a slash"));
    lines.push(line("Tab", "completes commands and names"));
    lines
}

/// The lines of `/help COMMAND`.
pub(super) fn about(command: &Command) -> Vec<String> {
    let form = format!("/{} {}", command.word, command.arguments);
    let mut lines = vec![format!("{}: {}", form.trim_end(), command.brief)];
    lines.extend(command.more.lines().map(|line| format!("  {line}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_once_and_explained() {
        let overview = overview().join("\n");
        for command in COMMANDS {
            let same = COMMANDS.iter().filter(|other| other.word == command.word);
            assert_eq!(same.count(), 1, "{}", command.word);
            assert!(overview.contains(&format!("/{}", command.word)));
            assert!(about(command).len() > 1, "{}", command.word);
            assert!(find(command.word).is_some());
        }
    }
}
