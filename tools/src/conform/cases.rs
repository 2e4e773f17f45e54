//! Every case, one file per service and one below it per topic.

mod frames;

mod login;

mod buddy;

mod msg;

mod group;

mod file;

mod switch;

mod other;

mod extension;

use super::case::Case;

/// All of them, in the order in which they are tried.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        frames::CASES,
        login::address::CASES,
        login::session::CASES,
        login::refused::CASES,
        login::kick::CASES,
        login::settings::CASES,
        login::account::CASES,
        buddy::presence::CASES,
        buddy::people::CASES,
        buddy::profile::CASES,
        buddy::recent::CASES,
        msg::delivery::CASES,
        msg::store::CASES,
        msg::refused::CASES,
        msg::voice::CASES,
        msg::reading::CASES,
        msg::readers::CASES,
        msg::typing::CASES,
        msg::revision::CASES,
        msg::reference::CASES,
        msg::history::CASES,
        group::create::CASES,
        group::members::CASES,
        group::notices::CASES,
        group::chat::CASES,
        group::access::CASES,
        group::reading::CASES,
        group::settings::CASES,
        file::CASES,
        switch::CASES,
        other::CASES,
        extension::CASES,
        login::resume::CASES,
        msg::sync::CASES,
        buddy::contacts::CASES,
        group::joining::CASES,
        group::running::CASES,
        group::roles::CASES,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proto::{Role, commands};

    use super::*;
    use crate::conform::section::Section;

    #[test]
    fn names_are_unique_grouped_and_in_kebab_case() {
        let mut seen = BTreeSet::new();
        for case in all() {
            let (group, name) = case.name.split_once('/').unwrap();
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(
                group.chars().chain(name.chars()).all(kebab),
                "{}",
                case.name
            );
            assert!(seen.insert(case.name), "{} is there twice", case.name);
            assert!(case.rule.trim().ends_with('.'), "{}", case.name);
        }
    }

    #[test]
    fn every_command_of_a_client_is_tried() {
        let tried: BTreeSet<_> = all().flat_map(|case| case.commands).collect();
        let untried: Vec<_> = commands::all()
            .filter(|command| {
                command.allows(Role::Client, Role::MsgServer)
                    || command.allows(Role::Client, Role::LoginServer)
            })
            .filter(|command| !tried.contains(&command.id))
            .map(|command| command.name)
            .collect();
        assert!(untried.is_empty(), "no case tries {untried:?}");
    }

    #[test]
    fn sections_are_headings_of_the_protocol() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PROTOCOL.md");
        let document = std::fs::read_to_string(path).unwrap();
        let headings: BTreeSet<&str> = document
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        let missing: BTreeSet<&str> = all()
            .map(|case| case.section)
            .map(Section::heading)
            .filter(|heading| !headings.contains(heading))
            .collect();
        assert!(missing.is_empty(), "no heading {missing:?}");
    }
}
