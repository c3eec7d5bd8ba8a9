//! What is looked up when somebody asks for the metrics.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aibaas_core::{
    ports::Clock,
    store::{Batch, outbox},
};
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::gauge::ConstGauge,
    registry::{Registry, Unit},
};

use super::Metrics;
use crate::native::{database::SqliteDatabase, database_file::with_suffix};

/// How long the database may take to say what waits; what is not known by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the figures come from.
#[derive(Clone)]
pub struct Scrape {
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Whose writer and outbox are looked at.
    pub database: Arc<SqliteDatabase>,
    /// Its file.
    pub file: PathBuf,
    /// By which the age of what waits is told.
    pub clock: Arc<dyn Clock>,
}

impl Scrape {
    /// All metrics, as OpenMetrics text.
    pub async fn write(self) -> String {
        let present = self.present().await;
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.metrics.registry)
            .and_then(|()| encode_registry(&mut text, &present))
            .and_then(|()| encode_eof(&mut text));
        // Writing to a string does not fail.
        _ = written;
        text
    }

    /// What is so at this moment.
    async fn present(&self) -> Registry {
        let mut registry = Registry::with_prefix("aibaas");
        let writes = i64::try_from(self.database.writes_waiting()).unwrap_or(i64::MAX);
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
        let mut batch = Batch::new();
        let unsent = batch.push(outbox::state());
        let answered = tokio::time::timeout(PATIENCE, batch.run(&*self.database)).await;
        let unsent = answered.ok().and_then(Result::ok).and_then(|mut answers| answers.take(unsent).ok());
        if let Some(unsent) = unsent {
            let now = self.clock.now();
            let ms = unsent.oldest.map_or(0, |oldest| now.ms_since(oldest));
            let age = Duration::from_millis(ms).as_secs_f64();
            registry.register(
                "outbox_mails_waiting",
                "Mails not sent yet, up to 10,000",
                ConstGauge::new(unsent.waiting),
            );
            registry.register(
                "outbox_mails_given_up",
                "Mails of the last 30 days that were given up, up to 10,000",
                ConstGauge::new(unsent.given_up),
            );
            registry.register_with_unit(
                "outbox_oldest_age",
                "Since when the oldest mail that is not sent waits",
                Unit::Seconds,
                ConstGauge::new(age),
            );
        }
        registry
    }
}
