//! Metrics that are looked up at the time of a scrape.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aibaas_core::{Backlog, ports::Clock};
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use tracing_appender::non_blocking::ErrorCounter;

use super::{database::SqliteDatabase, database_file::with_suffix, metrics::Metrics, nightly::Nightly};

/// Time limit for the database to count what waits; what is not known by then is left out.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Sources of the metrics.
#[derive(Clone)]
pub struct Scrape {
    /// Counts that are kept while the server runs.
    pub metrics: Arc<Metrics>,
    /// Database whose writer, outbox and webhooks are looked at.
    pub database: Arc<SqliteDatabase>,
    /// Path of the database's file.
    pub file: PathBuf,
    /// Where backups are made every night.
    pub backups: Option<PathBuf>,
    /// Counter of lines of the log that were dropped.
    pub lines_dropped: ErrorCounter,
    /// Clock that the age of waiting mails and webhooks is measured with.
    pub clock: Arc<dyn Clock>,
}

impl Scrape {
    /// Writes all metrics as OpenMetrics text.
    pub async fn write(self) -> String {
        let present = self.present().await;
        let mut text = String::new();
        let written = self
            .metrics
            .write(&mut text)
            .and_then(|()| encode_registry(&mut text, &present))
            .and_then(|()| encode_eof(&mut text));
        // Writing to a string does not fail.
        _ = written;
        text
    }

    /// Looks up the present state of database, outbox and webhooks.
    async fn present(&self) -> Registry {
        let mut registry = Registry::with_prefix("aibaas");
        let writes = i64::try_from(self.database.writes_waiting()).unwrap_or(i64::MAX);
        let dropped = u64::try_from(self.lines_dropped.dropped_lines()).unwrap_or(u64::MAX);
        registry.register("log_lines_dropped", "Lines of the log that nobody took in time", ConstCounter::new(dropped));
        registry.register("database_writes_waiting", "Batches that wait for the writer", ConstGauge::new(writes));
        for (name, help, path) in [
            ("database_size", "The database's file", self.file.clone()),
            ("database_wal_size", "The write-ahead log beside it", with_suffix(&self.file, "-wal")),
        ] {
            if let Ok(metadata) = tokio::fs::metadata(path).await {
                let bytes = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
                registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(bytes));
            }
        }
        if let Some(made) = self.newest_backup().await {
            registry.register_with_unit(
                "backup_made_timestamp",
                "When the newest nightly backup was made, since 1970",
                Unit::Seconds,
                ConstGauge::new(made),
            );
        }
        let counted = tokio::time::timeout(MAX_WAIT, Backlog::read(&*self.database, &*self.clock, Backlog::MOST)).await;
        let Some(backlog) = counted.ok().and_then(Result::ok) else { return registry };
        registry.register(
            "outbox_mails_waiting",
            "Mails not sent yet, up to 10,000",
            ConstGauge::new(backlog.mails.waiting),
        );
        registry.register(
            "outbox_mails_given_up",
            "Mails of the last 30 days that were given up, up to 10,000",
            ConstGauge::new(backlog.mails.given_up),
        );
        registry.register_with_unit(
            "outbox_oldest_age",
            "Since when the oldest mail that is not sent waits",
            Unit::Seconds,
            ConstGauge::new(backlog.oldest_mail_age().as_secs_f64()),
        );
        registry.register(
            "webhooks_waiting",
            "Webhooks that wait to be called, up to 10,000",
            ConstGauge::new(backlog.webhooks.waiting),
        );
        registry.register(
            "webhooks_failing",
            "Webhooks that wait because their last call failed, up to 10,000",
            ConstGauge::new(backlog.webhooks.failing),
        );
        registry.register_with_unit(
            "webhooks_overdue",
            "Since when the webhook that is due longest waits",
            Unit::Seconds,
            ConstGauge::new(backlog.webhooks_overdue().as_secs_f64()),
        );
        registry
    }

    /// Returns when the newest nightly backup was made, in seconds since 1970: 0 where there is none, or its disk is gone;
    /// `None` where none are to be made.
    async fn newest_backup(&self) -> Option<f64> {
        let directory = self.backups.clone()?;
        let made = tokio::task::spawn_blocking(move || Nightly::newest(&directory)).await.ok()?;
        let made = made.unwrap_or(SystemTime::UNIX_EPOCH);
        made.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs_f64())
    }
}
