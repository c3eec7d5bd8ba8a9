//! Files that a command line names.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use crate::error::CliError;

/// Finds the files: a directory stands for those within it that are wanted, a pattern for what it matches. Each file is
/// listed once.
///
/// [`CliError`] when a path leads nowhere, or to no file that is wanted.
pub fn files(given: &[PathBuf], wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for path in given {
        for path in matches(path)? {
            if path.is_dir() {
                let before = found.len();
                walk(&path, &wanted, &mut found)
                    .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))?;
                if found.len() == before {
                    return Err(CliError::usage(format!("no file in {} has a name that is imported", path.display())));
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut known = HashSet::new();
    found.retain(|path| known.insert(path.clone()));
    Ok(found)
}

/// Returns what a path stands for: itself, or what it matches where nothing has that name.
fn matches(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let nowhere = || CliError::usage(format!("{}: there is no such file", path.display()));
    let pattern = path.to_str().filter(|text| text.contains(['*', '?', '['])).ok_or_else(nowhere)?;
    let paths = glob::glob(pattern).map_err(|error| CliError::usage(format!("{pattern}: {error}")))?;
    let paths = paths.collect::<Result<Vec<_>, _>>().map_err(CliError::usage)?;
    if paths.is_empty() { Err(nowhere()) } else { Ok(paths) }
}

/// Collects the wanted files of a directory and those below it, in the order of their names. Links are not followed.
fn walk(directory: &Path, wanted: &impl Fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, wanted, found)?;
        } else if wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns the file's name, empty where it is not valid Unicode.
pub fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_patterns_stand_for_files() {
        let root = std::env::temp_dir().join(format!("aibaas-inputs-{}", std::process::id()));
        std::fs::create_dir_all(root.join("b/c")).unwrap();
        std::fs::create_dir_all(root.join("empty")).unwrap();
        for file in ["b/2.json", "b/1.json", "b/c/0.json", "b/notes.txt", "a.json"] {
            std::fs::File::create(root.join(file)).unwrap();
        }
        let found = |given: &[&str]| {
            let given = given.iter().map(|path| root.join(path)).collect::<Vec<_>>();
            let names = |files: Vec<PathBuf>| {
                files.iter().map(|file| file.strip_prefix(&root).unwrap().display().to_string()).collect::<Vec<_>>()
            };
            files(&given, |path| name(path).ends_with(".json")).map(names)
        };
        assert_eq!(found(&["."]).unwrap(), ["a.json", "b/1.json", "b/2.json", "b/c/0.json"]);
        assert_eq!(found(&["b/*.json", "b/2.json"]).unwrap(), ["b/1.json", "b/2.json"]);
        assert_eq!(found(&["b/*.txt"]).unwrap(), ["b/notes.txt"], "what is named is taken, whatever its name");
        for (given, reason) in [
            ("b/3.json", "there is no such file"),
            ("b/*.csv", "there is no such file"),
            ("empty", "has a name that is imported"),
        ] {
            let error = found(&[given]).unwrap_err();
            assert_eq!(error.code(), 2);
            assert!(error.to_string().contains(reason), "{error}");
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
}
