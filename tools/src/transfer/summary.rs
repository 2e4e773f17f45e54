//! What became of everything, for people and for programs.

use std::process::ExitCode;

use db_proxy::transfer::{Account, Class, Finding, Note, Origin, Reason, Report, Source, Verdict};
use serde_json::{Value, json};

use crate::terminal::Paint;

pub(super) struct Summary {
    source: String,
    written: Vec<(&'static str, u64)>,
    report: Report,
    verdict: Option<Verdict>,
    accounts: Vec<Account>,
}

impl Summary {
    pub(super) fn new(
        identity: String,
        note: &Note,
        source: &dyn Source,
        verdict: Option<Verdict>,
    ) -> Self {
        let mut report = note.report.clone();
        report.add(&source.rest(&note.report));
        let written = note.written.iter();
        let written = written.map(|(table, rows)| (table.name(), *rows));
        Self {
            source: identity,
            written: written.collect(),
            accounts: source.accounts(&report),
            report,
            verdict,
        }
    }

    pub(super) fn show(&self, as_json: bool, rehearsal: bool) -> ExitCode {
        if as_json {
            println!("{}", self.json(rehearsal));
        } else {
            self.print(rehearsal);
        }
        if self.succeeded() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Both sides are the same, as far as they were compared, and each row is accounted for.
    fn succeeded(&self) -> bool {
        self.verdict.as_ref().is_none_or(Verdict::passed)
            && self.accounts.iter().all(Account::balances)
            && self.findings(Class::Lost).next().is_none()
    }

    fn findings(&self, class: Class) -> impl Iterator<Item = (Reason, &Finding)> {
        let findings = self.report.findings.iter();
        let of_class = findings.filter(move |(reason, _)| reason.about().1 == class);
        of_class.map(|(reason, finding)| (*reason, finding))
    }

    fn json(&self, rehearsal: bool) -> Value {
        let written: serde_json::Map<String, Value> = self
            .written
            .iter()
            .map(|(table, rows)| ((*table).to_owned(), json!(rows)))
            .collect();
        let carried: serde_json::Map<String, Value> = Origin::ALL
            .iter()
            .filter_map(|origin| Some((origin, self.report.carried.get(origin)?)))
            .map(|(origin, rows)| (origin.name().to_owned(), json!(rows)))
            .collect();
        let findings = |class| {
            let findings = self.findings(class).map(|(reason, finding)| {
                json!({
                    "reason": format!("{reason:?}"), "table": reason.about().0.name(),
                    "text": reason.text(), "count": finding.count, "examples": finding.examples,
                })
            });
            Value::from_iter(findings)
        };
        json!({
            "source": self.source, "dry_run": rehearsal, "written": written, "carried": carried,
            "repaired": findings(Class::Repaired), "merged": findings(Class::Merged),
            "left": findings(Class::Left), "lost": findings(Class::Lost), "accounts": self.accounts,
            "succeeded": self.succeeded(), "verification": self.verdict,
            "verified": self.verdict.as_ref().map(Verdict::passed),
        })
    }

    fn print(&self, rehearsal: bool) {
        let paint = Paint::stdout();
        let done = if rehearsal {
            "would be written"
        } else {
            "written"
        };
        for (table, rows) in self.written.iter().filter(|(_, rows)| *rows > 0) {
            println!("{rows:>12}  {table} {done}");
        }
        for (class, title) in [
            (Class::Repaired, "Repaired:"),
            (Class::Merged, "Merged:"),
            (Class::Left, "Left:"),
            (Class::Lost, "Lost:"),
        ] {
            let mut title = Some(title);
            for (reason, finding) in self.findings(class) {
                if let Some(title) = title.take() {
                    println!("{}", paint.warn(title));
                }
                println!("{:>12}  {}", finding.count, reason.text());
                for example in &finding.examples {
                    println!("{}", paint.dim(&format!("              {example}")));
                }
            }
        }
        match &self.verdict {
            None if rehearsal => println!("Nothing was written."),
            None => println!("Both sides were not compared."),
            Some(verdict) => print_verdict(verdict, paint),
        }
        for account in self.accounts.iter().filter(|it| !it.balances()) {
            let Account {
                rows,
                carried,
                merged,
                left,
                ..
            } = account;
            let of = account.origin.name();
            let line = format!(
                "{of}: {rows} rows, but {carried} carried, {merged} merged and {left} left"
            );
            println!("{}", paint.bad(&line));
        }
        let lost = [Reason::MessageSound, Reason::GroupMessageSound];
        let lost = lost.map(|reason| self.report.findings.get(&reason).map_or(0, |it| it.count));
        if lost.iter().any(|lost| *lost > 0) {
            let lost = lost.iter().sum::<u64>();
            let done = if rehearsal { "would come" } else { "came" };
            let line = format!("{lost} voice messages {done} without their sound");
            println!("{}", paint.bad(&line));
        }
    }
}

fn print_verdict(verdict: &Verdict, paint: Paint) {
    if verdict.passed() {
        let rows: u64 = verdict.tables.iter().map(|table| table.found).sum();
        println!(
            "{} {rows} rows are the same on both sides",
            paint.good("Verified:")
        );
        return;
    }
    println!("{}", paint.bad("Both sides are not the same:"));
    for table in verdict.tables.iter().filter(|table| !table.same) {
        println!(
            "  {}: {} rows, expected {}",
            table.table, table.found, table.expected
        );
        for place in &table.differing {
            println!("    {place}");
        }
    }
    if !verdict.ids {
        println!("  the target would give ids again that the source gave to somebody");
    }
    if !verdict.epoch {
        println!("  the epochs are not the same");
    }
    if !verdict.sounds {
        println!("  the sounds of voice messages are not those that were written");
    }
    println!(
        "If one of them was in use meanwhile, stop that and begin again with an empty target."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_nobody_accounts_for_are_a_failure_without_a_comparison_too() {
        let summary = |carried| Summary {
            source: String::new(),
            written: Vec::new(),
            report: Report::default(),
            verdict: None,
            accounts: vec![Account {
                origin: Origin::Messages,
                rows: 2,
                carried,
                merged: 0,
                left: 0,
            }],
        };
        assert!(summary(2).succeeded());
        assert!(!summary(1).succeeded());
    }
}
