//! Tables in plain text: the first column to the left, numbers to the right.

/// Rows of cells, the first of which is the head.
pub(in crate::fuzzer) struct Columns(Vec<Vec<String>>);

/// Between two columns.
const GAP: &str = "  ";

impl Columns {
    pub(in crate::fuzzer) fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|name| (*name).to_owned()).collect()])
    }

    pub(in crate::fuzzer) fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }

    /// Lines of equal build, each with its end.
    pub(in crate::fuzzer) fn lines(&self) -> Vec<String> {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.0.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        self.0.iter().map(line).collect()
    }
}
