//! Downloads the tables that an instance offers, page by page.

use std::path::Path;

use indicatif::ProgressBar;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    directory::write,
    instance::{Instance, next_page},
    manifest::{CHECKSUMS, FORMAT, HEAD, KEYS, LEAVES, MANIFEST, Manifest, TableFile, checksum_line, file_name},
    table_writer::TableWriter,
};
use crate::verify::download_log;

/// What an instance has.
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

/// Downloads every table to the directory, and the log where it is wanted.
///
/// # Errors
/// What the instance answers wrongly, or why a file cannot be written.
pub async fn download(
    instance: &Instance,
    directory: &Path,
    with_log: bool,
    progress: &ProgressBar,
) -> Result<Manifest, String> {
    let report = |text: &str| progress.set_message(text.to_owned());
    let (_, body) = instance.get(&instance.manifest, &report).await?;
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
        let mut next = Some(instance.resolve(&instance.manifest, &href)?);
        while let Some(url) = next {
            let (headers, page) = instance.get(&url, &report).await?;
            progress.inc(file.write(&page)?);
            report(&name);
            next = next_page(&headers).map(|link| instance.resolve(&url, &link)).transpose()?;
        }
        let (hash, rows) = file.finish()?;
        checksums.push_str(&checksum_line(hash, &file_name(&name)));
        manifest.tables.push(TableFile { name, rows });
    }
    if with_log {
        for (name, text) in log_files(instance, &manifest, &report).await? {
            write(&directory.join(name), &text)?;
            checksums.push_str(&checksum_line(Sha256::new_with_prefix(&text), name));
        }
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| error.to_string())? + "\n";
    write(&directory.join(MANIFEST), &text)?;
    checksums.push_str(&checksum_line(Sha256::new_with_prefix(&text), MANIFEST));
    write(&directory.join(CHECKSUMS), &checksums)?;
    Ok(manifest)
}

/// The log's files, by their names.
async fn log_files(
    instance: &Instance,
    manifest: &Manifest,
    report: &dyn Fn(&str),
) -> Result<[(&'static str, String); 3], String> {
    let log = download_log(instance, manifest.snapshot_id.as_deref(), report).await?;
    let text = |value: &dyn Fn() -> serde_json::Result<String>| value().map_err(|error| error.to_string());
    let mut leaves = String::new();
    for leaf in &log.leaves {
        leaves.push_str(&text(&|| serde_json::to_string(leaf))?);
        leaves.push('\n');
    }
    let head = text(&|| serde_json::to_string_pretty(&log.head))? + "\n";
    let keys = text(&|| serde_json::to_string_pretty(&log.keys))? + "\n";
    Ok([(HEAD, head), (KEYS, keys), (LEAVES, leaves)])
}
