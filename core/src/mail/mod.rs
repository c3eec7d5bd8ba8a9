//! Mail.

use crate::app::App;

/// Sends what is due.
pub async fn deliver_due(_app: &App) {}
