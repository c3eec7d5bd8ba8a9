//! Identifiers derived from other systems' names.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Most characters of a model's name, a benchmark's id and its version.
pub const LONGEST_NAME: usize = 100;
/// Most characters of a provider.
const LONGEST_PROVIDER: usize = 64;
const LONGEST_EXTERNAL_ID: usize = 200;
/// Vendors of models by the beginning of the models' names.
const FAMILIES: &[(&str, &str)] = &[
    ("amazon.", "amazon"),
    ("chatgpt", "openai"),
    ("claude", "anthropic"),
    ("codestral", "mistral"),
    ("command-", "cohere"),
    ("deepseek", "deepseek"),
    ("devstral", "mistral"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("glm-", "zai"),
    ("gpt-", "openai"),
    ("grok", "xai"),
    ("kimi", "moonshot"),
    ("llama", "meta"),
    ("minimax", "minimax"),
    ("mistral", "mistral"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("yi-", "01-ai"),
];

/// Names of vendors on model hubs that differ from their names here.
const VENDORS: &[(&str, &str)] = &[
    ("coherelabs", "cohere"),
    ("cohereforai", "cohere"),
    ("deepseek-ai", "deepseek"),
    ("grok", "xai"),
    ("meta-llama", "meta"),
    ("mistralai", "mistral"),
    ("moonshotai", "moonshot"),
    ("x-ai", "xai"),
];

/// Services that serve other vendors' models, as tables name them.
const SERVERS: &[&str] = &[
    "azure",
    "bedrock",
    "cerebras",
    "deepinfra",
    "fireworks",
    "glhf",
    "groq",
    "huggingface",
    "hyperbolic",
    "novita",
    "ollama",
    "openrouter",
    "sambanova",
    "together",
    "vertex",
];

/// Converts the text to an identifier: lower-case letters, digits and `._-`, starting with a letter or digit.
pub fn slug(text: &str, longest: usize) -> String {
    let mut slug = String::new();
    for character in text.chars().map(|character| character.to_ascii_lowercase()) {
        let plain = character.is_ascii_lowercase() || character.is_ascii_digit();
        if slug.len() >= longest {
            break;
        } else if plain || (matches!(character, '.' | '_' | '-') && !slug.is_empty()) {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches(['-', '.', '_']).to_owned()
}

/// Returns the vendor whose models have names that begin like this.
pub fn family(model: &str) -> Option<&'static str> {
    let model = model.to_ascii_lowercase();
    FAMILIES.iter().find(|(family, _)| model.starts_with(family)).map(|(_, provider)| *provider)
}

/// Splits `vendor/name` as hubs write it, also after the address of Hugging Face; without a vendor, the beginning of
/// the name tells it.
pub fn vendor_and_name(text: &str) -> (Option<String>, &str) {
    let text = text.trim();
    let path = text.strip_prefix("https://huggingface.co/").unwrap_or(text).trim_end_matches('/');
    let known = |name: &str| family(name).map(str::to_owned);
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [organisation, name] => (vendor(organisation), name),
        // The service that serves the model is named first.
        [_, .., organisation, name] => (known(name).or_else(|| vendor(organisation)), name),
        _ => (known(path), path),
    }
}

/// Returns the vendor that a hub or a router calls by this name; `None` where the name gives no identifier.
pub fn vendor(organisation: &str) -> Option<String> {
    let slug = slug(organisation, LONGEST_PROVIDER);
    let known = VENDORS.iter().find(|(alias, _)| *alias == slug).map(|(_, vendor)| (*vendor).to_owned());
    known.or(Some(slug)).filter(|vendor| !vendor.is_empty())
}

/// Checks whether a text names the service of a model and not the model, as in rows that compare providers:
/// `Fireworks`, `OpenRouter: Novita`, `BF16 via glhf.chat`.
pub fn names_a_server(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let first = text.split([' ', ':', '/']).next().unwrap_or_default();
    text.contains(" via ") || SERVERS.contains(&first) || family(&text) == Some(text.as_str())
}

/// Describes the refusal of a model whose vendor is unknown.
pub fn without_vendor(model: &str) -> String {
    format!("nothing tells who made {model:?}: give --provider, where it is a model")
}

/// Joins the name of a run at its source with the names that it is imported under. A result that is too long ends in a
/// hash.
pub fn external_id(parts: &[&str]) -> String {
    let whole = parts.join("/");
    if whole.chars().count() <= LONGEST_EXTERNAL_ID {
        return whole;
    }
    let hash = Sha256::digest(whole.as_bytes());
    let (half, _) = hash.split_at(16);
    let hash = HEXLOWER.encode(half);
    let kept = LONGEST_EXTERNAL_ID.saturating_sub(hash.len()).saturating_sub(1);
    format!("{}-{hash}", whole.chars().take(kept).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_have_one_name() {
        assert_eq!(vendor("meta-llama").as_deref(), Some("meta"));
        assert_eq!(vendor("EleutherAI").as_deref(), Some("eleutherai"));
        assert_eq!(vendor("../"), None);
        assert_eq!(family("Llama-3.1-8B"), Some("meta"));
        assert_eq!(family("phi-3"), None);
        assert_eq!(vendor_and_name("https://huggingface.co/Qwen/QwQ-32B"), (Some("qwen".to_owned()), "QwQ-32B"));
        assert_eq!(vendor_and_name("o3-mini"), (Some("openai".to_owned()), "o3-mini"));
        assert_eq!(vendor_and_name("openrouter/initech/zeta"), (Some("initech".to_owned()), "zeta"));
        assert_eq!(vendor_and_name("checkpoint"), (None, "checkpoint"));
    }

    #[test]
    fn those_who_serve_are_no_models() {
        for text in ["Fireworks", "DeepSeek", "OpenRouter: Novita", "HuggingFace BF16 via glhf.chat", "openrouter/q/m"]
        {
            assert!(names_a_server(text), "{text}");
        }
        for text in ["DeepSeek R1", "Qwen3 235B A22B diff, no think, Alibaba API", "o3", "qwen2.5-coder:32b"] {
            assert!(!names_a_server(text), "{text}");
        }
    }

    #[test]
    fn long_names_of_runs_stay_distinct() {
        assert_eq!(external_id(&["a", "b"]), "a/b");
        let long = "ä".repeat(300);
        let (one, other) = (external_id(&[&long, "1"]), external_id(&[&long, "2"]));
        assert_eq!((one.chars().count(), other.chars().count()), (200, 200));
        assert_ne!(one, other);
    }
}
