//! The command `export`, from its options to the line that reports what it did.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::download::download;
use crate::{
    error::CliError,
    exported::{begin, discard, rename, unfinished},
    instance::Instance,
    output::print_line,
};

/// What is exported, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory to write; it must be new, or empty.
    directory: PathBuf,
    /// Base URL of the instance.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
    /// Add the log, with which `verify` checks the directory.
    #[arg(long)]
    log: bool,
}

/// Downloads all tables.
///
/// # Errors
/// [`CliError`] when the instance does not answer, or the files cannot be written; then there is no directory.
pub async fn export(options: Options) -> Result<(), CliError> {
    let Options { directory, url, log } = options;
    let unfinished = unfinished(&directory).map_err(CliError::new)?;
    begin(&directory, &unfinished).map_err(CliError::new)?;
    let progress = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} rows {wide_msg}") {
        progress.set_style(style);
    }
    let exported = async {
        let manifest = download(&Instance::new(&url)?, &unfinished, log, &progress).await?;
        rename(&unfinished, &directory)?;
        Ok::<_, String>(manifest)
    }
    .await;
    progress.finish_and_clear();
    let manifest = exported.map_err(|reason| {
        let _ = discard(&unfinished);
        CliError::new(reason)
    })?;
    let rows = manifest.tables.iter().map(|table| table.rows).fold(0_u64, u64::saturating_add);
    let moment = manifest.snapshot_id.map_or_else(|| "before any".to_owned(), |id| format!("of snapshot {id}"));
    let tables = manifest.tables.len();
    print_line(&format!("exported {rows} rows of {tables} tables as {moment} to {}", directory.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use serde_json::{Value, json};
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::{
        exported::{CHECKSUMS, CROISSANT, Checksum, MANIFEST},
        test_server::{self, Answer},
    };

    static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

    /// Exports from a server that gives these answers, one after another. Returns the outcome, the requests that the
    /// server got, and the files in the directory.
    async fn exported(answers: Vec<Answer>) -> (Result<(), String>, Vec<String>, Option<Vec<(String, String)>>) {
        let (url, received) = test_server::start(answers).await;
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let parent = std::env::temp_dir().join(format!("aibaas-export-{}-{number}", std::process::id()));
        let directory = parent.join("dataset");
        let outcome = export(Options { directory: directory.clone(), url, log: false }).await;
        assert!(!unfinished(&directory).unwrap().exists());
        let files = std::fs::read_dir(&directory).ok().map(|entries| {
            let read = |path: PathBuf| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::io::read_to_string(File::open(path).unwrap()).unwrap())
            };
            let mut files = entries.map(|entry| read(entry.unwrap().path())).collect::<Vec<_>>();
            files.sort();
            files
        });
        let _ = std::fs::remove_dir_all(&parent);
        let asked = received.lock().unwrap().iter().map(|request| request.path.clone()).collect();
        (outcome.map_err(|error| error.to_string()), asked, files)
    }

    fn manifest() -> Answer {
        let table = json!({"name": "models", "href": "/api/v1/export/models?through=7"});
        let body =
            json!({"format": 1, "schema": "x", "snapshotId": "s", "seq": 7, "generatedAt": "then", "tables": [table]});
        (200, Vec::new(), body.to_string())
    }

    /// Returns an answer that describes the tables in the Croissant vocabulary.
    fn croissant() -> Answer {
        let file = json!({"@id": "models.ndjson", "contentUrl": "http://elsewhere/"});
        (200, Vec::new(), json!({"name": "x", "isLiveDataset": true, "distribution": [file]}).to_string())
    }

    fn page(link: Option<&'static str>, body: &str) -> Answer {
        (200, link.map(|link| ("link", link)).into_iter().collect(), body.to_owned())
    }

    #[tokio::test]
    async fn follows_links_and_waits_when_asked_to() {
        let busy = || (503, vec![("retry-after", "0")], String::new());
        let next = Some("</api/v1/export/models?through=7&cursor=a>; rel=\"next\"");
        let answers = vec![busy(), manifest(), page(next, ""), busy(), page(None, "{}\n{}\n"), croissant()];
        let (outcome, asked, files) = exported(answers).await;
        assert_eq!(outcome, Ok(()));
        let (first, second) = ("/api/v1/export/models?through=7", "/api/v1/export/models?through=7&cursor=a");
        let described = "/api/v1/export/croissant";
        assert_eq!(asked, ["/api/v1/export", "/api/v1/export", first, second, second, described]);
        let files = files.unwrap();
        let names = files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, [CHECKSUMS, CROISSANT, MANIFEST, "models.ndjson"]);
        assert_eq!(files[3].1, "{}\n{}\n");
        let known = Checksum::new("models.ndjson".to_owned(), Sha256::new_with_prefix("{}\n{}\n"));
        assert!(files[0].1.starts_with(&known.line()), "{}", files[0].1);
        let described: Value = serde_json::from_str(&files[1].1).unwrap();
        let file = json!({"@id": "models.ndjson", "contentUrl": "models.ndjson", "sha256": known.sha256});
        assert_eq!(described, json!({"name": "x", "distribution": [file]}));
        let manifest: Value = serde_json::from_str(&files[2].1).unwrap();
        assert_eq!((&manifest["seq"], &manifest["tables"][0]["rows"]), (&json!(7), &json!(2)));
    }

    #[tokio::test]
    async fn leaves_nothing_where_the_server_is_not_understood() {
        let elsewhere = Some("<http://example.com/rows>; rel=\"next\"");
        let other_form = (200, Vec::new(), manifest().2.replace("\"format\":1", "\"format\":2"));
        let escaping = (200, Vec::new(), manifest().2.replace("\"models\"", "\"../models\""));
        let problem = json!({"detail": "There is no such table."}).to_string();
        for (answers, reason) in [
            (vec![manifest(), page(None, "{}\n{")], "within a row"),
            (vec![manifest(), page(elsewhere, "{}\n")], "links to http://example.com/rows"),
            (vec![manifest(), (404, Vec::new(), problem)], "404 Not Found: There is no such table."),
            (vec![other_form], "in form 2"),
            (vec![escaping], "../models"),
            (vec![page(None, "<html>")], "not understood"),
            (vec![manifest(), page(None, ""), page(None, "{}")], "no distribution"),
        ] {
            let (outcome, _, files) = exported(answers).await;
            assert!(outcome.as_ref().is_err_and(|said| said.contains(reason)), "{reason}: {outcome:?}");
            assert_eq!(files, None);
        }
    }
}
