//! The three hosts. A feature and the target choose one; each provides the application's ports and nothing else.

// Parts of hosts that do not depend on a host, placed here so that unit tests reach them.
#[cfg(any(test, all(feature = "cloudflare", target_family = "wasm", target_os = "unknown")))]
mod places;
#[cfg(any(test, all(feature = "spin", target_os = "wasi")))]
mod slots;
#[cfg(any(test, all(feature = "spin", target_os = "wasi")))]
mod spawned;
#[cfg(any(test, all(feature = "spin", target_os = "wasi")))]
mod turns;

cfg_if::cfg_if! {
    if #[cfg(all(feature = "cloudflare", target_family = "wasm", target_os = "unknown"))] {
        mod cloudflare;
        mod event_line;
    } else if #[cfg(all(feature = "spin", target_os = "wasi"))] {
        mod spin;
        mod stderr_log;
    } else if #[cfg(feature = "native")] {
        #[cfg(test)]
        mod event_line;
        pub mod native;
        mod stderr_log;
    }
}
