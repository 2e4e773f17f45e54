//! The scenarios that are part of the program.

use super::Scenario;

/// Name and file of each; the files explain themselves.
pub const BUILT_IN: &[(&str, &str)] = &[
    (
        "one-to-one",
        include_str!("../../../../scenarios/one-to-one.toml"),
    ),
    ("group", include_str!("../../../../scenarios/group.toml")),
    ("logins", include_str!("../../../../scenarios/logins.toml")),
    ("resume", include_str!("../../../../scenarios/resume.toml")),
    ("idle", include_str!("../../../../scenarios/idle.toml")),
    (
        "presence",
        include_str!("../../../../scenarios/presence.toml"),
    ),
    (
        "history",
        include_str!("../../../../scenarios/history.toml"),
    ),
    ("office", include_str!("../../../../scenarios/office.toml")),
    ("storm", include_str!("../../../../scenarios/storm.toml")),
];

impl Scenario {
    /// The text of a scenario that is part of the program.
    pub fn built_in(name: &str) -> Option<&'static str> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text)
    }
}
