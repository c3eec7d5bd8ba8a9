//! Fingerprints what the application is built from. Bytes alone count, so that the same sources have the same fingerprint
//! on every machine and for every host.

#![expect(clippy::disallowed_methods, reason = "a build script runs where there are files")]

use std::{
    fs,
    hash::{DefaultHasher, Hasher as _},
    io,
    path::Path,
};

/// The code with its statements and texts, and what decides which code of others comes with it.
const SOURCES: [&str; 6] = ["src", "openapi.json", "Cargo.toml", "../Cargo.toml", "../Cargo.lock", "../migrations"];

fn main() -> io::Result<()> {
    let mut fingerprint = DefaultHasher::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        add(Path::new(source), &mut fingerprint)?;
    }
    println!("cargo::rustc-env=AIBAAS_SOURCES={:016x}", fingerprint.finish());
    Ok(())
}

fn add(path: &Path, fingerprint: &mut DefaultHasher) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // What editors and file managers leave beside the sources.
    if name.starts_with('.') || name.ends_with('~') {
        return Ok(());
    }
    if path.is_dir() {
        let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(entry, fingerprint));
    }
    // Neither stands in a name or in a text.
    fingerprint.write(path.to_string_lossy().replace('\\', "/").as_bytes());
    fingerprint.write_u8(0);
    fingerprint.write(&fs::read(path)?);
    fingerprint.write_u8(0xff);
    Ok(())
}
