//! `aibaas import dataset`: loads a copy of the public dataset into an instance that has no data of its own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use aibaas_core::{
    ports::DatabaseError,
    store::{
        BatchError, Guard,
        dataset::{self, FORMAT, Load, TABLES, Table},
        migrations,
    },
};
use clap::Args;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::dataset_files::{CHECKSUMS, MANIFEST, Manifest, checksum_of, file_name, hex};
use crate::native::{
    data_directory::{self, DataDirectory},
    database::SqliteDatabase,
    error::CliError,
    output::print_line,
};

/// Size in bytes at which a statement is full; the row that exceeds it is its last.
const BYTES: usize = 1_000_000;
const USED: &str = "the database holds models, benchmarks or runs already: load a dataset into an empty one";

/// What is loaded, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory that `aibaas-client export` wrote. All of it is held in memory while it is loaded.
    directory: PathBuf,
    #[command(flatten)]
    data: DataDirectory,
}

/// Loads the whole dataset in one transaction; accounts may exist already.
///
/// # Errors
/// [`CliError`] when a file does not match its checksum, the dataset is of another format or schema, or the database
/// holds data. Then nothing was loaded.
pub async fn import(options: Options) -> Result<ExitCode, CliError> {
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(100));
    progress.set_message("reading and checking");
    let (manifest, load) = read(&options.directory).map_err(CliError::failed)?;
    progress.set_message("loading");
    data_directory::create(&options.data.directory)?;
    let database = data_directory::open(&options.data.directory).await?;
    let loaded = put(&database, load).await;
    data_directory::close(database).await;
    progress.finish_and_clear();
    let moment = manifest.snapshot_id.map_or_else(|| "before any snapshot".to_owned(), |id| format!("snapshot {id}"));
    let counts = loaded.map_err(CliError::failed)?.into_iter().map(|(table, rows)| format!("{table} {rows}"));
    print_line(&format!("loaded {moment}: {}", counts.collect::<Vec<_>>().join(", ")));
    Ok(ExitCode::SUCCESS)
}

async fn put(database: &SqliteDatabase, load: Load) -> Result<Vec<(&'static str, u64)>, String> {
    let failed = |error: DatabaseError| error.to_string();
    if dataset::is_used().run(database).await.map_err(failed)? {
        return Err(USED.to_owned());
    }
    let (batch, loaded) = load.finish();
    match batch.run(database).await {
        Ok(mut answers) => loaded.counts(&mut answers).map_err(failed),
        // Another command was faster.
        Err(BatchError::Guard(Guard::DeploymentUnused)) => Err(USED.to_owned()),
        Err(BatchError::Guard(Guard::DatasetComplete)) => {
            Err("the dataset contradicts itself, as when a benchmark was changed while it was made: export again"
                .to_owned())
        }
        Err(error) => Err(format!("nothing was loaded: {error}")),
    }
}

/// Reads the directory, and checks every file against its checksum and the manifest.
fn read(directory: &Path) -> Result<(Manifest, Load), String> {
    let text = |name: &str| {
        let path = directory.join(name);
        File::open(&path).and_then(std::io::read_to_string).map_err(|error| with_path(&path, &error))
    };
    let checksums = text(CHECKSUMS)?;
    let expect = |file: &str, hash: Sha256| {
        let known = checksum_of(&checksums, file).ok_or_else(|| format!("{CHECKSUMS} does not name {file}"))?;
        if hex(hash).eq_ignore_ascii_case(known) { Ok(()) } else { Err(format!("{file} is not what {CHECKSUMS} says")) }
    };
    let manifest = text(MANIFEST)?;
    expect(MANIFEST, Sha256::new_with_prefix(&manifest))?;
    let manifest: Manifest = serde_json::from_str(&manifest).map_err(|error| format!("{MANIFEST}: {error}"))?;
    check(&manifest)?;

    let mut load = Load::default();
    for (table, told) in TABLES.iter().zip(&manifest.tables) {
        let file = file_name(table.name);
        let path = directory.join(&file);
        let (rows, hash) = read_table(&path, table, &mut load).map_err(|error| with_path(&path, &error))?;
        expect(&file, hash)?;
        if rows != told.rows {
            return Err(format!("{file} has {rows} rows, and {MANIFEST} says {}", told.rows));
        }
    }
    Ok((manifest, load))
}

/// Describes an error of a file.
fn with_path(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Checks whether this program can load the dataset.
fn check(manifest: &Manifest) -> Result<(), String> {
    if manifest.format != FORMAT {
        return Err(format!("the dataset is of form {}; this program knows {FORMAT}", manifest.format));
    }
    let schema = migrations::schema();
    if manifest.schema != schema {
        return Err(format!("the dataset is of schema {}; this program's is {schema}", manifest.schema));
    }
    if !manifest.tables.iter().map(|table| table.name.as_str()).eq(TABLES.iter().map(|table| table.name)) {
        return Err(format!("{MANIFEST} names other tables than this program knows"));
    }
    Ok(())
}

/// Adds the rows of a file to the load. Returns their number and the file's checksum.
fn read_table(path: &Path, table: &'static Table, load: &mut Load) -> std::io::Result<(u64, Sha256)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut hash, mut total) = (Sha256::new(), 0_u64);
    let (mut rows, mut count) = (String::new(), 0_usize);
    let mut line = String::new();
    loop {
        line.clear();
        let is_end = file.read_line(&mut line)? == 0;
        if count > 0 && (is_end || count >= table.most_rows() || rows.len() >= BYTES) {
            rows.push(']');
            load.add(table, std::mem::take(&mut rows), count);
            count = 0;
        }
        if is_end {
            return Ok((total, hash));
        }
        hash.update(&line);
        rows.push(if count == 0 { '[' } else { ',' });
        rows.push_str(line.trim_end());
        count = count.saturating_add(1);
        total = total.saturating_add(1);
    }
}
