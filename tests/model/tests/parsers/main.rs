//! Property tests of all parsers: whatever bytes come from outside, nothing panics, no answer is 500, and every
//! refusal is a problem with a code.
//!
//! Each test prints its seed: `PROPTEST_RNG_SEED=… cargo test --test parsers` plays it again. What failed once is kept
//! in a file of regressions and tried first. `PROPTEST_CASES=100000` searches for longer.

mod application;
mod formats;
mod given;
mod headers;
mod lists;
mod requests;
mod values;
