//! JSON of any shape: nothing in it may be lost or changed by reading it, and none of its names has a meaning.
//!
//! What others wrote must not be read into `serde_json::Value` itself: by a feature that dependencies turn on, it takes an
//! object of the name `$serde_json::private::RawValue` for a text that it parses once more, as deep again.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// The largest whole number that every reader of JSON keeps exactly, 2⁵³ − 1 (RFC 8259, 6).
const MOST: i64 = 9_007_199_254_740_991;

/// How the names begin that `serde_json` gives a meaning of its own.
const RESERVED: &str = "$serde_json::private::";

/// An object whose members, at every depth, are distinct, and whose numbers are within ±(2⁵³ − 1): a reader of JSON may
/// round larger ones. No name is one that `serde_json` reads otherwise: clients may use it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StrictObject(pub Map<String, Value>);

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
                members::<true, A>(access)
            }
        }
        deserializer.deserialize_map(Members).map(Self)
    }
}

/// JSON that is read as it stands: what was stored, or what another service sent.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyJson(pub Value);

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue::<false>).map(Self)
    }
}

fn members<'de, const STRICT: bool, A: MapAccess<'de>>(mut access: A) -> Result<Map<String, Value>, A::Error> {
    let mut members = Map::new();
    while let Some(name) = access.next_key::<String>()? {
        if STRICT && name.starts_with(RESERVED) {
            return Err(A::Error::custom(format_args!("no name begins with {RESERVED}")));
        }
        if STRICT && members.contains_key(&name) {
            return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
        }
        let Item::<STRICT>(value) = access.next_value()?;
        members.insert(name, value);
    }
    Ok(members)
}

struct Item<const STRICT: bool>(Value);

impl<'de, const STRICT: bool> Deserialize<'de> for Item<STRICT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue::<STRICT>).map(Self)
    }
}

struct AnyValue<const STRICT: bool>;

fn too_large<E: Error>() -> E {
    E::custom(format_args!("numbers are within ±{MOST}; write a larger one as a string"))
}

impl<'de, const STRICT: bool> Visitor<'de> for AnyValue<STRICT> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if !STRICT || (-MOST..=MOST).contains(&value) { Ok(value.into()) } else { Err(too_large()) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) if STRICT => Err(too_large()),
            Err(_) => Ok(value.into()),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // A whole number beyond 64 bits comes here too, already rounded.
        #[expect(clippy::cast_precision_loss, reason = "2⁵³ − 1 is exact")]
        let exact = !STRICT || value.abs() <= MOST as f64;
        Number::from_f64(value).filter(|_| exact).map(Value::Number).ok_or_else(too_large)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Item::<STRICT>(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        members::<STRICT, A>(access).map(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let read = serde_json::from_str::<StrictObject>(text).map_err(|error| error.to_string())?;
        Ok(Value::Object(read.0).to_string())
    }

    #[test]
    fn what_is_kept_is_what_was_sent() {
        for text in [
            "{}",
            r#"{"temperature":0.5,"stop":["\n",null],"nested":{"a":{"b":[1,-2,true]}},"b":"ü"}"#,
            r#"{"most":9007199254740991,"least":-9007199254740991}"#,
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        for (text, refusal) in [
            (r#"{"a":1,"a":1}"#, "duplicate field `a`"),
            (r#"{"a":{"b":1,"c":[{"d":1,"d":2}]}}"#, "duplicate field `d`"),
            (r#"{"a":9007199254740992}"#, "numbers are within"),
            (r#"{"a":[-9007199254740992]}"#, "numbers are within"),
            (r#"{"a":18446744073709551615}"#, "numbers are within"),
            (r#"{"a":123456789012345678901234567890}"#, "numbers are within"),
            (r#"{"$serde_json::private::RawValue":"[7]"}"#, "no name begins with"),
            (r#"{"a":[{"$serde_json::private::Number":"7"}]}"#, "no name begins with"),
            ("[]", "invalid type"),
        ] {
            assert!(read(text).unwrap_err().starts_with(refusal), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn no_name_has_a_meaning() {
        for text in [
            r#"{"$serde_json::private::RawValue":"[7]"}"#,
            r#"{"$serde_json::private::RawValue":5,"b":[{"$serde_json::private::Number":"1"}]}"#,
            r#"[18446744073709551615,-9223372036854775808,0.5,1e+300,null,true,"ü"]"#,
        ] {
            assert_eq!(serde_json::from_str::<AnyJson>(text).unwrap().0.to_string(), text);
        }
        // Each of the texts in texts would be parsed with the whole depth again.
        let mut text = "0".to_owned();
        for _ in 0..7 {
            let nested = Value::String(text).to_string();
            text = format!(r#"{}{{"$serde_json::private::RawValue":{nested}}}{}"#, "[".repeat(100), "]".repeat(100));
        }
        assert_eq!(serde_json::from_str::<AnyJson>(&text).unwrap().0.to_string(), text);
    }
}
