//! Fingerprints what the application is built from, and makes the pages of its documentation. Bytes alone count, so that
//! the same sources have the same fingerprint on every machine and for every host.

#![expect(clippy::disallowed_methods, reason = "a build script runs where there are files")]

use std::{
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher as _},
    io,
    path::{Path, PathBuf},
};

use aibaas_docsite::{GUIDES, Packed, Site};

/// The code with its statements and texts, and what decides which code of others comes with it.
const SOURCES: [&str; 8] =
    ["src", "argon2id", "docsite", "openapi.json", "Cargo.toml", "../Cargo.toml", "../Cargo.lock", "../migrations"];

fn main() -> io::Result<()> {
    let mut fingerprint = DefaultHasher::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        add(Path::new(source), &mut fingerprint)?;
    }
    for (_, file) in GUIDES {
        println!("cargo::rerun-if-changed=../{file}");
        add(&Path::new("..").join(file), &mut fingerprint)?;
    }
    println!("cargo::rustc-env=AIBAAS_SOURCES={:016x}", fingerprint.finish());

    let openapi = fs::read_to_string("openapi.json")?;
    let guide = |file: &str| fs::read_to_string(Path::new("..").join(file)).ok();
    let site = aibaas_docsite::build(&openapi, guide).map_err(io::Error::other)?;
    let openapi = aibaas_docsite::minified(&openapi).map_err(io::Error::other)?;
    let packed = aibaas_docsite::pack(&openapi, site.pages.iter().map(|page| page.html.as_str()));
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(folder.join("docsite.rs"), tables(&site, &packed).map_err(io::Error::other)?)?;
    fs::write(folder.join("openapi.json"), openapi)?;
    fs::write(folder.join("docsite.fresh"), packed.fresh)?;
    fs::write(folder.join("docsite.parts"), packed.parts)
}

/// The site as constants of Rust.
fn tables(site: &Site, packed: &Packed) -> Result<String, std::fmt::Error> {
    let mut code = String::from("const PAGES: &[PackedPage] = &[\n");
    for (page, (fresh, parts)) in site.pages.iter().zip(&packed.starts) {
        let (path, title) = (&page.path, &page.title);
        writeln!(code, "PackedPage {{ path: {path:?}, title: {title:?}, fresh: {fresh}, parts: {parts} }},")?;
    }
    code.push_str("];\nconst OPERATIONS: &[Operation] = &[\n");
    for operation in &site.operations {
        let (method, path, href) = (&operation.method, &operation.path, &operation.href);
        writeln!(code, "Operation {{ method: {method:?}, path: {path:?}, href: {href:?} }},")?;
    }
    code.push_str("];\nconst OPERATIONS_BY_CODE: &[(&str, &[usize])] = &[\n");
    for (problem, operations) in &site.problems {
        writeln!(code, "({problem:?}, &{operations:?}),")?;
    }
    code.push_str("];\n");
    Ok(code)
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
