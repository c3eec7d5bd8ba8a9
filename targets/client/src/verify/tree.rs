//! Verification of the log itself: its leaves, its head, and a head that was kept.

use aibaas_core::{
    domain::{
        jws::Verifier,
        log_record::{FIRST_FORMAT, FORMAT, from_hex, note},
        merkle::{self, Hash},
    },
    wire::LogHead,
};
use data_encoding::BASE64URL_NOPAD;

use super::data::{Line, Log, Untrue};

/// Checks leaves, root and signature, and that the log begins with what `kept` commits to. Returns the leaves with
/// their content.
///
/// # Errors
/// [`Untrue`] that says what is not true.
pub fn check<'a>(log: &'a Log, kept: Option<&LogHead>) -> Result<Vec<Line<'a>>, Untrue> {
    let mut lines = Vec::new();
    let mut hashes = Vec::new();
    for (index, leaf) in (0_u64..).zip(&log.leaves) {
        if leaf.index != index {
            return Err(Untrue::new(format!("leaf {index} of the log is missing: leaf {} follows", leaf.index)));
        }
        let hash = from_hex(&leaf.hash).ok_or_else(|| Untrue::new(format!("leaf {index} has no hash")))?;
        let text = match &leaf.leaf {
            None => None,
            Some(text) if merkle::leaf_hash(text.as_bytes()) != hash => {
                return Err(Untrue::new(format!(
                    "leaf {index} of the log does not have the hash that it is told with"
                )));
            }
            Some(text) => {
                Some(serde_json::from_str(text).map_err(|error| Untrue::new(format!("leaf {index}: {error}")))?)
            }
        };
        let line = Line { leaf, text };
        if let Some(text) = &line.text {
            if !(FIRST_FORMAT..=FORMAT).contains(&text.format) {
                return Err(Untrue::new(format!(
                    "leaf {index} has form {}; this program knows {FIRST_FORMAT} to {FORMAT}",
                    text.format
                )));
            }
            if text.change.get("id").and_then(|id| id.as_str()) != Some(&leaf.change) {
                return Err(Untrue::new(format!("leaf {index} is told as that of change {}", leaf.change)));
            }
        }
        hashes.push(hash);
        lines.push(line);
    }
    let head = &log.head;
    if u64::try_from(hashes.len()) != Ok(head.size) {
        return Err(Untrue::new(format!("the log has {} leaves, and its head says {}", hashes.len(), head.size)));
    }
    if from_hex(&head.root_hash) != Some(merkle::root(&hashes)) {
        return Err(Untrue::new("the root of the log's head is not that of its leaves"));
    }
    signature(log)?;
    kept.map_or(Ok(()), |kept| begins_with(kept, &hashes))?;
    Ok(lines)
}

fn signature(log: &Log) -> Result<(), Untrue> {
    let head = &log.head;
    let key = log.keys.keys.iter().find(|key| key.kid == head.key_id);
    let key =
        key.ok_or_else(|| Untrue::new(format!("the key {} that signed the log's head is not published", head.key_id)))?;
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default();
    let verifier = Verifier::ed_dsa(&bytes(&key.x)).ok_or_else(|| Untrue::new("the key of the log is no key"))?;
    let note = note(head.size, &head.root_hash, &head.timestamp);
    if verifier.verify(note.as_bytes(), &bytes(&head.signature)) {
        Ok(())
    } else {
        Err(Untrue::new("the log's head does not have its key's signature"))
    }
}

/// Checks that the log begins with the leaves that the kept head commits to.
fn begins_with(kept: &LogHead, hashes: &[Hash]) -> Result<(), Untrue> {
    let before = usize::try_from(kept.size).ok().and_then(|size| hashes.get(..size));
    let Some(before) = before else {
        return Err(Untrue::new(format!(
            "the log is forked: it has {} leaves, and the head that was kept has {}",
            hashes.len(),
            kept.size
        )));
    };
    if from_hex(&kept.root_hash) == Some(merkle::root(before)) {
        Ok(())
    } else {
        Err(Untrue::new(format!(
            "the log is forked: its first {} leaves are not those of the head that was kept from {}",
            kept.size, kept.timestamp
        )))
    }
}
