//! Reader of JSON as Python writes it.

use serde::de::DeserializeOwned;

/// Parses JSON as Python writes it, where `NaN`, `Infinity` and `-Infinity` are numbers; they become null.
///
/// # Errors
/// A text that says why it is not JSON, or not a `T`.
pub fn python_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text)
        .or_else(|error| match without_constants(text) {
            Some(strict) => serde_json::from_slice(&strict),
            None => Err(error),
        })
        .map_err(|error| error.to_string())
}

/// Returns the text with null for each of the constants; `None` where it has none of them.
fn without_constants(text: &[u8]) -> Option<Vec<u8>> {
    let mut strict = Vec::with_capacity(text.len());
    let (mut in_string, mut escaped, mut replaced) = (false, false, false);
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if in_string {
            in_string = escaped || first != b'"';
            escaped = !escaped && first == b'\\';
        } else if let Some(after) =
            ["NaN", "Infinity", "-Infinity"].iter().find_map(|constant| rest.strip_prefix(constant.as_bytes()))
        {
            strict.extend_from_slice(b"null");
            replaced = true;
            rest = after;
            continue;
        } else {
            in_string = first == b'"';
        }
        strict.push(first);
        rest = after;
    }
    replaced.then_some(strict)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn pythons_constants_are_null_and_strings_stay() {
        let read = |text: &str| python_json::<Value>(text.as_bytes());
        assert_eq!(read(r#"{"NaN": [NaN, -Infinity, Infinity, -1]}"#), Ok(json!({"NaN": [null, null, null, -1]})));
        assert_eq!(read(r#"["\"NaN", "\\", NaN, "NaN"]"#), Ok(json!(["\"NaN", "\\", null, "NaN"])));
        assert!(read("[NaN").is_err() && read("[nan]").is_err() && read("").is_err());
    }
}
