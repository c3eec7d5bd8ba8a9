//! The Spin component.
