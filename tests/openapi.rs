//! The OpenAPI document, as linters and as generators of clients take it.

use std::collections::{BTreeMap, BTreeSet};

use aibaas_tests::{contract::Contract, tools};
use serde_json::Value;

fn document() -> Value {
    let text = std::fs::read_to_string(tools::root().join("core/openapi.json")).expect("core/openapi.json");
    serde_json::from_str(&text).expect("JSON")
}

/// Runs the program of a package to its end, and gives what it printed.
fn tool(name: &str, arguments: &[&str]) -> String {
    let program = format!("node_modules/.bin/{name}");
    let mut command = tools::openapi_program(&program).unwrap_or_else(|error| panic!("{error}"));
    command.args(arguments).env("DO_NOT_TRACK", "1").env("NO_COLOR", "1");
    tools::run(&mut command, "see tests/openapi").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn redocly_finds_nothing() {
    let found = tool("redocly", &["lint", "--config=redocly.yaml", "--format=json", "../../core/openapi.json"]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!((&found["totals"]["errors"], &found["totals"]["warnings"]), (&0.into(), &0.into()), "{found:#}");
}

#[test]
fn spectral_finds_nothing() {
    tool("spectral", &["lint", "--ruleset=.spectral.yaml", "--fail-severity=hint", "../../core/openapi.json"]);
}

/// Each generator makes a client, and a program that uses it compiles: it narrows a verdict, and its `switch` over the
/// flags of a row is exhaustive.
#[test]
fn generated_clients_compile() {
    let generated = tools::root().join("tests/openapi/generated");
    std::fs::create_dir_all(&generated).expect("a folder");
    let document = "../../core/openapi.json";
    std::thread::scope(|scope| {
        let of_types = ["--default-non-nullable=false", "--output=generated/openapi-typescript.ts", document];
        let generators = [
            scope.spawn(move || tool("openapi-typescript", &of_types)),
            scope.spawn(|| {
                tool("openapi-ts", &["-i", document, "-o", "generated/hey-api", "-c", "@hey-api/client-fetch"])
            }),
            scope.spawn(|| tool("orval", &["--config=orval.config.mjs"])),
        ];
        for generator in generators {
            generator.join().expect("a generator failed");
        }
    });
    for file in ["openapi-typescript.ts", "hey-api/index.ts", "orval.ts"] {
        assert!(generated.join(file).is_file(), "{file} was generated");
    }
    tool("tsc", &["--project", "."]);
}

#[test]
fn examples_fit_their_schemas() {
    let broken = Contract::new(document()).broken_examples().expect("sound schemas");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Every object of the document that is no example, with where it stands.
fn objects<'a>(value: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| objects(item, &format!("{place}/{n}"), found))
        }
        Value::Object(members) => {
            found.push((place.to_owned(), value));
            let members =
                members.iter().filter(|(name, _)| !["default", "example", "examples"].contains(&name.as_str()));
            members.for_each(|(name, member)| objects(member, &format!("{place}/{name}"), found));
        }
        _ => {}
    }
}

/// Generators that know no `const` or `enum` of its own take any value where no type stands beside it.
#[test]
fn every_const_and_enum_has_its_type() {
    let document = document();
    let mut found = Vec::new();
    objects(&document, "#", &mut found);
    let mut values = 0;
    for (place, object) in found.iter().filter(|(place, _)| !place.ends_with("/properties")) {
        if object.get("const").or_else(|| object.get("enum")).is_some() {
            values += 1;
            assert!(object.get("type").is_some(), "{place} has no type");
        }
    }
    assert!(values > 100, "{values} are looked at");
}

fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

/// Notes the names that generators make of the members of a schema, each with what it would name.
fn member_names<'a>(prefix: &str, schema: &'a Value, names: &mut Vec<(String, &'a Value)>) {
    for combined in ["allOf", "anyOf", "oneOf"].iter().filter_map(|name| schema[*name].as_array()) {
        combined.iter().for_each(|schema| member_names(prefix, schema, names));
    }
    if let Some(items) = schema.get("items") {
        member_names(prefix, items, names);
        member_names(&format!("{prefix}Item"), items, names);
    }
    for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{prefix}{}", pascal(member));
        member_names(&name, schema, names);
        names.push((name, schema));
    }
}

/// Generators name what has no name after what it is part of: no other schema may be called so.
#[test]
fn joined_names_are_no_other_schemas() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let reference = |name: &str| format!("#/components/schemas/{name}");
    let mut names = Vec::new();
    for (name, schema) in schemas {
        member_names(name, schema, &mut names);
    }
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (_, operation) in item.as_object().expect("operations") {
            let id = pascal(operation["operationId"].as_str().unwrap_or_else(|| panic!("an id in {path}")));
            for part in ["Body", "Data", "Error", "Errors", "Params", "Response", "Responses", "Result"] {
                names.push((format!("{id}{part}"), &Value::Null));
            }
            names.push((format!("{id}Request"), &operation["requestBody"]["content"]["application/json"]["schema"]));
        }
    }
    assert!(names.len() > 500, "{} names are looked at", names.len());
    for (name, named) in names {
        let itself = named["$ref"].as_str() == Some(&reference(&name));
        assert!(itself || !schemas.contains_key(&name), "{name} would be made, and is another schema");
    }
}

/// Some generators keep what has a name in one list.
#[test]
fn components_have_different_names() {
    let document = document();
    let mut places = BTreeMap::<&str, BTreeSet<&str>>::new();
    for kind in ["schemas", "parameters", "responses"] {
        for name in document["components"][kind].as_object().expect("components").keys() {
            places.entry(name).or_default().insert(kind);
        }
    }
    for (name, kinds) in places {
        assert_eq!(kinds.len(), 1, "{name} is in {kinds:?}");
    }
}
