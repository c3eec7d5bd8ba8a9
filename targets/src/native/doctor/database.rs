//! Checks whether the data directory and its database can be used, and have room.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use aibaas_core::store::migrations;

use super::{
    super::{
        data_directory::{self, Access, access},
        database::{ReadOnlyDatabase, begin_to_write},
    },
    finding::Finding,
};

const DIRECTORY: &str = "data directory";
const DATABASE: &str = "database";
/// Time limit for checking the file.
const LOOK: Duration = Duration::from_secs(10);
/// Free bytes below which the server soon releases its reserve.
const LEAST_FREE: u64 = 64 * 1024 * 1024;
/// Free bytes below which somebody should look.
const USUALLY_FREE: u64 = 1024 * 1024 * 1024;

/// Checks directory and database, without changing anything.
pub async fn check(directory: &Path) -> Vec<Finding> {
    let directory = directory.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let mut findings = vec![of_directory(&directory)];
        let file = data_directory::database_file(&directory);
        match data_directory::check(&directory) {
            Err(error) => findings.push(Finding::mistake(DATABASE, error.message())),
            Ok(()) if !file.exists() => {
                findings.push(Finding::ok(DATABASE, format!("{} is not there yet; a start makes it", file.display())));
            }
            Ok(()) => findings.extend(of_file(&directory, &file)),
        }
        findings.extend(room(&directory, fs::metadata(&file).map_or(0, |file| file.len())));
        findings
    });
    looking.await.unwrap_or_else(|error| vec![Finding::mistake(DATABASE, error.to_string())])
}

/// Returns when the files in the directory were last written.
pub fn written_at(directory: &Path) -> Vec<SystemTime> {
    let names = ["aibaas.db", "aibaas.db-wal"];
    names.iter().filter_map(|name| fs::metadata(directory.join(name)).ok()?.modified().ok()).collect()
}

fn of_directory(directory: &Path) -> Finding {
    let shown = directory.display();
    match access(directory) {
        Access::ToBeMade => Finding::ok(DIRECTORY, format!("{shown} is not there yet; a start makes it")),
        Access::Denied(why) => Finding::failed(
            DIRECTORY,
            format!("{shown} cannot be written: {why}"),
            "give it to the user of the server (chown), or name another one (--data-dir, AIBAAS_DATA_DIR)",
        ),
        Access::Writable => {
            open_to_others(directory).unwrap_or_else(|| Finding::ok(DIRECTORY, format!("{shown} can be written")))
        }
    }
}

/// Checks whether other users of this machine can read or write in the directory.
#[cfg(unix)]
fn open_to_others(directory: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o077);
    let is_open =
        mode(directory) != 0 && mode(&data_directory::database_file(directory)) != 0 || mode(directory) & 0o022 != 0;
    is_open.then(|| {
        let shown = directory.display();
        Finding::warning(
            DIRECTORY,
            format!("others of this machine get at {shown}, which holds addresses and hashes of passwords"),
            format!("chmod -R go= {shown}"),
        )
    })
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<Finding> {
    None
}

/// Parts of SQLite's messages about a file that is not a database, or is damaged.
const BROKEN: [&str; 2] = ["malformed", "not a database"];
const RESTORE: &str = "keep the file, and restore a backup (docs/backups.md)";

fn of_file(directory: &Path, file: &Path) -> Vec<Finding> {
    let shown = file.display();
    // Files that another user creates beside the database, the server could not write.
    if !is_ours(file) {
        let found = format!("{shown} is another user's, so it was not looked at");
        return vec![Finding::warning(DATABASE, found, "run this as the user of the server (sudo -u)")];
    }
    let of_error = |why: &str| {
        // Any other error is no reason to restore a backup.
        if !BROKEN.iter().any(|told| why.contains(told)) {
            let advice = "look whether its file system is read-only or another program holds it";
            return vec![Finding::failed(DATABASE, format!("{shown} cannot be looked at: {why}"), advice)];
        }
        vec![Finding::failed(DATABASE, format!("{shown} is broken: {why}"), RESTORE)]
    };
    let database = match ReadOnlyDatabase::open(file) {
        Ok(database) => database,
        Err(error) => return of_error(&error.to_string()),
    };
    let mut findings = Vec::new();
    match database.quick_check(LOOK) {
        Err(error) => return of_error(&error.to_string()),
        Ok(Some(problems)) if !problems.is_empty() => {
            let found = format!("{shown} is broken: {}", problems.join("; "));
            return vec![Finding::failed(DATABASE, found, RESTORE)];
        }
        Ok(Some(_)) => findings.push(Finding::ok(DATABASE, format!("{shown} is whole"))),
        Ok(None) => findings.push(Finding::warning(
            DATABASE,
            format!("{shown} was looked at for {} s, and not to its end", LOOK.as_secs()),
            "run aibaas check when there is time",
        )),
    }
    findings.push(schema(&database));
    findings.extend(match begin_to_write(file) {
        // Where the directory cannot be written that is told already, and the log beside the file cannot either.
        Ok(()) => matches!(access(directory), Access::Writable).then(|| Finding::ok(DATABASE, "it can be written")),
        Err(error) => Some(Finding::failed(
            DATABASE,
            format!("it cannot be written: {error}"),
            "look whether its file system is read-only or another program holds it",
        )),
    });
    findings
}

fn schema(database: &ReadOnlyDatabase) -> Finding {
    const ABOUT: &str = "schema";
    match tokio::runtime::Handle::current().block_on(migrations::plan(database)) {
        Err(error) => Finding::failed(ABOUT, error.to_string(), "restore a backup (docs/backups.md)"),
        Ok(found) if !found.unknown.is_empty() => Finding::mistake(ABOUT, migrations::newer(&found.unknown)),
        Ok(found) if found.pending.is_empty() => Finding::ok(ABOUT, format!("that of {}", migrations::schema())),
        Ok(found) => Finding::warning(
            ABOUT,
            format!("{} migrations have not run", found.pending.len()),
            "back up, then start the server or run aibaas migrate",
        ),
    }
}

#[cfg(unix)]
fn is_ours(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(file).is_ok_and(|metadata| metadata.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_ours(_: &Path) -> bool {
    true
}

/// Checks whether there is room beside a database of this size.
#[cfg(unix)]
fn room(directory: &Path, bytes: u64) -> Option<Finding> {
    let there = directory.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(judge_room(disk.f_bavail.saturating_mul(disk.f_frsize), bytes))
}

#[cfg(not(unix))]
fn room(_: &Path, _: u64) -> Option<Finding> {
    None
}

fn judge_room(free: u64, bytes: u64) -> Finding {
    const ABOUT: &str = "disk";
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let found = format!("{} MB are free, beside a database of {} MB", megabytes(free), megabytes(bytes));
    let advice = "free space, or move the data directory to a larger disk";
    if free < LEAST_FREE {
        Finding::failed(ABOUT, found, advice)
    } else if free < USUALLY_FREE.max(bytes) {
        Finding::warning(ABOUT, found, advice)
    } else {
        Finding::ok(ABOUT, found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn a_disk_has_room_for_the_database_again() {
        let status = |free, bytes| judge_room(free, bytes).status;
        assert_eq!(status(LEAST_FREE - 1, 0), Status::Failed);
        assert_eq!(status(LEAST_FREE, 0), Status::Warning);
        assert_eq!(status(USUALLY_FREE, 0), Status::Ok);
        assert_eq!(status(USUALLY_FREE, USUALLY_FREE + 1), Status::Warning);
    }
}
