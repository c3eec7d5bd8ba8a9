//! The trace that a request belongs to, as in the `traceparent` header of W3C Trace Context.

use std::fmt;

use data_encoding::HEXLOWER;

/// Flag: whoever caused the request may have recorded it.
const SAMPLED: u8 = 0b01;
/// Flag: the trace's id is random (level 2).
const RANDOM: u8 = 0b10;
/// Flags that are handed on.
const KNOWN_FLAGS: u8 = SAMPLED | RANDOM;
/// Length in bytes of `version-trace_id-parent_id-flags`, as version 00 writes it.
const LENGTH: usize = 55;

/// The trace that a request is part of, and the span of it that caused the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// Parses the header (Trace Context, 2.2 and 4.3). Of an unknown later version, only what version 00 has is read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let [version] = bytes::<1>(parts.next()?)?;
        let (trace_id, parent_id) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
        let [flags] = bytes::<1>(parts.next()?)?;
        let ends = parts.next().is_none() && if version == 0 { rest.is_empty() } else { has_end(rest) };
        let is_valid = ends && version != 0xff && trace_id != [0; 16] && parent_id != [0; 8];
        is_valid.then_some(Self { trace_id, parent_id, flags })
    }

    /// Returns the same trace as it is seen by what the span with this id causes.
    #[must_use]
    pub fn child(self, span_id: [u8; 8]) -> Self {
        // An id of zeros alone is invalid.
        let parent_id = if span_id == [0; 8] { [1; 8] } else { span_id };
        Self { parent_id, ..self }
    }

    /// Creates the parent of what a span of a trace causes; the trace's id must be random.
    #[must_use]
    pub const fn new(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) -> Self {
        Self { trace_id, parent_id: span_id, flags: RANDOM | if is_sampled { SAMPLED } else { 0 } }
    }

    /// Returns the same trace, with the flag that whoever caused the request recorded it set or cleared.
    #[must_use]
    pub const fn sampled(self, is_sampled: bool) -> Self {
        Self { flags: if is_sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED }, ..self }
    }

    /// Returns the bytes of the trace's id.
    #[must_use]
    pub const fn trace_id_bytes(&self) -> [u8; 16] {
        self.trace_id
    }

    /// Returns the bytes of the id of the span that caused the request.
    #[must_use]
    pub const fn parent_id_bytes(&self) -> [u8; 8] {
        self.parent_id
    }

    /// Checks whether whoever caused the request may have recorded it.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the trace's id in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> String {
        HEXLOWER.encode(&self.trace_id)
    }
}

/// Decodes lower-case hexadecimal alone, as the specification has it; `None` for anything else.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn has_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('-')
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), HEXLOWER.encode(&self.parent_id), self.flags & KNOWN_FLAGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_valid_prints_as_it_was_read() {
        let given = TraceParent::parse(GIVEN).unwrap();
        assert_eq!(given.to_string(), GIVEN);
        assert_eq!(given.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let child = given.child([0xab; 8]);
        assert_eq!(child.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01");
        assert_eq!(TraceParent::parse(&given.child([0; 8]).to_string()), Some(given.child([1; 8])));
        let again = TraceParent::new(given.trace_id_bytes(), given.parent_id_bytes(), given.is_sampled());
        assert_eq!(again.to_string(), GIVEN.replace("-01", "-03"));
        let left_out = TraceParent::parse(&GIVEN.replace("-01", "-02")).unwrap();
        assert!(!left_out.is_sampled());
        assert_eq!(left_out.sampled(true).to_string(), GIVEN.replace("-01", "-03"));
        assert_eq!(given.sampled(false).to_string(), GIVEN.replace("-01", "-00"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = |text: &str| TraceParent::parse(text).map(|parent| parent.to_string());
        let read = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        assert_eq!(later(&GIVEN.replacen("00", "cc", 1)), read);
        assert_eq!(later(&format!("{}-what-is-to-come", GIVEN.replacen("00", "cc", 1))), read);
        assert_eq!(later(&format!("{}.what-is-to-come", GIVEN.replacen("00", "cc", 1))), None);
        assert_eq!(later(&GIVEN.replacen("-01", "-fd", 1)), read, "flags that nobody knows are not handed on");
    }

    #[test]
    fn what_is_not_valid_is_not_read() {
        for text in [
            "",
            "00",
            GIVEN.trim_end_matches('1'),
            &format!("{GIVEN}0"),
            &format!("{GIVEN}-"),
            &format!("{GIVEN}-00"),
            &format!("{GIVEN}, {GIVEN}"),
            &GIVEN.replacen("00", "ff", 1),
            &GIVEN.replacen("00", "0", 1),
            &GIVEN.to_uppercase(),
            &GIVEN.replace("4b", "4g"),
            &GIVEN.replace('-', "_"),
            &GIVEN.replace("-01", "-0é"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473600-f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
