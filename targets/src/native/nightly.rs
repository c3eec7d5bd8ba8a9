//! Daily backups, by configuration: one file a day, of which some are kept.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use aibaas_core::ports::Clock;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use tokio_util::sync::CancellationToken;

use super::{backup, database_file::VerifiedCopy, error::CliError};

/// Interval at which the program checks whether a backup is due.
const LOOK: Duration = Duration::from_secs(1);
/// Pause before a failed backup is tried again.
const PAUSE: Duration = Duration::from_secs(60);

/// Time and place of daily backups, and how many are kept.
#[derive(Clone, Debug)]
pub struct Nightly {
    directory: PathBuf,
    /// Time of day, in UTC.
    at: Time,
    keep: usize,
}

impl Nightly {
    /// Reads `BACKUP_DIR`, without which there are none, `BACKUP_AT` and `BACKUP_KEEP`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<String>) -> Option<Self> {
        let given = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let at = given("BACKUP_AT").map_or(Some(Time::constant(3, 0, 0, 0)), |text| Time::strptime("%H:%M", text).ok());
        let keep = given("BACKUP_KEEP").map_or(Some(14), |text| text.parse().ok());
        let keep = keep.filter(|keep| (1..=10_000).contains(keep));
        if at.is_none() {
            mistakes.push("BACKUP_AT must be a time of day in UTC, such as 03:30".to_owned());
        }
        if keep.is_none() {
            mistakes.push("BACKUP_KEEP must be a number from 1 to 10000".to_owned());
        }
        Some(Self { directory: given("BACKUP_DIR")?.into(), at: at?, keep: keep? })
    }

    /// Returns the directory of the backups.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns when the newest backup in a directory was made.
    pub fn newest(directory: &Path) -> Option<SystemTime> {
        let entries = fs::read_dir(directory).ok()?.flatten();
        let backups = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| is_backup(name, ".db")));
        backups.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
    }

    /// Returns the name of the newest backup that should exist by now: that of the day whose time has come last.
    fn due(&self, now_ms: i64) -> Option<String> {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(TimeZone::UTC);
        let day = if now.time() < self.at { now.date().yesterday().ok()? } else { now.date() };
        Some(format!("aibaas-{day}.db"))
    }

    /// Makes backups when they are due, until told to stop.
    pub async fn run(self, database: PathBuf, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut pause = LOOK;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = LOOK;
            let Some(name) = self.due(clock.now().0) else { continue };
            let file = self.directory.join(name);
            if file.exists() {
                continue;
            }
            let made = match fs::create_dir_all(&self.directory) {
                Ok(()) => {
                    // They may take the room that this one needs.
                    self.forget(|name| is_backup(name, ".db.part"), 0);
                    make(database.clone(), file.clone()).await
                }
                Err(error) => Err(CliError::failed(error.to_string())),
            };
            match made {
                Ok(copied) => {
                    tracing::info!(file = %file.display(), bytes = copied.bytes, "the database was backed up");
                    self.forget(|name| is_backup(name, ".db"), self.keep);
                }
                Err(error) => {
                    tracing::error!(file = %file.display(), error = error.message(), "the database was not backed up");
                    pause = PAUSE;
                }
            }
        }
    }

    /// Removes the oldest files of ours but so many.
    fn forget(&self, is_ours: fn(&str) -> bool, keep: usize) {
        let names = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names = names.filter(|name| is_ours(name)).collect::<Vec<_>>();
        names.sort_unstable();
        names.truncate(names.len().saturating_sub(keep));
        for name in names {
            if let Err(error) = fs::remove_file(self.directory.join(&name)) {
                tracing::warn!(file = name, %error, "an old backup was not removed");
            }
        }
    }
}

/// Returns whether a file of this name is a nightly backup of any day; with the suffix `.db.part`, a broken-off one.
fn is_backup(name: &str, suffix: &str) -> bool {
    let day = name.strip_prefix("aibaas-").and_then(|rest| rest.strip_suffix(suffix));
    day.is_some_and(|day| day.parse::<Date>().is_ok())
}

/// Makes a backup in a thread of its own: to check every page of a large file takes seconds.
async fn make(database: PathBuf, file: PathBuf) -> Result<VerifiedCopy, CliError> {
    let runtime = tokio::runtime::Handle::current();
    let making = move || runtime.block_on(backup::make(&database, &file, false));
    tokio::task::spawn_blocking(making).await.unwrap_or_else(|error| Err(CliError::failed(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_from_its_hour_on() {
        let lookup =
            |name: &str| (name != "BACKUP_KEEP").then(|| if name == "BACKUP_AT" { "03:30" } else { "/b" }.to_owned());
        let nightly = Nightly::load(&lookup, &mut Vec::new()).unwrap();
        let due = |moment: &str| nightly.due(moment.parse::<Timestamp>().unwrap().as_millisecond()).unwrap();
        assert_eq!(due("2026-11-28T03:29:59Z"), "aibaas-2026-11-27.db");
        assert_eq!(due("2026-11-28T03:30:00Z"), "aibaas-2026-11-28.db");
        assert_eq!(due("2027-01-01T00:00:00Z"), "aibaas-2026-12-31.db");
        assert_eq!(nightly.keep, 14);
    }
}
