//! Checks whether the clock is right, as far as other clocks can tell.

use std::time::SystemTime;

use aibaas_core::{domain::Timestamp, ports::Clock as _};

use super::{super::system_clock::SystemClock, finding::Finding, probe::ServerClock};

const ABOUT: &str = "clock";
/// Largest deviation that is ignored, in milliseconds.
const TOLERATED_MS: u64 = 5_000;
/// Largest deviation with which codes of authenticators are still accepted, in milliseconds: they count one step of 30
/// s early and late.
const MOST_MS: u64 = 30_000;
const ADVICE: &str = "set the clock by NTP (timedatectl set-ntp true)";

/// Compares the clock with other servers' clocks, and with the times of the latest writes on this machine.
pub fn check(dates: &[ServerClock], written_at: &[SystemTime]) -> Finding {
    judge(SystemClock.now(), dates, written_at.iter().filter_map(|time| milliseconds(*time)).max())
}

fn milliseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

fn judge(now: Timestamp, dates: &[ServerClock], written_at: Option<i64>) -> Finding {
    let is_back = written_at.is_some_and(|written| written > now.0.saturating_add(TOLERATED_MS.cast_signed()));
    if is_back {
        return Finding::failed(
            ABOUT,
            format!("it is {now}, but the database was written later: it went back"),
            ADVICE,
        );
    }
    // A single server may be wrong itself, so the nearest clock counts.
    let Some(nearest) = dates.iter().min_by_key(|dated| dated.ahead_ms.unsigned_abs()) else {
        return Finding::warning(
            ABOUT,
            format!("it is {now}, which was compared with no other clock"),
            "look at another clock",
        );
    };
    let off = nearest.ahead_ms.unsigned_abs();
    let direction = if nearest.ahead_ms > 0 { "ahead of" } else { "behind" };
    let found = format!("it is {now}, at least {} s {direction} {}", off / 1000, nearest.host);
    if off <= TOLERATED_MS {
        Finding::ok(ABOUT, format!("it is {now}, within {} s of {}", TOLERATED_MS / 1000, nearest.host))
    } else if off <= MOST_MS {
        Finding::warning(ABOUT, found, ADVICE)
    } else {
        Finding::failed(ABOUT, format!("{found}: codes of second factors are refused"), ADVICE)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn seconds_are_told_and_half_minutes_fail() {
        let now = Timestamp(1_795_849_200_000);
        let ahead = |ahead_ms| ServerClock { host: "a.example".to_owned(), ahead_ms };
        for (dates, written, expected) in [
            (vec![], None, Status::Warning),
            (vec![ahead(4_000)], Some(now.0 - 1), Status::Ok),
            (vec![ahead(-6_000)], None, Status::Warning),
            (vec![ahead(-31_000)], None, Status::Failed),
            (vec![ahead(3_600_000), ahead(0)], None, Status::Ok),
            (vec![ahead(0)], Some(now.0 + 60_000), Status::Failed),
        ] {
            assert_eq!(judge(now, &dates, written).status, expected, "{dates:?}");
        }
        assert!(judge(now, &[ahead(-61_000)], None).to_string().contains("61 s behind a.example"));
    }
}
