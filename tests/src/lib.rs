//! The suite and the hosts it runs on.
