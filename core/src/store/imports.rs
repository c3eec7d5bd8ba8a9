//! Accounts that come from another system, many at a time: into this database, or as a file of SQL for D1.

use serde_json::json;

use super::query::{Query, sql};
use crate::domain::{Secret, Timestamp};

/// Most rows of one statement in a file.
const FILE_ROWS: usize = 100;
/// Most bytes of one statement in a file: D1 takes 100 000.
const FILE_BYTES: usize = 90_000;

/// An account as another system kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedUser {
    /// Id of the account, a UUID.
    pub id: String,
    /// Address, in lower case.
    pub email: String,
    /// Password hash in a form that logging in understands; `None` where the person has to set a password.
    pub password_hash: Option<Secret>,
    /// Name that the person gave.
    pub full_name: Option<String>,
    /// Whether the address is proved.
    pub email_verified: bool,
    /// When the person registered at the other system.
    pub created_at: Timestamp,
}

/// Lists id and address of existing accounts that share either with one of these.
pub fn users_there(users: &[ImportedUser]) -> Query<Vec<(String, String)>> {
    sql!("imports/users_there").bind(list(users)).all(|row| Ok((row.text("id")?, row.text("email")?)))
}

/// Adds the accounts whose id and address are both new. Existing ones stay as they are.
pub fn add_users(users: &[ImportedUser]) -> Query<()> {
    sql!("imports/add_users").bind(list(users)).execute()
}

fn list(users: &[ImportedUser]) -> String {
    let user = |user: &ImportedUser| {
        json!({
            "id": user.id,
            "email": user.email,
            "passwordHash": user.password_hash.as_ref().map(Secret::expose),
            "fullName": user.full_name,
            "emailVerified": user.email_verified,
            "createdAt": user.created_at.0,
        })
    };
    users.iter().map(user).collect::<serde_json::Value>().to_string()
}

/// Writes SQL that adds the accounts as [`add_users`] does, for a file: whole statements, each ended by `;` and a line
/// break, and small enough for D1.
#[must_use]
pub fn file_of_users(users: &[ImportedUser]) -> String {
    const HEAD: &str = "INSERT INTO users (id, email, password_hash, full_name, email_verified, created_at, updated_at, \
                        password_changed_at) VALUES\n";
    const TAIL: &str = "\nON CONFLICT DO NOTHING;\n";
    let mut file = String::new();
    let (mut rows, mut bytes) = (0_usize, 0_usize);
    for user in users {
        let row = file_row(user);
        let longer = bytes.saturating_add(row.len()).saturating_add(2);
        if rows > 0 && (rows >= FILE_ROWS || longer > FILE_BYTES) {
            file.push_str(TAIL);
            rows = 0;
        }
        if rows == 0 {
            file.push_str(HEAD);
            bytes = HEAD.len().saturating_add(TAIL.len()).saturating_add(row.len());
        } else {
            file.push_str(",\n");
            bytes = longer;
        }
        file.push_str(&row);
        rows = rows.saturating_add(1);
    }
    if rows > 0 {
        file.push_str(TAIL);
    }
    file
}

fn file_row(user: &ImportedUser) -> String {
    let created = user.created_at.0;
    format!(
        "({}, {}, {}, {}, {}, {created}, {created}, {created})",
        literal(&user.id),
        literal(&user.email),
        user.password_hash.as_ref().map_or_else(null, |hash| literal(hash.expose())),
        user.full_name.as_deref().map_or_else(null, literal),
        u8::from(user.email_verified),
    )
}

fn null() -> String {
    "NULL".to_owned()
}

/// Writes a text as an SQL literal. SQLite reads no text beyond a NUL, and a line break could pass for the end of a
/// statement: text with control characters is written by its bytes.
fn literal(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return format!("CAST(x'{}' AS TEXT)", data_encoding::HEXLOWER.encode(text.as_bytes()));
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: usize, name: &str) -> ImportedUser {
        ImportedUser {
            id: format!("id-{n}"),
            email: format!("person-{n}@example.com"),
            password_hash: Some(Secret::new("$2b$12$hash")),
            full_name: Some(name.to_owned()),
            email_verified: true,
            created_at: Timestamp(1_700_000_000_000),
        }
    }

    #[test]
    fn a_file_quotes_what_it_holds() {
        let bare = ImportedUser { password_hash: None, full_name: None, email_verified: false, ..user(2, "") };
        let file = file_of_users(&[user(1, "O'Neill; -- '"), bare]);
        assert_eq!(
            file,
            "INSERT INTO users (id, email, password_hash, full_name, email_verified, created_at, updated_at, \
             password_changed_at) VALUES\n\
             ('id-1', 'person-1@example.com', '$2b$12$hash', 'O''Neill; -- ''', 1, 1700000000000, 1700000000000, \
             1700000000000),\n\
             ('id-2', 'person-2@example.com', NULL, NULL, 0, 1700000000000, 1700000000000, 1700000000000)\n\
             ON CONFLICT DO NOTHING;\n"
        );
        assert_eq!(literal("a\0'b"), "CAST(x'61002762' AS TEXT)");
        assert_eq!(file_of_users(&[]), "");
    }

    #[test]
    fn a_statement_of_a_file_is_small() {
        for (name, least) in [("Ada", 3), ("𝔸'".repeat(1000).as_str(), 14)] {
            let file = file_of_users(&(0..250).map(|n| user(n, name)).collect::<Vec<_>>());
            let statements = file.split_inclusive(";\n").collect::<Vec<_>>();
            assert!(statements.len() >= least, "{}", statements.len());
            assert!(statements.iter().all(|statement| statement.len() <= FILE_BYTES + 2), "too long");
            let rows =
                statements.iter().map(|statement| statement.lines().filter(|line| line.starts_with('(')).count());
            let rows = rows.collect::<Vec<_>>();
            assert_eq!(rows.iter().sum::<usize>(), 250);
            assert!(rows.iter().all(|rows| *rows <= FILE_ROWS));
        }
    }
}
