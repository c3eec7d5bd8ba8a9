//! Compresses the pages: what a page has in common with the document, which servers carry anyway, or with another page
//! is stored once. A general compressor, with a window of 32 KB, finds little of it.

use std::collections::HashMap;

/// Shortest repetition that is used, in bytes; shorter ones are left to what compresses the whole program.
const SHORTEST: usize = 24;

/// Texts, packed.
#[derive(Debug, Default)]
pub struct Packed {
    /// Bytes that no earlier text has, of all texts.
    pub fresh: Vec<u8>,
    /// Composition of each text, as numbers of 7 bits a byte, the last byte below 128: how many bytes of `fresh` come
    /// next; how many are copied then; and where from, counted over the shared text and `fresh` behind it. A copy of
    /// length 0 ends the text, and has no place.
    pub parts: Vec<u8>,
    /// Where each text begins in `fresh` and in `parts`.
    pub starts: Vec<(usize, usize)>,
}

/// Packs texts, reusing what they share with `shared` and with earlier texts.
pub fn pack<'a>(shared: &str, texts: impl Iterator<Item = &'a str>) -> Packed {
    let mut packed = Packed::default();
    // All text so far, and where each beginning stands in it.
    let mut told = shared.as_bytes().to_vec();
    let mut known = HashMap::<[u8; SHORTEST], usize>::new();
    let mut noted = 0;
    for text in texts {
        packed.starts.push((packed.fresh.len(), packed.parts.len()));
        let text = text.as_bytes();
        let (mut start, mut at) = (0, 0);
        note(&told, &mut noted, &mut known);
        while let Some(key) = text.get(at..).and_then(<[u8]>::first_chunk::<SHORTEST>) {
            let Some(&from) = known.get(key) else {
                at = at.saturating_add(1);
                continue;
            };
            let same = |(one, other): &(&u8, &u8)| one == other;
            let ahead = told.iter().skip(from).zip(text.iter().skip(at));
            // A copy reads what stood before its text began, and never across the end of the shared text.
            let room = if from < shared.len() { shared.len().saturating_sub(from) } else { usize::MAX };
            let length = ahead.take_while(same).count().min(room);
            let fresh = text.get(start..at).unwrap_or_default();
            number(&mut packed.parts, fresh.len());
            number(&mut packed.parts, length);
            number(&mut packed.parts, from);
            told.extend_from_slice(fresh);
            packed.fresh.extend_from_slice(fresh);
            note(&told, &mut noted, &mut known);
            at = at.saturating_add(length);
            start = at;
        }
        let rest = text.get(start..).unwrap_or_default();
        number(&mut packed.parts, rest.len());
        number(&mut packed.parts, 0);
        told.extend_from_slice(rest);
        packed.fresh.extend_from_slice(rest);
    }
    packed
}

/// Indexes the beginnings that were added since the last call.
fn note(told: &[u8], noted: &mut usize, known: &mut HashMap<[u8; SHORTEST], usize>) {
    while let Some(key) = told.get(*noted..).and_then(<[u8]>::first_chunk::<SHORTEST>) {
        known.entry(*key).or_insert(*noted);
        *noted = noted.saturating_add(1);
    }
}

fn number(to: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        to.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).unwrap_or_default());
}
