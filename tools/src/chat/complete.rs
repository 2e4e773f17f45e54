//! What Tab completes: commands, their words, names of users and groups.

use super::help::{COMMANDS, Takes, find};

/// Candidates that are offered at most.
const MOST: usize = 200;

/// The names there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Without spaces: such a name can stand before a colon.
    pub(super) users: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// Where the word begins that is typed at `pos`, and what it may become.
pub(super) fn complete(line: &str, pos: usize, names: &Names) -> (usize, Vec<String>) {
    let typed = line.get(..pos).unwrap_or(line);
    let Some(command) = typed.strip_prefix('/') else {
        // At the beginning of a line a name is an addressee, after an `@` somebody who is meant.
        let word = after(typed, |c: char| c.is_whitespace());
        let start = typed.len() - word.len();
        return match word.strip_prefix('@') {
            Some(name) => (start, matching(&names.users, name, "@", " ")),
            None if start == 0 && !word.is_empty() => {
                (start, matching(&names.users, word, "", ": "))
            }
            None => (start, Vec::new()),
        };
    };
    let Some((word, rest)) = command.split_once(char::is_whitespace) else {
        let words = COMMANDS.iter().map(|command| command.word);
        let found = words.filter(|word| word.starts_with(command));
        return (0, found.map(|word| format!("/{word} ")).collect());
    };
    let Some(command) = find(word) else {
        return (pos, Vec::new());
    };
    argument(typed, rest, command.takes, names)
}

/// What may stand at the end of `rest`, the end of what is typed.
fn argument(typed: &str, rest: &str, takes: Takes, names: &Names) -> (usize, Vec<String>) {
    let rest = rest.trim_start();
    match takes {
        Takes::Nothing => (typed.len(), Vec::new()),
        Takes::Command => {
            let words: Vec<String> = COMMANDS.iter().map(|c| c.word.to_owned()).collect();
            of_rest(typed, rest, &words, "")
        }
        Takes::User => of_rest(typed, rest, &names.users, ""),
        Takes::Anybody => match rest.strip_prefix('#') {
            Some(group) => of_rest(typed, group, &names.groups, ""),
            None => of_rest(typed, rest, &names.users, ""),
        },
        Takes::Users => {
            let name = after(rest, |c| c == ',' || c == ':').trim_start();
            of_rest(typed, name, &names.users, "")
        }
        Takes::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            of_rest(typed, rest, &words, "")
        }
        Takes::Step(steps) => match rest.split_once(char::is_whitespace) {
            Some((word, behind)) => match steps.iter().find(|(step, _)| *step == word) {
                Some((_, takes)) => argument(typed, behind, *takes, names),
                None => argument(typed, rest, Takes::Users, names),
            },
            None => {
                let steps: Vec<String> = steps.iter().map(|(step, _)| (*step).to_owned()).collect();
                of_rest(typed, rest, &steps, " ")
            }
        },
    }
}

/// What may stand in the place of `rest`, the end of what is typed.
fn of_rest(typed: &str, rest: &str, candidates: &[String], end: &str) -> (usize, Vec<String>) {
    let start = typed.len() - rest.len();
    (start, matching(candidates, rest, "", end))
}

/// The part behind the last of these characters.
fn after(text: &str, separates: impl Fn(char) -> bool) -> &str {
    text.rsplit(separates).next().unwrap_or(text)
}

fn matching(candidates: &[String], begin: &str, before: &str, behind: &str) -> Vec<String> {
    let begin = begin.to_lowercase();
    let found = candidates
        .iter()
        .filter(|name| name.to_lowercase().starts_with(&begin));
    found
        .take(MOST)
        .map(|name| format!("{before}{name}{behind}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> (usize, Vec<String>) {
        let names = Names {
            users: vec!["demo1".into(), "demo2".into(), "Bob".into()],
            groups: vec!["our trip".into(), "office".into()],
        };
        complete(line, line.len(), &names)
    }

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn commands_and_their_words() {
        assert_eq!(completed("/fr"), (0, list(&["/friends ", "/friend "])));
        assert_eq!(completed("/friend a"), (8, list(&["add ", "accept "])));
        assert_eq!(completed("/help hist"), (6, list(&["history"])));
        assert_eq!(completed("/nope x"), (7, list(&[])));
        assert_eq!(completed("/group un"), (7, list(&["unadmin ", "unmute "])));
        assert_eq!(completed("/group joining a"), (15, list(&["approval"])));
        assert_eq!(completed("/group leave x"), (14, list(&[])));
    }

    #[test]
    fn names_where_names_are_taken() {
        assert_eq!(completed("/to b"), (4, list(&["Bob"])));
        assert_eq!(completed("/to #o"), (5, list(&["our trip", "office"])));
        assert_eq!(
            completed("/group trip: Bob, DEMO"),
            (18, list(&["demo1", "demo2"]))
        );
        assert_eq!(completed("/friend add bo"), (12, list(&["Bob"])));
        assert_eq!(completed("/group invite cat, b"), (19, list(&["Bob"])));
        assert_eq!(completed("/group mute bo"), (12, list(&["Bob"])));
        assert_eq!(completed("bo"), (0, list(&["Bob: "])));
        assert_eq!(completed("hello @b"), (6, list(&["@Bob "])));
        assert_eq!(completed("hello b"), (6, list(&[])));
        assert_eq!(completed(""), (0, list(&[])));
    }

    #[test]
    fn a_cut_in_a_letter_is_no_harm() {
        assert_eq!(complete("ä", 1, &Names::default()).1, list(&[]));
    }
}
