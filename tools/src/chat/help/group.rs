//! The words of `/group`.

use super::Takes;

/// What each takes.
pub(super) const WORDS: &[(&str, Takes)] = &[
    ("make", Takes::Users),
    ("join", Takes::Nothing),
    ("invite", Takes::Users),
    ("requests", Takes::Nothing),
    ("accept", Takes::Nothing),
    ("refuse", Takes::Nothing),
    ("info", Takes::Nothing),
    ("leave", Takes::Nothing),
    ("disband", Takes::Nothing),
    ("transfer", Takes::User),
    ("admin", Takes::User),
    ("unadmin", Takes::User),
    ("name", Takes::Nothing),
    ("avatar", Takes::Nothing),
    ("announce", Takes::Nothing),
    ("joining", Takes::Words(&["closed", "approval", "open"])),
    ("inviting", Takes::Words(&["members", "admins"])),
    ("limit", Takes::Nothing),
    ("mute", Takes::User),
    ("unmute", Takes::User),
    ("nick", Takes::User),
];

pub(super) const MORE: &str = "\
/group our trip: demo2, demo3   makes a group and chooses it; with `make` before the name, it may begin with a word of these
/group join 7: it is me         comes into group 7, or asks to, with a greeting
/group requests                 who is to come in: invitations, and who asks an admin, with their numbers
/group accept 1, refuse 1       answers; without a number, the only one that waits. Refusing your own takes it back
The rest is for the present group, chosen with /to #GROUP:
/group invite demo2: come in    they answer themselves; /add brings them in at once
/group info                     how it is, who is what, who is muted
/group leave                    its owner makes somebody else the owner before, with /group transfer demo2
/group disband                  ends it, for its owner
/group admin demo2, unadmin     makes admins, for its owner
/group name TEXT, avatar URL    for admins, as all that follows
/group announce TEXT            without a text: nothing is announced any more
/group joining closed           nobody comes in who is not invited; `approval`: admins answer; `open`: anybody
/group inviting admins          or members, in a group that a member made
/group limit 20                 most members; 0 is the server's own limit
/group mute 10m, unmute         only admins write for so long (30s, 10m, 2h, 7d)
/group mute demo2 10m, unmute   demo2 does not write for so long
/group nick The Boss            what you are called in it; `demo2: The Boss` for somebody else";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_explained() {
        for (word, _) in WORDS {
            assert!(MORE.contains(word), "{word}");
        }
    }
}
