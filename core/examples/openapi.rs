//! Writes the OpenAPI document to `core/openapi.json`.

#![expect(clippy::disallowed_methods, reason = "it runs where there are files")]

fn main() -> std::io::Result<()> {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), aibaas_core::openapi_text())
}
