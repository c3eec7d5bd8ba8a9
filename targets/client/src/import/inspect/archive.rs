//! Logs in the form of zip archives, `.eval`.

use std::{
    collections::BTreeSet,
    io::{Cursor, Read as _},
};

use zip::{ZipArchive, result::ZipError};

use super::document::Document;
use crate::import::python_json::python_json;

const HEADER: &str = "header.json";
/// Entry that replaces the header in a log that was never finished.
const START: &str = "_journal/start.json";
const SAMPLES: &str = "samples/";

/// Checks whether the bytes begin like an archive.
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads the entries of the archive; where a name occurs twice, the later one counts, as for Inspect itself.
///
/// # Errors
/// A text that says what was not understood.
pub fn read_archive(bytes: &[u8]) -> Result<Document, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let names = archive.file_names().map(|name| name.map(|name| name.into_owned())).collect::<Result<BTreeSet<_>, _>>();
    let names = names.map_err(|error| error.to_string())?;
    let header = if names.contains(HEADER) { HEADER } else { START };
    let mut document: Document =
        python_json(&piece(&mut archive, header)?).map_err(|error| format!("{header}: {error}"))?;
    let mut samples = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(SAMPLES) && name.ends_with(".json")) {
        samples.push(python_json(&piece(&mut archive, name)?).map_err(|error| format!("{name}: {error}"))?);
    }
    document.samples = Some(samples);
    Ok(document)
}

fn piece(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    let mut file = archive.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => format!("{name} is missing: this is no log of Inspect"),
        error => format!("{name}: {error}"),
    })?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use aibaas_core::domain::measure::Metric;
    use serde_json::{Value, json};
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::import::inspect::{
        Log,
        fixtures::{finished, options, read, sound},
    };

    fn archive(log: &Value, method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        let mut header = log.clone();
        let samples = header.as_object_mut().unwrap().remove("samples").unwrap();
        let mut add = |name: &str, value: &Value| {
            zip.start_file(name, options).unwrap();
            zip.write_all(value.to_string().as_bytes()).unwrap();
        };
        add(START, &json!({"version": 2, "eval": header["eval"], "plan": header["plan"]}));
        for sample in samples.as_array().unwrap() {
            add(&format!("samples/{}_epoch_{}.json", sample["id"], sample["epoch"]), sample);
        }
        add("summaries.json", &json!([]));
        if header["status"] != "started" {
            add(HEADER, &header);
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn archives_are_read_as_documents_are() {
        let plain = read(finished().to_string().as_bytes(), &[]);
        let (run, results) = sound(&plain);
        assert_eq!((run.model.as_str(), run.benchmark.as_str()), ("meta/llama-3.1-8b", "pkg-my-task"));
        assert_eq!((run.version.as_str(), run.dirty), ("1-a", true));
        assert_eq!(json!(run.generation_config), json!({"temperature": 0.5, "solvers": ["generate"]}));
        let scores: Vec<_> = results.iter().map(|r| (r.task.as_str(), r.attempt, r.score.unwrap())).collect();
        assert_eq!(scores, [("9", 1, 0.5), ("9", 2, 1.0), ("10", 1, 1.0), ("10", 2, 0.0)]);
        assert_eq!(plain.benchmarks[0].body.metric, Metric::Score);
        assert_eq!(plain.benchmarks[0].body.attempts_per_task, 2);
        assert!(plain.unmapped.iter().any(|line| line == "scores by other: match counts"));

        for method in [CompressionMethod::Deflated, CompressionMethod::Zstd, CompressionMethod::Stored] {
            let plan = read(&archive(&finished(), method), &[]);
            assert_eq!(sound(&plan).1, results);
        }
        // A log that was never finished has no header.
        let mut log = finished();
        log["status"] = json!("started");
        let zip = archive(&log, CompressionMethod::Zstd);
        let reason = read(&zip, &[]).entries.remove(0).submission.unwrap_err();
        assert!(reason.starts_with("status is started;"), "{reason}");
        assert!(read(&zip, &["--accept-incomplete"]).entries[0].submission.is_ok());
        let other = ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
        assert!(Log::read(&other, &options(&[])).is_err());
    }
}
