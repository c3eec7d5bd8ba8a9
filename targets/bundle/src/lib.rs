//! Builds the Worker.
