//! Names of models in logs.

use crate::import::{
    names::{self, LONGEST_NAME, slug},
    options::Naming,
    plan::Model,
};

/// Interfaces that serve other vendors' models: the vendor is named after them.
const HOSTS: &[&str] = &[
    "azureai",
    "bedrock",
    "cf",
    "fireworks",
    "groq",
    "hf",
    "llama-cpp-python",
    "ollama",
    "openai-api",
    "openrouter",
    "sagemaker",
    "sambanova",
    "sglang",
    "together",
    "vertex",
    "vllm",
];

/// Parses the name of a model. `openai/gpt-4o` is that vendor's. Of `hf/meta-llama/Llama-3.1-8B` and
/// `openai/azure/gpt-4o` the last part is the name, and the vendor is the part before it where the first one serves
/// everybody's models, else the first.
///
/// # Errors
/// A text where the name gives no identifier, or no vendor.
pub fn model(text: &str, naming: &Naming) -> Result<Model, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let display_name = parts.last().copied().unwrap_or(text).to_owned();
    let provider = match parts.as_slice() {
        [host, rest @ ..] if HOSTS.contains(host) => match rest {
            [.., vendor, _] => names::vendor(vendor),
            _ => names::family(&display_name).map(str::to_owned).or_else(|| names::vendor(host)),
        },
        [vendor, _, ..] => names::vendor(vendor),
        _ => names::family(&display_name).map(str::to_owned),
    };
    let name = slug(&display_name, LONGEST_NAME);
    if name.is_empty() {
        return Err(format!("model is {text:?}, which makes no identifier"));
    }
    Ok(Model { provider: naming.provider(provider, text)?, name, display_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_stand_behind_those_who_serve_them() {
        for (text, id) in [
            ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
            ("openai/azure/gpt-4o", "openai/gpt-4o"),
            ("anthropic/bedrock/claude-3-5-sonnet", "anthropic/claude-3-5-sonnet"),
            ("openrouter/x-ai/grok-4", "xai/grok-4"),
            ("together/meta-llama/Llama-3-70b", "meta/llama-3-70b"),
            ("groq/llama-3.1-70b", "meta/llama-3.1-70b"),
            ("ollama/phi3:mini", "ollama/phi3-mini"),
            ("mockllm/model", "mockllm/model"),
            ("gpt-4", "openai/gpt-4"),
        ] {
            let model = model(text, &Naming::default()).unwrap();
            assert_eq!(format!("{}/{}", model.provider, model.name), id);
        }
        assert!(model("checkpoint", &Naming::default()).is_err_and(|reason| reason.contains("give --provider")));
    }
}
