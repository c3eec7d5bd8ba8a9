//! `Database` over D1. Statements and rows cross to JavaScript as JSON, in one piece each way: crossing value by value
//! costs many times as much.

use std::fmt;

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement, Value};
use async_trait::async_trait;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::SerializeSeq,
};
use wasm_bindgen::JsValue;
use worker::{D1Database, send::SendFuture};

use super::glue;

/// Database of the binding `DB`.
pub(super) struct D1(pub(super) D1Database);

#[async_trait]
impl Database for D1 {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        self.batch(vec![statement])
            .await?
            .pop()
            .ok_or_else(|| DatabaseError::Unexpected("no answer to the statement".to_owned()))
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let unreadable = |error: serde_json::Error| DatabaseError::Unexpected(error.to_string());
        let asked = encode_statements(&statements).map_err(unreadable)?;
        let database: &JsValue = self.0.as_ref();
        let answer = SendFuture::new(async {
            let answer = glue::d1(database, &asked)
                .await
                .map_err(|error| DatabaseError::from_sqlite_message(&glue::message(&error)))?;
            Ok(answer.as_string().unwrap_or_default())
        });
        let tables = serde_json::from_str::<Vec<Table>>(&answer.await?).map_err(unreadable)?;
        Ok(tables.into_iter().map(rows).collect())
    }
}

/// Encodes statements as `glue.mjs` takes them.
pub(super) fn encode_statements(statements: &[Statement]) -> serde_json::Result<String> {
    serde_json::to_string(&Batch(statements))
}

struct Batch<'a>(&'a [Statement]);

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|statement| (statement.sql, Parameters(&statement.params))))
    }
}

struct Parameters<'a>(&'a [Value]);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parameters = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            match value {
                Value::Null => parameters.serialize_element(&())?,
                Value::Integer(integer) => parameters.serialize_element(integer)?,
                Value::Real(real) => parameters.serialize_element(real)?,
                Value::Text(text) => parameters.serialize_element(text)?,
                // D1 itself represents blobs as a list of bytes.
                Value::Blob(bytes) => parameters.serialize_element(bytes)?,
            }
        }
        parameters.end()
    }
}

/// Names of columns, and rows of as many cells; no names where there are no rows.
type Table = (Vec<String>, Vec<Vec<Cell>>);

fn rows((columns, rows): Table) -> Rows {
    Rows::new(columns, rows.into_iter().map(|row| row.into_iter().map(|Cell(value)| value).collect()).collect())
}

struct Cell(Value);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;

        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value that SQLite stores")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Integer(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
                i64::try_from(value).map(Value::Integer).map_err(E::custom)
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Real(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Value, E> {
                Ok(Value::Text(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Value, A::Error> {
                let mut blob = Vec::with_capacity(bytes.size_hint().unwrap_or(32));
                while let Some(byte) = bytes.next_element()? {
                    blob.push(byte);
                }
                Ok(Value::Blob(blob))
            }
        }

        deserializer.deserialize_any(CellVisitor).map(Self)
    }
}
