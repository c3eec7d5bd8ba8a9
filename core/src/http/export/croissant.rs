use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};

use super::newest_seq;
use crate::{
    app::App,
    http::{openapi::IfNoneMatch, problem::ApiError},
    store::{
        changes,
        dataset::{FORMAT, TABLES, Table},
    },
};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/ld+json");
/// The media type that readers of Croissant use for one JSON object a line.
const JSON_LINES: &str = "application/jsonlines";
/// Terms of the vocabulary that need no prefix: the context that readers expect, whether a term is used here or not.
const TERMS: [&str; 25] = [
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
];

/// Describes the public data set in Croissant.
///
/// JSON-LD in the vocabulary of Croissant 1.0 (MLCommons), which the usual libraries of machine learning read: the tables
/// of `GET /api/v1/export` as of the newest snapshot, and the type of each column that holds one value. Each file is the
/// first page of its table: follow its `Link`, or let `aibaas-client export` write whole files and a description of them.
#[utoipa::path(
    get,
    path = "/api/v1/export/croissant",
    operation_id = "getExportCroissant",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(IfNoneMatch),
    responses((status = 200, description = "The description.", content_type = "application/ld+json", body = Object)),
)]
pub async fn handler(State(app): State<App>) -> Result<Response, ApiError> {
    let newest = changes::newest_snapshot().run(app.database()).await?;
    let through = newest_seq(newest.as_ref());
    let base_url = &app.config().base_url;
    let description = format!(
        "Every public result of the benchmarks at {base_url}: models, benchmarks, runs, results by task, and each state \
         of each leaderboard."
    );
    let description = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "aibaas",
        "description": description,
        "url": format!("{base_url}/leaderboard"),
        "creator": { "@type": "sc:Organization", "name": "AIBaaS", "url": base_url },
        "datePublished": newest.map_or_else(|| app.now(), |newest| newest.created_at),
        "version": format!("{FORMAT}.0.0"),
        // Rows come in all the time, so files have no checksums.
        "isLiveDataset": true,
        "distribution": TABLES.iter().map(|table| file(table, base_url, through)).collect::<Value>(),
        "recordSet": TABLES.iter().map(records).collect::<Value>(),
    });
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], description.to_string()).into_response())
}

fn file_name(table: &Table) -> String {
    format!("{}.ndjson", table.name)
}

fn file(table: &Table, base_url: &str, through: i64) -> Value {
    json!({
        "@type": "cr:FileObject",
        "@id": file_name(table),
        "name": file_name(table),
        "contentUrl": format!("{base_url}/api/v1/export/{}?through={through}", table.name),
        "encodingFormat": JSON_LINES,
    })
}

fn records(table: &Table) -> Value {
    let key = |column: &&str| json!({ "@id": format!("{}/{column}", table.name) });
    json!({
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "key": table.keys().iter().map(key).collect::<Value>(),
        "field": table.typed_columns().map(|(column, kind)| field(table, column, kind)).collect::<Value>(),
    })
}

fn field(table: &Table, column: &str, data_type: &str) -> Value {
    json!({
        "@type": "cr:Field",
        "@id": format!("{}/{column}", table.name),
        "name": column,
        "dataType": data_type,
        "source": { "fileObject": { "@id": file_name(table) }, "extract": { "column": column } },
    })
}

fn context() -> Value {
    let terms = TERMS.into_iter().map(|term| (term.to_owned(), json!(format!("cr:{term}"))));
    let others = [
        ("transform", json!("cr:transform")),
        ("data", json!({ "@id": "cr:data", "@type": "@json" })),
        ("examples", json!({ "@id": "cr:examples", "@type": "@json" })),
        ("rai", json!("http://mlcommons.org/croissant/RAI/")),
        ("@language", json!("en")),
        ("@vocab", json!("https://schema.org/")),
        ("conformsTo", json!("dct:conformsTo")),
        ("cr", json!("http://mlcommons.org/croissant/")),
        ("dataType", json!({ "@id": "cr:dataType", "@type": "@vocab" })),
        ("dct", json!("http://purl.org/dc/terms/")),
        ("sc", json!("https://schema.org/")),
    ];
    let others = others.into_iter().map(|(term, meaning)| (term.to_owned(), meaning));
    Value::Object(terms.chain(others).collect::<Map<_, _>>())
}
