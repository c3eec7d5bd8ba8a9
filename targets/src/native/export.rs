//! `aibaas export`: downloads the whole public data set of an instance, as of one snapshot.
//!
//! The directory gets its name when everything is in it; until then it ends with `.part`.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use aibaas_core::store::dump::FORMAT;
use clap::Args;
use http::{HeaderMap, StatusCode, header};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Url};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    cli::{Failure, say},
    dump_files::{CHECKSUMS, MANIFEST, Manifest, TableFile, checksum_line, file_name, trouble, unfinished},
    http_client,
};

const TIMEOUT: Duration = Duration::from_secs(60);
/// Tries of one request, while the server is not there or has no time.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What a server may ask us to wait; beyond it, better come back later.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What is exported, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory to write; it must be new, or empty.
    directory: PathBuf,
    /// Base URL of the instance.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
}

/// Downloads every table.
///
/// # Errors
/// [`Failure`] when the instance does not answer, or the files cannot be written; then there is no directory.
pub async fn export(options: Options) -> Result<ExitCode, Failure> {
    let Options { directory, url } = options;
    let unfinished = unfinished(&directory).map_err(Failure::failed)?;
    begin(&directory, &unfinished).map_err(Failure::failed)?;
    let progress = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} rows {wide_msg}") {
        progress.set_style(style);
    }
    let outcome = async {
        let source = Source::new(&url)?;
        let manifest = download(&source, &unfinished, &progress).await?;
        // An empty one may be there, which not every system replaces.
        let _ = std::fs::remove_dir(&directory);
        std::fs::rename(&unfinished, &directory).map_err(|error| trouble(&directory, &error))?;
        Ok::<_, String>(manifest)
    };
    let outcome = outcome.await;
    progress.finish_and_clear();
    let manifest = outcome.map_err(|reason| {
        let _ = discard(&unfinished);
        Failure::failed(reason)
    })?;
    let rows = manifest.tables.iter().map(|table| table.rows).fold(0_u64, u64::saturating_add);
    let moment = manifest.snapshot_id.map_or_else(|| "before any".to_owned(), |id| format!("of snapshot {id}"));
    let tables = manifest.tables.len();
    say(&format!("exported {rows} rows of {tables} tables as {moment} to {}", directory.display()));
    Ok(ExitCode::SUCCESS)
}

/// Makes the unfinished directory, anew where an export was killed.
fn begin(directory: &Path, unfinished: &Path) -> Result<(), String> {
    match std::fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(trouble(directory, &"is there already, and not empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(directory, &error)),
    }
    if unfinished.exists() {
        discard(unfinished).map_err(|error| trouble(unfinished, &error))?;
    }
    std::fs::create_dir_all(unfinished).map_err(|error| trouble(unfinished, &error))
}

/// Removes what an export writes, and nothing else.
fn discard(unfinished: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(unfinished)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "ndjson")
            || [MANIFEST, CHECKSUMS].iter().any(|name| path.ends_with(name));
        if is_ours {
            std::fs::remove_file(path)?;
        }
    }
    std::fs::remove_dir(unfinished)
}

/// What an instance says of its data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    format: u32,
    schema: String,
    snapshot_id: Option<String>,
    seq: i64,
    generated_at: String,
    tables: Vec<OfferedTable>,
}

#[derive(Deserialize)]
struct OfferedTable {
    name: String,
    href: String,
}

async fn download(source: &Source, directory: &Path, progress: &ProgressBar) -> Result<Manifest, String> {
    let (_, body) = source.get(&source.manifest, progress).await?;
    let offer: Offer = serde_json::from_slice(&body)
        .map_err(|error| format!("the server's answer about its data is not understood: {error}"))?;
    if offer.format != FORMAT {
        return Err(format!("the server tells its data in form {}; this program knows {FORMAT}", offer.format));
    }
    let mut manifest = Manifest {
        format: offer.format,
        schema: offer.schema,
        snapshot_id: offer.snapshot_id,
        seq: offer.seq,
        generated_at: offer.generated_at,
        tables: Vec::new(),
    };
    let mut checksums = String::new();
    for OfferedTable { name, href } in offer.tables {
        // It becomes a file's name.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err(format!("the server names a table {name:?}"));
        }
        let mut file = TableWriter::new(directory, &name)?;
        let mut next = Some(source.resolve(&source.manifest, &href)?);
        while let Some(url) = next {
            let (headers, page) = source.get(&url, progress).await?;
            progress.inc(file.write(&page)?);
            progress.set_message(name.clone());
            next = next_page(&headers).map(|link| source.resolve(&url, &link)).transpose()?;
        }
        let (hash, rows) = file.finish()?;
        checksums.push_str(&checksum_line(hash, &file_name(&name)));
        manifest.tables.push(TableFile { name, rows });
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| error.to_string())? + "\n";
    write(&directory.join(MANIFEST), &text)?;
    checksums.push_str(&checksum_line(Sha256::new_with_prefix(&text), MANIFEST));
    write(&directory.join(CHECKSUMS), &checksums)?;
    Ok(manifest)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| trouble(path, &error))
}

/// The file of a table in the making.
struct TableWriter {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    rows: u64,
}

impl TableWriter {
    fn new(directory: &Path, table: &str) -> Result<Self, String> {
        let path = directory.join(file_name(table));
        let file = File::create_new(&path).map_err(|error| trouble(&path, &error))?;
        Ok(Self { path, file: BufWriter::new(file), hash: Sha256::new(), rows: 0 })
    }

    /// Adds a page, and tells how many rows it has.
    fn write(&mut self, page: &[u8]) -> Result<u64, String> {
        if page.last().is_some_and(|byte| *byte != b'\n') {
            return Err(trouble(&self.path, &"the server's page ends within a row"));
        }
        self.file.write_all(page).map_err(|error| trouble(&self.path, &error))?;
        self.hash.update(page);
        let rows = u64::try_from(page.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX);
        self.rows = self.rows.saturating_add(rows);
        Ok(rows)
    }

    fn finish(mut self) -> Result<(Sha256, u64), String> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|error| trouble(&self.path, &error))?;
        Ok((self.hash, self.rows))
    }
}

/// Where the next page is, as `Link` says (RFC 8288).
fn next_page(headers: &HeaderMap) -> Option<String> {
    let mut links = headers.get_all(header::LINK).iter().filter_map(|link| link.to_str().ok());
    let link = links.find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = link.split_once('<')?;
    rest.split_once('>').map(|(target, _)| target.to_owned())
}

/// The instance.
struct Source {
    client: Client,
    manifest: Url,
}

impl Source {
    fn new(url: &str) -> Result<Self, String> {
        let manifest = Url::parse(&format!("{}/api/v1/export", url.trim_end_matches('/')))
            .map_err(|error| format!("--url {url}: {error}"))?;
        let client = http_client::builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, manifest })
    }

    /// A link of the instance to itself.
    fn resolve(&self, from: &Url, link: &str) -> Result<Url, String> {
        let url = from.join(link).map_err(|error| format!("the server's link {link:?}: {error}"))?;
        if url.origin() == self.manifest.origin() { Ok(url) } else { Err(format!("the server links to {url}")) }
    }

    /// The answer's headers and body; asked for again where that may help.
    async fn get(&self, url: &Url, progress: &ProgressBar) -> Result<(HeaderMap, Vec<u8>), String> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let refusal = match self.try_get(url).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            if !refusal.may_pass || refusal.asked > LONGEST_PAUSE || tries >= TRIES {
                return Err(format!("{}: {}", url.path(), refusal.reason));
            }
            pause = pause.max(refusal.asked);
            progress.set_message(format!("waiting {} s: {}", pause.as_secs_f32().ceil(), refusal.reason));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
            tries = tries.saturating_add(1);
        }
    }

    async fn try_get(&self, url: &Url) -> Result<(HeaderMap, Vec<u8>), Refusal> {
        let lost = |error| Refusal { reason: http_client::describe(error), may_pass: true, asked: Duration::ZERO };
        let response = self.client.get(url.clone()).send().await.map_err(lost)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(lost)?.to_vec();
        if status == StatusCode::OK {
            return Ok((headers, body));
        }
        let problem = serde_json::from_slice::<Problem>(&body);
        let reason = problem.map_or_else(|_| status.to_string(), |problem| format!("{status}: {}", problem.detail));
        let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let may_pass = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        Err(Refusal { reason, may_pass, asked: asked.map_or(Duration::ZERO, Duration::from_secs) })
    }
}

/// What a problem says (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// No answer, or none that helps.
struct Refusal {
    reason: String,
    may_pass: bool,
    /// How long the server asks to wait.
    asked: Duration,
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use axum::{Router, extract::Request};
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::native::{connections::serve_router, dump_files::hex};

    static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

    /// An answer: status, headers, body.
    type Answer = (u16, Vec<(&'static str, &'static str)>, String);

    /// Exports from a server that gives these answers, one after another: how that ended, what the server was asked, and
    /// what is in the directory.
    async fn exported(answers: Vec<Answer>) -> (Result<(), String>, Vec<String>, Option<Vec<(String, String)>>) {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            heard.lock().unwrap().push(request.uri().to_string());
            let (status, headers, body) = answers.lock().unwrap().pop_front().unwrap();
            let mut response = http::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            async move { response.body(axum::body::Body::from(body)).unwrap() }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(serve_router(listener, app));

        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let parent = std::env::temp_dir().join(format!("aibaas-export-{}-{number}", std::process::id()));
        let directory = parent.join("dump");
        let outcome = export(Options { directory: directory.clone(), url }).await;
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
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        (outcome.map(drop).map_err(|failure| format!("{failure:?}")), asked, files)
    }

    fn manifest() -> Answer {
        let table = json!({"name": "models", "href": "/api/v1/export/models?through=7"});
        let body =
            json!({"format": 1, "schema": "x", "snapshotId": "s", "seq": 7, "generatedAt": "then", "tables": [table]});
        (200, Vec::new(), body.to_string())
    }

    fn page(link: Option<&'static str>, body: &str) -> Answer {
        (200, link.map(|link| ("link", link)).into_iter().collect(), body.to_owned())
    }

    #[tokio::test]
    async fn follows_links_and_waits_when_asked_to() {
        let busy = || (503, vec![("retry-after", "0")], String::new());
        let next = Some("</api/v1/export/models?through=7&cursor=a>; rel=\"next\"");
        let answers = vec![busy(), manifest(), page(next, ""), busy(), page(None, "{}\n{}\n")];
        let (outcome, asked, files) = exported(answers).await;
        assert_eq!(outcome, Ok(()));
        let (first, second) = ("/api/v1/export/models?through=7", "/api/v1/export/models?through=7&cursor=a");
        assert_eq!(asked, ["/api/v1/export", "/api/v1/export", first, second, second]);
        let files = files.unwrap();
        let names = files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, [CHECKSUMS, MANIFEST, "models.ndjson"]);
        assert_eq!(files[2].1, "{}\n{}\n");
        let known = format!("{}  models.ndjson\n", hex(Sha256::new_with_prefix("{}\n{}\n")));
        assert!(files[0].1.starts_with(&known), "{}", files[0].1);
        let manifest: Manifest = serde_json::from_str(&files[1].1).unwrap();
        assert_eq!((manifest.seq, manifest.tables[0].rows), (7, 2));
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
        ] {
            let (outcome, _, files) = exported(answers).await;
            assert!(outcome.as_ref().is_err_and(|said| said.contains(reason)), "{reason}: {outcome:?}");
            assert_eq!(files, None);
        }
    }
}
