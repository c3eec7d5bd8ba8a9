//! Download of the tables that an instance offers, page by page.

use std::path::Path;

use aibaas_core::wire::{DataSet, ExportedTable};
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::{croissant, table_writer::TableWriter};
use crate::{
    exported::{
        CHECKSUMS, CROISSANT, Checksum, FORMAT, HEAD, KEYS, LEAVES, MANIFEST, Manifest, TableFile, file_name, write,
    },
    instance::{Instance, next_page},
    verify::download_log,
};

/// Downloads all tables to the directory, and the log where it is wanted.
///
/// # Errors
/// A text that says what is wrong in the instance's answer, or why a file cannot be written.
pub async fn download(
    instance: &Instance,
    directory: &Path,
    with_log: bool,
    progress: &ProgressBar,
) -> Result<Manifest, String> {
    let report = |text: &str| progress.set_message(text.to_owned());
    let (_, body) = instance.get(&instance.manifest, &report).await?;
    let offer: DataSet = serde_json::from_slice(&body)
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
    let mut checksums = Vec::new();
    for ExportedTable { name, href } in offer.tables {
        // The name becomes a file's name.
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
        checksums.push(Checksum::new(file_name(&name), hash));
        manifest.tables.push(TableFile { name, rows });
    }
    let (_, described) = instance.get(&instance.croissant, &report).await?;
    let described = croissant::of_files(&described, &checksums)?;
    if with_log {
        for (name, text) in log_files(instance, &manifest, &report).await? {
            write(&directory.join(name), &text)?;
            checksums.push(Checksum::new(name.to_owned(), Sha256::new_with_prefix(&text)));
        }
    }
    for (name, text) in [(MANIFEST, pretty(&manifest)?), (CROISSANT, pretty(&described)?)] {
        write(&directory.join(name), &text)?;
        checksums.push(Checksum::new(name.to_owned(), Sha256::new_with_prefix(&text)));
    }
    write(&directory.join(CHECKSUMS), &checksums.iter().map(Checksum::line).collect::<String>())?;
    Ok(manifest)
}

fn pretty(value: &impl serde::Serialize) -> Result<String, String> {
    Ok(serde_json::to_string_pretty(value).map_err(|error| error.to_string())? + "\n")
}

/// Downloads the log, and returns its files' names and contents.
async fn log_files(
    instance: &Instance,
    manifest: &Manifest,
    report: &dyn Fn(&str),
) -> Result<[(&'static str, String); 3], String> {
    let log = download_log(instance, manifest.snapshot_id.as_deref(), report).await?;
    let mut leaves = String::new();
    for leaf in &log.leaves {
        leaves.push_str(&serde_json::to_string(leaf).map_err(|error| error.to_string())?);
        leaves.push('\n');
    }
    Ok([(HEAD, pretty(&log.head)?), (KEYS, pretty(&log.keys)?), (LEAVES, leaves)])
}
