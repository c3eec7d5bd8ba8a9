//! Parts of a document that is read and changed as JSON.

use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Returns the operations of the document, each with its path.
pub fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &mut Object)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    let items = paths.filter_map(|(path, item)| Some((path, item.as_object_mut()?)));
    items.flat_map(|(path, item)| {
        item.values_mut().filter_map(move |operation| Some((path, operation.as_object_mut()?)))
    })
}
