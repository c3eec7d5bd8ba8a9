//! Download of the data that are verified.

use std::time::Duration;

use http::HeaderMap;
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};

use aibaas_core::{
    domain::log_record::Row,
    wire::{DataSet, ExportedTable, LogHead, LogLeafList},
};

use super::data::{Keys, Log, Tables};
use crate::instance::{Instance, next_page};

/// Number of attempts to get the leaves of new changes, with a pause between them.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_secs(3);

/// A board, whose rows stay as they are: they are compared by the names of their members.
#[derive(Deserialize)]
struct Board {
    data: Vec<Row>,
}

fn read<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("{}: the answer is not understood: {error}", url.path()))
}

fn at(instance: &Instance, path: &str) -> Result<Url, String> {
    // The manifest is at /api/v1/export, wherever the instance has its root.
    instance.resolve(&instance.manifest, path)
}

async fn get<T: DeserializeOwned>(instance: &Instance, url: &Url, report: &dyn Fn(&str)) -> Result<T, String> {
    let (_, body) = instance.get(url, report).await?;
    read(url, &body)
}

/// Downloads the tables, as of the newest snapshot.
///
/// # Errors
/// A text that says what is wrong in the instance's answer.
pub async fn download_tables(instance: &Instance, report: &dyn Fn(&str)) -> Result<Tables, String> {
    let offer: DataSet = get(instance, &instance.manifest, report).await?;
    let mut tables = Tables::new(offer.seq);
    for ExportedTable { name, href } in offer.tables {
        report(&name);
        let mut next = Some(at(instance, &href)?);
        while let Some(url) = next {
            let (headers, body) = instance.get(&url, report).await?;
            let lines = String::from_utf8(body).map_err(|error| format!("{name}: {error}"))?;
            tables.add(&name, &lines)?;
            next = follow(instance, &url, &headers)?;
        }
    }
    Ok(tables)
}

fn follow(instance: &Instance, url: &Url, headers: &HeaderMap) -> Result<Option<Url>, String> {
    next_page(headers).map(|link| instance.resolve(url, &link)).transpose()
}

/// Downloads the log, once it has the newest snapshot of the data, or still lacks it after many attempts.
///
/// # Errors
/// A text that says what is wrong in the instance's answer, or that it has no log.
pub async fn download_log(instance: &Instance, newest: Option<&str>, report: &dyn Fn(&str)) -> Result<Log, String> {
    let tries = if newest.is_some() { TRIES } else { 0 };
    for _ in 0..tries {
        if let Ok(log) = try_download_log(instance, report).await
            && newest.is_none_or(|newest| log.leaves.iter().any(|leaf| leaf.change == newest))
        {
            return Ok(log);
        }
        report("waiting for the newest change to be in the log");
        tokio::time::sleep(PAUSE).await;
    }
    try_download_log(instance, report).await
}

/// Downloads the head of the log first, and then as many leaves as it counts.
async fn try_download_log(instance: &Instance, report: &dyn Fn(&str)) -> Result<Log, String> {
    report("log");
    let head: LogHead = get(instance, &at(instance, "log/head")?, report).await?;
    let keys: Keys = get(instance, &at(instance, "../../.well-known/log-keys.json")?, report).await?;
    let mut leaves = Vec::new();
    let mut from = Some(0);
    while let Some(first) = from.filter(|first| *first < head.size) {
        let page: LogLeafList =
            get(instance, &at(instance, &format!("log/leaves?limit=100&from={first}"))?, report).await?;
        leaves.extend(page.data);
        from = page.next_from.filter(|next| *next > first);
    }
    leaves.truncate(usize::try_from(head.size).unwrap_or(usize::MAX));
    Ok(Log { head, leaves, keys })
}

/// Downloads the rows of a board at a snapshot.
///
/// # Errors
/// A text that says what is wrong in the instance's answer.
pub async fn download_board(
    instance: &Instance,
    (benchmark, version): (&str, &str),
    snapshot: &str,
    report: &dyn Fn(&str),
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let path = format!("leaderboard?benchmark={benchmark}&version={version}&snapshot={snapshot}&limit=100");
    let mut next = Some(at(instance, &path)?);
    while let Some(url) = next {
        let (headers, body) = instance.get(&url, report).await?;
        rows.extend(read::<Board>(&url, &body)?.data);
        next = follow(instance, &url, &headers)?;
    }
    Ok(rows)
}
