//! A file that only a passphrase opens, and that opens complete and unchanged or not at all: XChaCha20-Poly1305 in the
//! STREAM construction (Hoang and others, 2015), its key derived by Argon2id (RFC 9106).

use std::io::{self, BufRead, Read, Write};

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{XChaCha20Poly1305, aead::array::Array};

/// First bytes of a file of this format.
pub const MAGIC: &[u8] = b"aibaas-move/1\n";
/// Number of bytes that are sealed at a time.
const PIECE: usize = 64 * 1024;
/// Number of bytes that a piece grows by.
const TAG: usize = 16;
const SALT: usize = 16;
/// Number of the nonce's bytes that are the file's own; the rest counts pieces and marks the last one.
const NONCE: usize = 19;
/// Cost of Argon2id: KiB of memory, passes, lanes. It is low in unit tests, which open many files.
const COST: (u32, u32, u32) = if cfg!(test) { (8, 1, 1) } else { (64 * 1024, 3, 1) };

type Stream = StreamBE32<XChaCha20Poly1305>;

fn stream(passphrase: &str, salt: &[u8; SALT], nonce: [u8; NONCE]) -> io::Result<Stream> {
    let failed = |error: argon2::Error| io::Error::other(error.to_string());
    let (memory, passes, lanes) = COST;
    let mut key = [0; 32];
    let params = Params::new(memory, passes, lanes, Some(key.len())).map_err(failed)?;
    let kdf = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    kdf.hash_password_into(passphrase.as_bytes(), salt, &mut key).map_err(failed)?;
    Ok(Stream::new(&Array(key), &Array(nonce)))
}

/// Writer that seals what is written to it. A file that was not finished does not open.
pub struct SealingWriter<W> {
    out: W,
    stream: Stream,
    position: u32,
    piece: Vec<u8>,
}

impl<W: Write> SealingWriter<W> {
    /// Creates a writer, and begins the file.
    ///
    /// # Errors
    /// [`io::Error`] when the file cannot be written, or there are no random numbers.
    pub fn new(mut out: W, passphrase: &str) -> io::Result<Self> {
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
        for random in [&mut salt[..], &mut nonce[..]] {
            getrandom::fill(random).map_err(|error| io::Error::other(error.to_string()))?;
        }
        for part in [MAGIC, &salt, &nonce] {
            out.write_all(part)?;
        }
        Ok(Self { out, stream: stream(passphrase, &salt, nonce)?, position: 0, piece: Vec::with_capacity(PIECE) })
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let sealed = self.stream.encrypt_in_place(self.position, is_last, MAGIC, &mut self.piece);
        sealed.map_err(|_| io::Error::other("the file cannot be sealed"))?;
        self.position = self.position.checked_add(1).ok_or_else(|| io::Error::other("the file is too long"))?;
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Finishes the file; without this it does not open.
    ///
    /// # Errors
    /// [`io::Error`] when the file cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE {
            self.seal(false)?;
        }
        let taken = bytes.len().min(PIECE.saturating_sub(self.piece.len()));
        self.piece.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Only whole pieces are sealed, and the last one.
        Ok(())
    }
}

/// Reader that opens what [`SealingWriter`] sealed; every byte that it returns was in the sealed file, at this place.
pub struct OpeningReader<R> {
    file: R,
    stream: Stream,
    position: u32,
    piece: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl<R: BufRead> OpeningReader<R> {
    /// Creates a reader, and reads the beginning of the file.
    ///
    /// # Errors
    /// [`io::Error`] when this is not such a file.
    pub fn new(mut file: R, passphrase: &str) -> io::Result<Self> {
        let (mut magic, mut salt, mut nonce) = (vec![0; MAGIC.len()], [0; SALT], [0; NONCE]);
        let cut = |_| io::Error::other("it is no sealed file of aibaas, or cut off in its head");
        file.read_exact(&mut magic).map_err(cut)?;
        if magic != MAGIC {
            return Err(io::Error::other("it is no sealed file that this release knows"));
        }
        file.read_exact(&mut salt).and_then(|()| file.read_exact(&mut nonce)).map_err(cut)?;
        let stream = stream(passphrase, &salt, nonce)?;
        Ok(Self { file, stream, position: 0, piece: Vec::new(), given: 0, is_over: false })
    }

    fn open(&mut self) -> io::Result<()> {
        let longest = u64::try_from(PIECE.saturating_add(TAG)).map_err(io::Error::other)?;
        self.piece.clear();
        self.given = 0;
        self.file.by_ref().take(longest).read_to_end(&mut self.piece)?;
        self.is_over = self.file.fill_buf()?.is_empty();
        let opened = self.stream.decrypt_in_place(self.position, self.is_over, MAGIC, &mut self.piece);
        let piece = self.position;
        opened.map_err(|_| {
            io::Error::other(match piece {
                0 => "the passphrase is another one, or the file was changed or cut off".to_owned(),
                _ => format!("the file was changed or cut off in or after its piece {piece} of 64 KiB"),
            })
        })?;
        self.position = self.position.checked_add(1).ok_or_else(|| io::Error::other("the file is too long"))?;
        Ok(())
    }
}

impl<R: BufRead> Read for OpeningReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.piece.len() {
            if self.is_over {
                return Ok(0);
            }
            self.open()?;
        }
        let mut left = self.piece.get(self.given..).unwrap_or_default();
        let count = left.read(into)?;
        self.given = self.given.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = SealingWriter::new(Vec::new(), "a passphrase of the tests").unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn opened(file: &[u8], passphrase: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        OpeningReader::new(file, passphrase)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_was_sealed_opens_whole_or_not_at_all() {
        let head = MAGIC.len() + SALT + NONCE;
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE] {
            let bytes = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect::<Vec<_>>();
            let file = sealed(&bytes);
            let open = |file: &[u8]| opened(file, "a passphrase of the tests");
            assert_eq!(open(&file).unwrap(), bytes, "{length}");
            assert!(opened(&file, "another passphrase of the tests").is_err());
            for cut in [0, 5, head, file.len() - 1, head + (file.len() - head) / (PIECE + TAG) * (PIECE + TAG)] {
                assert!(cut == file.len() || open(&file[..cut]).is_err(), "{length} cut to {cut}");
            }
            for place in [0, MAGIC.len(), head - 1, head, file.len() - 1] {
                let mut changed = file.clone();
                changed[place] ^= 1;
                assert!(open(&changed).is_err(), "{length} changed at {place}");
            }
            assert!(open(&[&file[..], b"x"].concat()).is_err());
        }
    }

    #[test]
    fn pieces_do_not_change_places() {
        let file = sealed(&vec![7; 3 * PIECE]);
        let (head, sealed) = (MAGIC.len() + SALT + NONCE, PIECE + TAG);
        let piece = |number: usize| &file[head + number * sealed..head + (number + 1) * sealed];
        let swapped = [&file[..head], piece(1), piece(0), &file[head + 2 * sealed..]].concat();
        assert_eq!(swapped.len(), file.len());
        assert!(opened(&swapped, "a passphrase of the tests").is_err());
    }
}
