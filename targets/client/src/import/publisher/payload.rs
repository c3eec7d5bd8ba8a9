//! Bodies of requests.

use aibaas_core::wire::ResultInput;
use bytes::Bytes;
use serde::Serialize;

/// Most results that the API accepts in one upload.
const MOST_RESULTS: usize = 1000;
/// Most bytes of an upload.
const LARGEST_UPLOAD: usize = 1024 * 1024;

/// Body of a request, which can be sent several times.
pub struct Payload {
    pub media_type: &'static str,
    pub bytes: Bytes,
}

impl Payload {
    /// Creates a body of JSON.
    ///
    /// # Errors
    /// A text that says why it cannot be written as JSON.
    pub fn json(body: &impl Serialize) -> Result<Self, String> {
        let bytes = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        Ok(Self { media_type: "application/json", bytes: bytes.into() })
    }

    /// Creates a body of JSON lines.
    pub fn lines(lines: String) -> Self {
        Self { media_type: "application/x-ndjson", bytes: lines.into() }
    }
}

/// Writes the results as bodies of uploads, one result per line, none larger than the API accepts.
///
/// # Errors
/// A text that says why a result cannot be written as JSON.
pub fn uploads(results: &[ResultInput]) -> Result<Vec<String>, String> {
    let (mut uploads, mut upload, mut lines) = (Vec::new(), String::new(), 0_usize);
    for result in results {
        let line = serde_json::to_string(result).map_err(|error| error.to_string())?;
        let size = upload.len().saturating_add(line.len()).saturating_add(1);
        if lines == MOST_RESULTS || (lines > 0 && size > LARGEST_UPLOAD) {
            uploads.push(std::mem::take(&mut upload));
            lines = 0;
        }
        upload.push_str(&line);
        upload.push('\n');
        lines = lines.saturating_add(1);
    }
    if lines > 0 {
        uploads.push(upload);
    }
    Ok(uploads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(tasks: usize) -> Vec<ResultInput> {
        (0..tasks).map(|task| ResultInput::finished(format!("t{task}"), 1, 1.0)).collect()
    }

    #[test]
    fn no_upload_is_too_large() {
        let sizes = |results: &[ResultInput]| {
            let uploads = uploads(results).unwrap();
            assert!(uploads.iter().all(|upload| upload.len() <= LARGEST_UPLOAD && upload.ends_with("}\n")));
            uploads.iter().map(|upload| upload.lines().count()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&results(1000)), [1000]);
        assert_eq!(sizes(&results(2001)), [1000, 1000, 1]);
        let long = |task: usize| ResultInput::finished(format!("{}{task}", "\u{1}".repeat(200)), 1, 1.0);
        let sizes = sizes(&(0..1000).map(long).collect::<Vec<_>>());
        assert!(sizes.len() == 2 && sizes.iter().sum::<usize>() == 1000, "{sizes:?}");
    }
}
