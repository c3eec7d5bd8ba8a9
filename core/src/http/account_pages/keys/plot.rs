//! Plot of a key's use as bars: requests let in, stopped by the limit, and refused.

use maud::{Markup, html};

use crate::{
    domain::Timestamp,
    http::{
        api_keys::usage::{Bucket, Usage},
        leaderboard::{day, grouped, minute},
    },
};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 10.0;

/// Formats a count with separators, such as `1,234`; a negative one as 0.
pub fn counted(number: i64) -> String {
    grouped(number.max(0).unsigned_abs())
}

/// Renders the bars, and a table of the numbers.
pub fn plot(usage: &Usage) -> Markup {
    let total = |bucket: &crate::http::api_keys::usage::BucketOfUse| {
        bucket.counts.allowed.saturating_add(bucket.counts.limited).saturating_add(bucket.counts.denied)
    };
    let most = usage.data.iter().map(total).max().unwrap_or_default().max(1);
    let step = WIDTH / float(usage.data.len().max(1));
    let height = |count: i64| HEIGHT * float(count.max(0).unsigned_abs()) / float(most.unsigned_abs());
    let label = |at: Timestamp| match usage.bucket {
        Bucket::Hour => minute(at).chars().skip(11).take(5).collect::<String>(),
        Bucket::Day => day(at).chars().skip(5).collect(),
    };
    let base = TOP + HEIGHT;
    html! {
        figure {
            div class="wide" tabindex="0" role="region" aria-label="Plot of the requests" {
                svg class="uses" viewBox="0 0 790 190" role="img" aria-label="Requests by time; the numbers are in the table below" {
                    line class="grid" x1=(LEFT) x2=(LEFT + WIDTH) y1=(TOP) y2=(TOP) {}
                    line class="grid" x1=(LEFT) x2=(LEFT + WIDTH) y1=(base) y2=(base) {}
                    text x=(LEFT - 6.0) y=(TOP + 4.0) text-anchor="end" { (counted(most)) }
                    text x=(LEFT - 6.0) y=(base + 4.0) text-anchor="end" { "0" }
                    @for (index, bucket) in usage.data.iter().enumerate() {
                        @let x = LEFT + step * float(index);
                        @let (allowed, limited, denied) =
                            (height(bucket.counts.allowed), height(bucket.counts.limited), height(bucket.counts.denied));
                        (bar("allowed", x, step, base - allowed, allowed))
                        (bar("limited", x, step, base - allowed - limited, limited))
                        (bar("denied", x, step, base - allowed - limited - denied, denied))
                        @if index.is_multiple_of(6) {
                            text x=(rounded(x)) y=(base + 18.0) { (label(bucket.start)) }
                        }
                    }
                }
            }
            figcaption class="row" {
                @for (class, name) in [("allowed", "let in"), ("limited", "stopped by the limit"), ("denied", "refused")] {
                    span { svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" { rect class=(class) width="10" height="10" {} } " " (name) }
                }
                span { "Times are UTC." }
            }
        }
        details {
            summary { "The numbers" }
            div class="wide" tabindex="0" role="region" aria-label="Requests in numbers" {
                table {
                    thead { tr { th scope="col" { "From" } th scope="col" class="n" { "Let in" } th scope="col" class="n" { "Limit" } th scope="col" class="n" { "Refused" } } }
                    tbody {
                        @for bucket in usage.data.iter().rev() {
                            tr {
                                td { (minute(bucket.start)) }
                                td class="n" { (counted(bucket.counts.allowed)) }
                                td class="n" { (counted(bucket.counts.limited)) }
                                td class="n" { (counted(bucket.counts.denied)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bar(class: &str, x: f64, step: f64, y: f64, height: f64) -> Markup {
    html! {
        @if height > 0.0 {
            rect class=(class) x=(rounded(x + step * 0.1)) y=(rounded(y)) width=(rounded(step * 0.8)) height=(rounded(height)) {}
        }
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Converts a count exactly: counts are far below 2⁵³.
fn float(number: impl TryInto<u64>) -> f64 {
    number.try_into().unwrap_or_default() as f64
}
