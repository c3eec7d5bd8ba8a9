//! What came of an import.

/// Numbers of accounts by what became of them.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) imported: u64,
    pub(super) already_there: u64,
    /// Lines of refused rows, with reasons.
    pub(super) refused: Vec<(u64, String)>,
}

impl Summary {
    /// Describes what came of the import, whole or not: the numbers, then the refused rows.
    pub(super) fn describe(&self, to_file: bool, is_whole: bool) -> String {
        let Self { imported, already_there, refused } = self;
        let mut told = match (to_file, is_whole) {
            (false, _) => format!("imported {imported}, already there {already_there}"),
            (true, true) => format!("written {imported}"),
            // The file is gone.
            (true, false) => "written 0".to_owned(),
        };
        told.push_str(&format!(", refused {}", refused.len()));
        let mut refused = refused.iter().collect::<Vec<_>>();
        refused.sort_by_key(|(line, _)| *line);
        refused.iter().for_each(|(line, reason)| told.push_str(&format!("\nrefused: line {line}: {reason}")));
        told
    }

    /// Describes where an import stopped, and why.
    pub(super) fn stopped(&self, lines: &[u64], error: &str) -> String {
        let line = lines.first().copied().unwrap_or_default();
        format!("stopped before line {line}, after {} accounts: {error}; run it again", self.imported)
    }
}
