//! Argon2id, version 0x13 (RFC 9106), with the results and the memory of the crate `argon2`, but faster: the
//! compression function, which takes nearly all of the time, works on four words at once with SIMD. Without SIMD,
//! `argon2` hashes.

use argon2::{Algorithm, Argon2, Block, Error, Params, Result, Version};

#[cfg(target_arch = "x86_64")]
mod avx2;
mod compression;
mod fill;
mod inputs;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use compression::Compress;

/// Whether our compression function is faster here than `argon2`'s, which Spin's wasmtime compiles to faster code.
const IS_FASTER: bool = cfg!(any(not(target_arch = "wasm32"), target_os = "unknown"));
/// Longest tag in bytes that is computed here: longer ones are made in another way, and left to `argon2`.
const LONGEST_TAG: usize = 64;

/// Inputs of a hash.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Password, P of the RFC.
    pub password: &'a [u8],
    /// Salt, S of the RFC.
    pub salt: &'a [u8],
    /// Secret key, K of the RFC; may be empty.
    pub secret: &'a [u8],
}

/// Hashes into `tag`, using the first blocks of `memory`. The memory's contents do not matter before, and derive from
/// the password after.
///
/// # Errors
/// The errors of [`Argon2::hash_password_into_with_memory`], for the same reasons.
pub fn hash_into(inputs: Inputs<'_>, params: &Params, memory: &mut [Block], tag: &mut [u8]) -> Result<()> {
    if IS_FASTER {
        hash_into_with_ours(inputs, params, memory, tag)
    } else {
        hash_with(None, inputs, params, memory, tag)
    }
}

/// Hashes like [`hash_into`], but with our own compression function wherever [`has_ours`], even if `argon2`'s is faster
/// there.
///
/// # Errors
/// The errors of [`hash_into`].
pub fn hash_into_with_ours(inputs: Inputs<'_>, params: &Params, memory: &mut [Block], tag: &mut [u8]) -> Result<()> {
    hash_with(compression(), inputs, params, memory, tag)
}

/// Checks whether this machine can run our own compression function.
#[must_use]
pub fn has_ours() -> bool {
    compression().is_some()
}

fn compression() -> Option<Compress> {
    cfg_select! {
        target_arch = "x86_64" => avx2::detected(),
        all(target_arch = "wasm32", target_feature = "simd128") => Some(simd128::compress),
        _ => None,
    }
}

fn hash_with(
    compress: Option<Compress>,
    inputs: Inputs<'_>,
    params: &Params,
    memory: &mut [Block],
    tag: &mut [u8],
) -> Result<()> {
    let Some(compress) = compress.filter(|_| tag.len() <= LONGEST_TAG) else {
        return Argon2::new_with_secret(inputs.secret, Algorithm::Argon2id, Version::V0x13, params.clone())?
            .hash_password_into_with_memory(inputs.password, inputs.salt, tag, memory);
    };
    inputs::check(&inputs, params, tag)?;
    let memory = memory.get_mut(..params.block_count()).ok_or(Error::MemoryTooLittle)?;
    inputs::first_blocks(&inputs, params, tag.len(), memory)?;
    fill::passes(compress, params, memory)?;
    inputs::tag(params, memory, tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes with `argon2` and with this crate, and returns the outcome and the tag of each.
    fn both(password: &[u8], salt: &[u8], params: &Params, blocks: usize, length: usize) -> [(Result<()>, Vec<u8>); 2] {
        let (mut theirs, mut ours) = (vec![0; length], vec![0; length]);
        let mut memory = vec![Block::new(); blocks];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let expected = argon2.hash_password_into_with_memory(password, salt, &mut theirs, memory.as_mut_slice());
        let outcome = hash_into(Inputs { password, salt, secret: &[] }, params, &mut memory, &mut ours);
        [(expected, theirs), (outcome, ours)]
    }

    #[test]
    fn hashes_and_refuses_as_argon2() {
        let params = |length| Params::new(64, 2, 2, length).unwrap();
        for (salt, params, blocks, length, outcome) in [
            (&[7; 16][..], params(None), 64, 32, Ok(())),
            (&[7; 16], params(None), 65, 64, Ok(())),
            (&[7; 16], params(None), 64, 65, Ok(())),
            (&[7; 16], params(Some(20)), 64, 20, Ok(())),
            (&[7; 16], params(Some(20)), 64, 19, Err(Error::OutputTooShort)),
            (&[7; 16], params(Some(20)), 64, 21, Err(Error::OutputTooLong)),
            (&[7; 16], params(None), 64, 3, Err(Error::OutputTooShort)),
            (&[7; 7], params(None), 64, 32, Err(Error::SaltTooShort)),
            (&[7; 16], params(None), 63, 32, Err(Error::MemoryTooLittle)),
        ] {
            let [expected, ours] = both(b"password", salt, &params, blocks, length);
            assert_eq!(expected, ours);
            assert_eq!(ours.0, outcome);
        }
    }

    #[test]
    fn rfc_9106_5_3() {
        let data = argon2::AssociatedData::new(&[4; 12]).unwrap();
        let params = argon2::ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).build().unwrap();
        let inputs = Inputs { password: &[1; 32], salt: &[2; 16], secret: &[3; 8] };
        let mut tag = [0; 32];
        hash_into(inputs, &params, &mut [Block::new(); 32], &mut tag).unwrap();
        assert_eq!(
            tag,
            [
                0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0,
                0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59
            ]
        );
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn avx2_is_used_where_it_is() {
        assert_eq!(has_ours(), std::arch::is_x86_feature_detected!("avx2"));
    }
}
