//! A cache of a fixed size over a store that has no expiry and forgets nothing: keys share slots, and an entry that
//! finds no free slot replaces the one that expires first.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use aibaas_core::domain::Timestamp;

/// Number of pairs of slots; a key may stand in either slot of its pair.
const PAIRS: u64 = 256;

/// Content of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub expires_at: Timestamp,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

impl Entry {
    /// Encodes the entry: the expiry and the key's length, eight bytes each; the key; the value.
    pub fn encode(&self) -> Vec<u8> {
        let length = u64::try_from(self.key.len()).unwrap_or(u64::MAX);
        [&self.expires_at.0.to_be_bytes(), length.to_be_bytes().as_slice(), &self.key, &self.value].concat()
    }

    /// Decodes an entry; returns `None` where the bytes are not one.
    pub fn decode(stored: &[u8]) -> Option<Self> {
        let (expires_at, rest) = stored.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (key, value) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        let expires_at = Timestamp(i64::from_be_bytes(*expires_at));
        Some(Self { expires_at, key: key.to_vec(), value: value.to_vec() })
    }

    /// Checks whether the entry is of this key.
    pub fn is_of(&self, key: &str) -> bool {
        self.key == key.as_bytes()
    }
}

/// Returns the two slots in which a key may stand.
pub fn slots(key: &str) -> [String; 2] {
    // If the hash differs in another build, the cache merely starts anew.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let pair = hasher.finish() % PAIRS;
    [format!("slot-{pair}-a"), format!("slot-{pair}-b")]
}

/// Chooses the slot for a key, of the two that hold these entries: its own, else a free one, else that of the entry
/// that expires first.
pub fn choose(key: &str, [first, second]: [String; 2], in_first: Option<&Entry>, in_second: Option<&Entry>) -> String {
    // `None`, which sorts first, where a slot is free or the key's own.
    let worth = |entry: Option<&Entry>| entry.filter(|one| !one.is_of(key)).map(|one| one.expires_at);
    let is_own = in_second.is_some_and(|entry| entry.is_of(key));
    if is_own || worth(in_second) < worth(in_first) { second } else { first }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn entry(key: &str, expires_at: i64) -> Entry {
        Entry { expires_at: Timestamp(expires_at), key: key.into(), value: b"value".to_vec() }
    }

    #[test]
    fn any_number_of_keys_shares_512_slots() {
        let used = (0..20_000).flat_map(|number| slots(&format!("leaderboard:{number}"))).collect::<BTreeSet<_>>();
        assert_eq!(used.len(), 512);
    }

    #[test]
    fn a_key_takes_its_own_slot_then_a_free_one_then_the_one_that_expires_first() {
        let (old, new, own) = (entry("old", 1), entry("new", 2), entry("key", 3));
        for (in_first, in_second, chosen) in [
            (None, None, "a"),
            (Some(&old), None, "b"),
            (None, Some(&old), "a"),
            (Some(&old), Some(&new), "a"),
            (Some(&new), Some(&old), "b"),
            (Some(&own), Some(&old), "a"),
            (Some(&old), Some(&own), "b"),
            (None, Some(&own), "b"),
            (Some(&own), None, "a"),
        ] {
            let slot = choose("key", ["a".to_owned(), "b".to_owned()], in_first, in_second);
            assert_eq!(slot, chosen, "{in_first:?} {in_second:?}");
        }
    }

    /// Checks that a marker that forbids answers outlives every one of them.
    #[test]
    fn what_expires_far_later_is_never_given_up() {
        let mut store = BTreeMap::<String, Entry>::new();
        let mut put = |key: &str, expires_at| {
            let [first, second] = slots(key);
            let slot = choose(key, slots(key), store.get(&first), store.get(&second));
            store.insert(slot, entry(key, expires_at));
            store.values().any(|one| one.is_of("marker"))
        };
        put("marker", 100_000);
        assert!((0..20_000).all(|number| put(&format!("answer {number}"), number)));
    }

    /// Returns the store's content after these writes, each with its expiry.
    fn stored(writes: &[(String, i64)]) -> BTreeMap<String, Entry> {
        let mut store = BTreeMap::<String, Entry>::new();
        for (key, expires_at) in writes {
            let [first, second] = slots(key);
            let slot = choose(key, slots(key), store.get(&first), store.get(&second));
            store.insert(slot, entry(key, *expires_at));
        }
        store
    }

    proptest! {
        #[test]
        fn no_key_stands_twice_and_the_last_write_is_there(
            writes in prop::collection::vec(("[a-z]{1,2}", 0_i64..1000), 1..2000),
        ) {
            let store = stored(&writes);
            let keys = store.values().map(|entry| entry.key.clone()).collect::<BTreeSet<_>>();
            prop_assert_eq!(keys.len(), store.len());
            let (key, expires_at) = writes.last().unwrap();
            prop_assert!(store.values().any(|one| *one == entry(key, *expires_at)));
        }

        #[test]
        fn an_entry_comes_back_as_it_was(key: String, value: Vec<u8>, expires_at: i64) {
            let entry = Entry { expires_at: Timestamp(expires_at), key: key.into_bytes(), value };
            prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }

        #[test]
        fn damaged_bytes_are_no_entry_or_another(bytes: Vec<u8>, kept in 0_usize..40) {
            // Decoding never panics, and an entry encodes to the bytes it came from.
            if let Some(entry) = Entry::decode(&bytes) {
                prop_assert_eq!(entry.encode(), bytes);
            }
            let whole = entry("a key", 7).encode();
            let cut = &whole[..kept.min(whole.len())];
            prop_assert_eq!(Entry::decode(cut).is_some(), cut.len() >= 21);
        }
    }
}
