//! The three hosts. A feature and the target choose one; each lends the application its ports and nothing else.

cfg_if::cfg_if! {
    if #[cfg(all(feature = "cloudflare", target_family = "wasm", target_os = "unknown"))] {
        mod cloudflare;
    } else if #[cfg(all(feature = "spin", target_os = "wasi"))] {
        mod spin;
    } else if #[cfg(feature = "native")] {
        pub mod native;
    }
}
