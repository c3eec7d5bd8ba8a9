//! Which system a request names: by its own id, or by its model's where that is enough.

use crate::{
    domain::SystemId,
    http::problem::{AMBIGUOUS_SYSTEM, ApiError},
};

/// Most systems that an `ambiguous_system` error names.
const MOST_NAMED: usize = 20;

/// Finds the ranked system with this id or, where it is a model's id, the model's only system; `None` where there is
/// none.
///
/// # Errors
/// `ambiguous_system` where the model has several.
pub fn find<'a, T>(asked: &SystemId, ranked: &'a [T], id: impl Fn(&T) -> &SystemId) -> Result<Option<&'a T>, ApiError> {
    if let Some(exact) = ranked.iter().find(|system| id(system) == asked) {
        return Ok(Some(exact));
    }
    if !asked.is_model() {
        return Ok(None);
    }
    let model = asked.model();
    let of_model = ranked.iter().filter(|system| id(system).model() == model).collect::<Vec<_>>();
    match of_model.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let named = several.iter().take(MOST_NAMED).map(|system| id(system).as_str()).collect::<Vec<_>>();
            let more = if several.len() > named.len() { " and others" } else { "" };
            let detail = format!("{asked} stands here as several systems; name one: {}{more}", named.join(", "));
            Err(ApiError::new(AMBIGUOUS_SYSTEM, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_means_its_only_system() {
        let ids = ["a/b~000000000001", "a/c", "a/c~000000000002", "a/d~000000000003", "a/d~000000000004"];
        let ids = ids.map(SystemId::from);
        let found = |asked: &str| find(&asked.into(), &ids, |id| id).map(|found| found.map(SystemId::as_str));
        assert_eq!(found("a/b").unwrap(), Some("a/b~000000000001"));
        assert_eq!(found("a/c").unwrap(), Some("a/c"), "its own id");
        assert_eq!(found("a/c~000000000002").unwrap(), Some("a/c~000000000002"));
        assert_eq!(found("a/e").unwrap(), None);
        assert_eq!(found("a/b~000000000009").unwrap(), None);
        let Err(ApiError::Problem(problem)) = found("a/d") else { panic!("either was meant") };
        assert!(problem.is(AMBIGUOUS_SYSTEM));
        assert!(problem.detail().contains("a/d~000000000003, a/d~000000000004"), "{}", problem.detail());
    }
}
