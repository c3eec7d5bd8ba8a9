//! The compression function for WebAssembly's SIMD.
//!
//! `swizzle` brings together the low halves of words, and the bytes of a rotation, with masks that the compiler does
//! not know. From masks that it knows, it makes masks and multiplications of whole words, for which no processor has
//! one instruction, and from a rotation a `shuffle`, whose mask V8 loads anew each time.

use core::{arch::wasm32::*, hint::black_box};

crate::compression::compression!(inlined: [inline(always)], called: []);

/// Four words, as two pairs.
type Quad = [v128; 2];

fn zero() -> Quad {
    [u64x2(0, 0); 2]
}

#[derive(Clone, Copy)]
struct Masks {
    low_halves: v128,
    rotation_24: v128,
}

fn masks() -> Masks {
    black_box(Masks {
        low_halves: u8x16(0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11),
        rotation_24: u8x16(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10),
    })
}

#[inline(always)]
fn load([a, b, c, d]: &[u64; 4]) -> Quad {
    [u64x2(*a, *b), u64x2(*c, *d)]
}

#[inline(always)]
fn store([a, b]: Quad) -> [u64; 4] {
    [u64x2_extract_lane::<0>(a), u64x2_extract_lane::<1>(a), u64x2_extract_lane::<0>(b), u64x2_extract_lane::<1>(b)]
}

#[inline(always)]
fn xor([a, b]: Quad, [c, d]: Quad) -> Quad {
    [v128_xor(a, c), v128_xor(b, d)]
}

/// Computes a + b + 2 · low(a) · low(b), where low takes the lower 32 bits.
#[inline(always)]
fn multiply_add(masks: Masks, [a, b]: Quad, [c, d]: Quad) -> Quad {
    let pair = |a, b| {
        let [low_a, low_b] = [u8x16_swizzle(a, masks.low_halves), u8x16_swizzle(b, masks.low_halves)];
        let product = u64x2_extmul_low_u32x4(low_a, low_b);
        u64x2_add(u64x2_add(a, b), u64x2_add(product, product))
    };
    [pair(a, c), pair(b, d)]
}

#[inline(always)]
fn rotate_32([a, b]: Quad) -> Quad {
    [u32x4_shuffle::<1, 0, 3, 2>(a, a), u32x4_shuffle::<1, 0, 3, 2>(b, b)]
}

#[inline(always)]
fn rotate_24(masks: Masks, [a, b]: Quad) -> Quad {
    [u8x16_swizzle(a, masks.rotation_24), u8x16_swizzle(b, masks.rotation_24)]
}

#[inline(always)]
fn rotate_16(_: Masks, [a, b]: Quad) -> Quad {
    let pair = |a| u16x8_shuffle::<1, 2, 3, 0, 5, 6, 7, 4>(a, a);
    [pair(a), pair(b)]
}

#[inline(always)]
fn rotate_63([a, b]: Quad) -> Quad {
    let pair = |a| v128_or(u64x2_shr(a, 63), u64x2_add(a, a));
    [pair(a), pair(b)]
}

#[inline(always)]
fn left_1([a, b]: Quad) -> Quad {
    [u64x2_shuffle::<1, 2>(a, b), u64x2_shuffle::<1, 2>(b, a)]
}

#[inline(always)]
fn left_2([a, b]: Quad) -> Quad {
    [b, a]
}

#[inline(always)]
fn left_3(quad: Quad) -> Quad {
    left_1(left_2(quad))
}

#[inline(always)]
fn first_halves([a, _]: Quad, [c, _]: Quad) -> Quad {
    [a, c]
}

#[inline(always)]
fn second_halves([_, b]: Quad, [_, d]: Quad) -> Quad {
    [b, d]
}
