//! Serialization of members: what says nothing is left out, so that older servers, which refuse members that they do not
//! know, take a body that does without newer ones.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value;

/// Checks whether a member has the value that it has where it is left out.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Serializes an object without its members that are null. Its own type writes them, since in answers they are there.
///
/// # Errors
/// Those of the serializer.
pub fn without_nulls<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(value).map_err(S::Error::custom)?;
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value.serialize(serializer)
}
