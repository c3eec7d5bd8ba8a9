//! Filling of the memory (RFC 9106, 3.2 to 3.4) in the caller's thread, one lane after the other.
#![expect(clippy::arithmetic_side_effects, reason = "indices of blocks in memory, and products of 32-bit numbers")]

use argon2::{Algorithm, Block, Error, Params, Result};

use crate::compression::{Compress, Words};

/// Number of slices of each lane; all lanes finish a slice before any begins the next.
const SLICES: usize = 4;
/// Number of references that a block of addresses holds.
const ADDRESSES: usize = 128;
const ZERO: Words = [[0; 4]; 32];

/// Position of a block.
#[derive(Clone, Copy)]
struct Position {
    pass: u32,
    lane: usize,
    slice: usize,
    /// Index in the segment, which is the part of a lane in a slice.
    index: usize,
}

/// Dimensions of the memory, in blocks.
#[derive(Clone, Copy)]
struct Shape {
    lanes: usize,
    lane_length: usize,
    segment_length: usize,
}

/// Fills the memory after the first two blocks of each lane, in all passes.
pub fn passes(compress: Compress, params: &Params, memory: &mut [Block]) -> Result<()> {
    let lanes = usize::try_from(params.p_cost()).map_err(|_| Error::ThreadsTooMany)?;
    let lane_length = memory.len() / lanes;
    let shape = Shape { lanes, lane_length, segment_length: lane_length / SLICES };
    for pass in 0..params.t_cost() {
        for slice in 0..SLICES {
            for lane in 0..lanes {
                let start = Position { pass, lane, slice, index: 0 };
                segment(compress, params, shape, start, memory).ok_or(Error::MemoryTooLittle)?;
            }
        }
    }
    Ok(())
}

fn segment(compress: Compress, params: &Params, shape: Shape, start: Position, memory: &mut [Block]) -> Option<()> {
    let Position { pass, lane, slice, .. } = start;
    let mut addresses = (pass == 0 && slice < SLICES / 2).then(|| Addresses::new(params, start, memory.len()));
    for index in 0..shape.segment_length {
        if let Some(addresses) = addresses.as_mut().filter(|_| index % ADDRESSES == 0) {
            addresses.next(compress);
        }
        if pass == 0 && slice == 0 && index < 2 {
            continue;
        }
        let offset = slice * shape.segment_length + index;
        let first = lane * shape.lane_length;
        let (current, previous) = (first + offset, first + offset.checked_sub(1).unwrap_or(shape.lane_length - 1));
        let random = match &addresses {
            Some(addresses) => *addresses.block.as_flattened().get(index % ADDRESSES)?,
            None => *memory.get(previous)?.as_ref().first()?,
        };
        let reference = shape.reference(Position { index, ..start }, random)?;
        let (before, rest) = memory.split_at_mut_checked(current)?;
        let (block, after) = rest.split_first_mut()?;
        let other = |at: usize| before.get(at).or_else(|| after.get(at.checked_sub(current + 1)?));
        compress(words(other(previous)?)?, words(other(reference)?)?, words_mut(block)?, pass > 0);
    }
    Some(())
}

impl Shape {
    /// Returns the index of the block that `random` chooses among those that are filled; the later ones are more
    /// likely.
    fn reference(self, Position { pass, lane, slice, index }: Position, random: u64) -> Option<usize> {
        let Self { lanes, lane_length, segment_length } = self;
        let chosen = if pass == 0 && slice == 0 { lane } else { usize::try_from(random >> 32).ok()? % lanes };
        let whole = if pass == 0 { slice * segment_length } else { lane_length - segment_length };
        // In its own segment, a lane refers to all blocks but the previous one; in others, to what was filled when the
        // segments began.
        let filled = if chosen == lane { whole + index - 1 } else { whole - usize::from(index == 0) };
        let squared = ((random & 0xffff_ffff) * (random & 0xffff_ffff)) >> 32;
        let distance = usize::try_from((filled as u64 * squared) >> 32).ok()?;
        let oldest = if pass == 0 || slice == SLICES - 1 { 0 } else { (slice + 1) * segment_length };
        Some(chosen * lane_length + (oldest + filled - 1 - distance) % lane_length)
    }
}

/// References that do not depend on the password, for the first half of the first pass.
struct Addresses {
    input: Words,
    block: Words,
}

impl Addresses {
    fn new(params: &Params, Position { pass, lane, slice, .. }: Position, block_count: usize) -> Self {
        let mut input = ZERO;
        input[0] = [pass.into(), lane as u64, slice as u64, block_count as u64];
        input[1] = [params.t_cost().into(), Algorithm::Argon2id as u64, 0, 0];
        Self { input, block: ZERO }
    }

    fn next(&mut self, compress: Compress) {
        self.input[1][2] += 1;
        let mut once = ZERO;
        compress(&ZERO, &self.input, &mut once, false);
        compress(&ZERO, &once, &mut self.block, false);
    }
}

fn words(block: &Block) -> Option<&Words> {
    block.as_ref().as_chunks().0.try_into().ok()
}

fn words_mut(block: &mut Block) -> Option<&mut Words> {
    block.as_mut().as_chunks_mut().0.try_into().ok()
}
