//! Names of models in the table, which are names of result files.

use crate::import::{
    names::{self, LONGEST_NAME, slug},
    options::Naming,
    plan::Model,
};

/// Parts of a result file's name: `Qwen--QwQ-32B-Preview_vllm_temp_1.0`, followed by `-perf-instruct` where the prompt
/// asked for speed.
pub struct FileName<'a> {
    organisation: Option<&'a str>,
    name: &'a str,
    pub backend: Option<&'a str>,
    pub variant: Option<&'a str>,
}

impl<'a> FileName<'a> {
    /// Parses the name.
    pub fn of(text: &'a str) -> Self {
        let (name, rest) = text.rsplit_once("_temp_").map_or((text, None), |(name, rest)| (name, Some(rest)));
        let variant = rest.and_then(|rest| rest.split_once('-')).map(|(_, variant)| variant);
        let split = rest.and_then(|_| name.rsplit_once('_'));
        let (name, backend) = split.map_or((name, None), |(name, backend)| (name, Some(backend)));
        let (organisation, name) =
            name.split_once("--").map_or((None, name), |(organisation, name)| (Some(organisation), name));
        Self { organisation, name, backend, variant }
    }

    /// Names the model.
    ///
    /// # Errors
    /// A text where the name gives no identifier, or no vendor.
    pub fn model(&self, naming: &Naming) -> Result<Model, String> {
        let told = self.organisation.and_then(names::vendor).or_else(|| names::family(self.name).map(str::to_owned));
        let display_name = match self.variant {
            Some(variant) => format!("{} ({variant})", self.name),
            None => self.name.to_owned(),
        };
        let name = slug(&display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Model { provider: naming.provider(told, &display_name)?, name, display_name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_names_are_read_too() {
        let naming = Naming::default();
        let of = |text| FileName::of(text).model(&naming).map(|model| (model.provider, model.name));
        let is = |provider: &str, name: &str| Ok((provider.to_owned(), name.to_owned()));
        assert_eq!(of("deepseek-chat-v3"), is("deepseek", "deepseek-chat-v3"));
        assert_eq!(of("some_model").unwrap_err(), names::without_vendor("some_model"));
        let given = FileName::of("some_model").model(&Naming { provider: Some("Some Lab".to_owned()) });
        assert_eq!(given.unwrap().provider, "some-lab");
        assert_eq!(of("org--some_model_hf_temp_0.0"), is("org", "some_model"));
        assert!(of("???").is_err());
    }
}
