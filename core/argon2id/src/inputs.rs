//! The inputs and outputs that RFC 9106, 3.2 hashes with BLAKE2b, before the memory is filled and after.

use argon2::{Algorithm, Block, Error, MIN_SALT_LEN, Params, Result, Version};
use blake2::{
    Blake2b512, Blake2bVarCore, Digest as _,
    digest::{
        block_api::{UpdateCore as _, VariableOutputCore as _},
        block_buffer::LazyBuffer,
    },
};

use crate::Inputs;

/// Checks the inputs as `argon2` does, except for inputs of 4 GiB, which fail later, since they have no initial digest.
pub fn check(inputs: &Inputs<'_>, params: &Params, tag: &[u8]) -> Result<()> {
    let shortest = params.output_len().unwrap_or(Params::MIN_OUTPUT_LEN);
    let longest = params.output_len().unwrap_or(Params::MAX_OUTPUT_LEN);
    let refusals = [
        (tag.len() < shortest, Error::OutputTooShort),
        (tag.len() > longest, Error::OutputTooLong),
        (inputs.salt.len() < MIN_SALT_LEN, Error::SaltTooShort),
    ];
    refusals.into_iter().find(|(is_refused, _)| *is_refused).map_or(Ok(()), |(_, error)| Err(error))
}

/// Computes the first two blocks of each lane: H' of H0.
pub fn first_blocks(inputs: &Inputs<'_>, params: &Params, tag_length: usize, memory: &mut [Block]) -> Result<()> {
    let initial = initial_digest(inputs, params, tag_length)?;
    let lanes = usize::try_from(params.p_cost()).map_err(|_| Error::ThreadsTooMany)?;
    let lane_length = memory.len().checked_div(lanes).ok_or(Error::ThreadsTooFew)?;
    for (lane, blocks) in (0_u32..).zip(memory.chunks_exact_mut(lane_length)) {
        for (index, block) in (0_u32..2).zip(blocks) {
            let mut digest = Blake2b512::new()
                .chain_update(1024_u32.to_le_bytes())
                .chain_update(initial)
                .chain_update(index.to_le_bytes())
                .chain_update(lane.to_le_bytes())
                .finalize();
            // Of each digest but the last, half is used.
            let (halves, last) = block.as_mut().split_at_mut_checked(30 * 4).ok_or(Error::MemoryTooLittle)?;
            for half in halves.chunks_exact_mut(4) {
                copy(&digest, half);
                digest = Blake2b512::digest(digest);
            }
            copy(&digest, last);
        }
    }
    Ok(())
}

/// Copies as many little-endian words as there is room for.
fn copy(bytes: &[u8], words: &mut [u64]) {
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
}

/// Computes H0 of the RFC, the digest of all inputs and parameters.
fn initial_digest(inputs: &Inputs<'_>, params: &Params, tag_length: usize) -> Result<[u8; 64]> {
    let numbers = [
        params.p_cost(),
        u32::try_from(tag_length).map_err(|_| Error::OutputTooLong)?,
        params.m_cost(),
        params.t_cost(),
        Version::V0x13.into(),
        Algorithm::Argon2id as u32,
    ];
    let mut hasher = Blake2b512::new_with_prefix(numbers.map(u32::to_le_bytes).as_flattened());
    for (input, error) in [
        (inputs.password, Error::PwdTooLong),
        (inputs.salt, Error::SaltTooLong),
        (inputs.secret, Error::SecretTooLong),
        (params.data(), Error::AdTooLong),
    ] {
        hasher.update(u32::try_from(input.len()).map_err(|_| error)?.to_le_bytes());
        hasher.update(input);
    }
    Ok(hasher.finalize().into())
}

/// Computes the tag: H' of the XOR of each lane's last block.
pub fn tag(params: &Params, memory: &[Block], tag: &mut [u8]) -> Result<()> {
    let lanes = usize::try_from(params.p_cost()).map_err(|_| Error::ThreadsTooMany)?;
    let lane_length = memory.len().checked_div(lanes).ok_or(Error::ThreadsTooFew)?;
    let mut last = [0; 128];
    for block in memory.chunks_exact(lane_length).filter_map(<[Block]>::last) {
        for (word, other) in last.iter_mut().zip(block.as_ref()) {
            *word ^= other;
        }
    }
    let length = u32::try_from(tag.len()).map_err(|_| Error::OutputTooLong)?;
    let mut hasher = Blake2bVarCore::new(tag.len()).map_err(|_| Error::OutputTooLong)?;
    let mut buffer = LazyBuffer::new(&length.to_le_bytes());
    buffer.digest_blocks(last.map(u64::to_le_bytes).as_flattened(), |blocks| hasher.update_blocks(blocks));
    let mut digest = Default::default();
    hasher.finalize_variable_core(&mut buffer, &mut digest);
    tag.iter_mut().zip(digest).for_each(|(byte, computed)| *byte = computed);
    Ok(())
}
