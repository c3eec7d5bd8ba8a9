//! Reader of a document's rows.

use saphyr_parser::{Event, Parser};

use super::row::Row;

/// Reads the rows of a document that is a list. A mistake within a row affects only that row.
///
/// # Errors
/// A text where the document is not YAML, or not a list.
pub fn rows(document: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut row: Option<Row> = None;
    let mut key: Option<String> = None;
    let mut depth = 0_usize;
    for event in Parser::new_from_str(document) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = span.start.line();
        if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
            depth = depth.saturating_sub(1);
            if depth == 1 {
                rows.extend(row.take());
            }
            continue;
        }
        let opens = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        match (depth, event) {
            (
                _,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd,
            ) => {}
            (0, Event::SequenceStart(..)) => {}
            (0, _) => return Err(format!("line {line}: a list of rows is expected")),
            (1, Event::MappingStart(..)) => {
                row = Some(Row { line, ..Row::default() });
                key = None;
            }
            (1, _) => {
                let malformed =
                    Row { line, malformed: Some("is not a row of names and values".to_owned()), ..Row::default() };
                if opens { row = Some(malformed) } else { rows.push(malformed) }
            }
            (2, Event::Scalar(text, style, ..)) => {
                if let Some(row) = &mut row {
                    match key.take() {
                        None => key = Some(text.into_owned()),
                        Some(key) => row.put(key, &text, style),
                    }
                }
            }
            // A list or an alias as a value is not needed here.
            (2, _) => {
                if let Some(row) = &mut row
                    && key.take().is_none()
                {
                    row.malformed.get_or_insert_with(|| "has a name that is no text".to_owned());
                }
            }
            _ => {}
        }
        if opens {
            depth = depth.saturating_add(1);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use crate::import::{
        aider::fixtures::{ROW, planned, sound},
        plan::Plan,
    };

    fn plan(document: &str) -> Result<Plan, String> {
        planned("rows.yml", document, &[])
    }

    #[test]
    fn scalars_stay_as_they_are_written() {
        let plan = plan(ROW).unwrap();
        assert_eq!(sound(&plan)[0].run.commit.as_deref(), Some("1234e56"));
    }

    #[test]
    fn what_is_no_list_is_refused_whole() {
        assert_eq!(plan("model: m").unwrap_err(), "line 1: a list of rows is expected");
        assert!(plan("- {a: b").is_err());
        assert!(plan("").unwrap().entries.is_empty());
    }
}
