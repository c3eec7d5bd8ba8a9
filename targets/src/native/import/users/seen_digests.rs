//! The accounts that the file has named so far.

use std::collections::HashMap;

use aibaas_core::operators::ImportedUser;
use sha2::{Digest as _, Sha256};

/// Digests of the ids and addresses in earlier rows of the file: those of a million accounts fit into memory.
#[derive(Default)]
pub(super) struct SeenDigests {
    ids: HashMap<[u8; 16], u64>,
    addresses: HashMap<[u8; 16], u64>,
}

impl SeenDigests {
    /// Remembers the row's account, if no earlier row has its id or its address.
    pub(super) fn take(&mut self, line: u64, user: &ImportedUser) -> Result<(), String> {
        let (id, address) = (digest(&user.id), digest(&user.email));
        if let Some(line) = self.addresses.get(&address) {
            return Err(format!("the address stands in line {line} already"));
        }
        if let Some(line) = self.ids.get(&id) {
            return Err(format!("the id stands in line {line} already"));
        }
        self.addresses.insert(address, line);
        self.ids.insert(id, line);
        Ok(())
    }
}

fn digest(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(Sha256::digest(text)).for_each(|(short, byte)| *short = byte);
    short
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::Timestamp;

    use super::*;

    fn user(id: &str, email: &str) -> ImportedUser {
        ImportedUser {
            id: id.to_owned(),
            email: email.to_owned(),
            password_hash: None,
            full_name: None,
            email_verified: true,
            created_at: Timestamp(1_700_000_000_000),
        }
    }

    #[test]
    fn an_address_or_an_id_stands_once_in_a_file() {
        let mut seen = SeenDigests::default();
        assert_eq!(seen.take(2, &user("a", "a@x.com")), Ok(()));
        assert_eq!(seen.take(3, &user("b", "a@x.com")), Err("the address stands in line 2 already".to_owned()));
        assert_eq!(seen.take(4, &user("a", "b@x.com")), Err("the id stands in line 2 already".to_owned()));
        assert_eq!(seen.take(5, &user("b", "b@x.com")), Ok(()));
    }
}
