//! An error and what caused it, for people.

/// The error and its causes in one line. Causes that the words before them end with are left out: libraries say them both
/// themselves and as what caused them.
pub fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        if line.is_empty() {
            line = words;
        } else if !line.ends_with(&words) {
            line.push_str(": ");
            line.push_str(&words);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn nothing_is_said_twice() {
        let error = anyhow!("connection refused")
            .context("no answer: connection refused")
            .context("opening the store");
        assert_eq!(
            line(&error),
            "opening the store: no answer: connection refused"
        );
        assert_eq!(line(&anyhow!("gone")), "gone");
    }
}
