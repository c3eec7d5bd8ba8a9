//! Variables that have rules and defaults of their own.

use super::reader::{DEVELOPMENT_SECRET, Reader, is_sender};
use crate::{
    domain::{JwtAlgorithm, Secret, account::Email, network::Network},
    ports::Deadlines,
};

impl Reader<'_> {
    pub(super) fn jwt_secret(&mut self, production: bool) -> Secret {
        self.secret("JWT_SECRET", production).unwrap_or_else(|| {
            if production {
                self.mistake("JWT_SECRET is missing: give at least 32 random characters (openssl rand -base64 48)");
            }
            Secret::new(DEVELOPMENT_SECRET)
        })
    }

    pub(super) fn jwt_algorithm(&mut self) -> JwtAlgorithm {
        match self.get("JWT_ALGORITHM").as_deref() {
            None | Some("EdDSA") => JwtAlgorithm::EdDsa,
            Some("HS256") => JwtAlgorithm::Hs256,
            Some(_) => {
                self.mistake("JWT_ALGORITHM must be EdDSA or HS256");
                JwtAlgorithm::EdDsa
            }
        }
    }

    pub(super) fn github_secret_scanning_keys_url(&mut self, production: bool) -> String {
        self.url("GITHUB_SECRET_SCANNING_KEYS_URL", production)
            .unwrap_or_else(|| "https://api.github.com/meta/public_keys/secret_scanning".to_owned())
    }

    pub(super) fn admin_emails(&mut self) -> Vec<Email> {
        let emails = self.get("ADMIN_EMAILS").unwrap_or_default();
        let emails = emails.split(',').filter(|email| !email.trim().is_empty()).filter_map(|email| {
            let parsed = Email::parse(email).ok();
            if parsed.is_none() {
                self.mistake(format!("ADMIN_EMAILS holds {:?}, which is no address", email.trim()));
            }
            parsed
        });
        emails.collect()
    }

    pub(super) fn base_url(&mut self, production: bool, default: String) -> String {
        self.public_url("BASE_URL", production).unwrap_or_else(|| {
            if production {
                self.mistake("BASE_URL is missing: the public https:// address of this API");
            }
            default
        })
    }

    pub(super) fn mail_from(&mut self, production: bool) -> String {
        match self.get("MAIL_FROM") {
            Some(mail_from) => {
                let local = !production && mail_from.contains("@localhost");
                if !local && !is_sender(&mail_from) {
                    self.mistake("MAIL_FROM must be an address, or Name <address>");
                }
                mail_from
            }
            None => {
                if production {
                    self.mistake("MAIL_FROM is missing: the sender of mails, such as AIBaaS <noreply@example.com>");
                }
                "AIBaaS <noreply@localhost>".to_owned()
            }
        }
    }

    pub(super) fn dev_clock(&mut self, production: bool) -> bool {
        match self.get("DEV_CLOCK").as_deref() {
            None => false,
            Some(_) if production => {
                self.mistake("DEV_CLOCK is for development; nobody may move the time in production");
                false
            }
            Some("on") => true,
            Some(_) => {
                self.mistake("DEV_CLOCK must be on, or not set");
                false
            }
        }
    }

    pub(super) fn webhook_private_targets(&mut self, production: bool) -> bool {
        match self.get("WEBHOOK_PRIVATE_TARGETS").as_deref() {
            None => false,
            Some(_) if production => {
                self.mistake(
                    "WEBHOOK_PRIVATE_TARGETS is for development: in production whoever has an account could call your network",
                );
                false
            }
            Some("allow") => true,
            Some(_) => {
                self.mistake("WEBHOOK_PRIVATE_TARGETS must be allow, or not set");
                false
            }
        }
    }

    pub(super) fn trusted_proxies(&mut self, production: bool) -> Vec<Network> {
        let blocks = self.get("TRUSTED_PROXIES").unwrap_or_default();
        let blocks = blocks.split(',').map(str::trim).filter(|block| !block.is_empty());
        let networks = blocks.map(|block| Network::parse(block).ok_or(block)).collect::<Result<Vec<_>, _>>();
        let networks = networks.unwrap_or_else(|block| {
            self.mistake(format!("TRUSTED_PROXIES holds {block:?}, which is no address and no CIDR block"));
            Vec::new()
        });
        for block in networks.iter().filter(|block| production && block.is_too_wide_for_proxies()) {
            self.mistake(format!(
                "TRUSTED_PROXIES holds {block}, from where anybody could claim any address: name your proxies alone, \
                 in blocks of /8 (IPv6: /16) or smaller"
            ));
        }
        networks
    }

    pub(super) fn deadlines(&mut self, production: bool) -> Deadlines {
        // Machines on which people develop may be slow and busy.
        let longest = if production { 60 } else { 600 };
        Deadlines::of_request(self.seconds("REQUEST_DEADLINE_SECONDS", 25, longest))
    }
}
