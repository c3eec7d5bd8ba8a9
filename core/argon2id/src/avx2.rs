//! The compression function for AVX2, whose instructions do each rotation but one at once.

use core::arch::x86_64::*;
use std::arch::is_x86_feature_detected;

use crate::compression::Compress;

crate::compression::compression!(inlined: [inline, target_feature(enable = "avx2")], called: [target_feature(enable = "avx2")]);

type Quad = __m256i;

/// Masks of the AVX2 code, which needs none.
#[derive(Clone, Copy)]
struct Masks;

/// Returns [`compress`] where the processor has AVX2, and otherwise `None`.
pub fn detected() -> Option<Compress> {
    is_x86_feature_detected!("avx2").then_some(|previous, reference, block, is_xored| {
        #[expect(unsafe_code, reason = "that AVX2 is there is known at run time alone")]
        // SAFETY: `then_some` gives this away only where AVX2 was detected.
        unsafe {
            compress(previous, reference, block, is_xored);
        }
    })
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks() -> Masks {
    Masks
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Quad {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
fn load([a, b, c, d]: &[u64; 4]) -> Quad {
    let [a, b, c, d] = [*a, *b, *c, *d].map(u64::cast_signed);
    _mm256_setr_epi64x(a, b, c, d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(quad: Quad) -> [u64; 4] {
    [
        _mm256_extract_epi64::<0>(quad).cast_unsigned(),
        _mm256_extract_epi64::<1>(quad).cast_unsigned(),
        _mm256_extract_epi64::<2>(quad).cast_unsigned(),
        _mm256_extract_epi64::<3>(quad).cast_unsigned(),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Quad, b: Quad) -> Quad {
    _mm256_xor_si256(a, b)
}

/// Computes a + b + 2 · low(a) · low(b), where low takes the lower 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add(_: Masks, a: Quad, b: Quad) -> Quad {
    let product = _mm256_mul_epu32(a, b);
    _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(product, product))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_32(quad: Quad) -> Quad {
    _mm256_shuffle_epi32::<0b10_11_00_01>(quad)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_24(_: Masks, quad: Quad) -> Quad {
    let bytes = _mm_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
    _mm256_shuffle_epi8(quad, _mm256_broadcastsi128_si256(bytes))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_16(_: Masks, quad: Quad) -> Quad {
    let bytes = _mm_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9);
    _mm256_shuffle_epi8(quad, _mm256_broadcastsi128_si256(bytes))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_63(quad: Quad) -> Quad {
    _mm256_or_si256(_mm256_srli_epi64::<63>(quad), _mm256_add_epi64(quad, quad))
}

#[inline]
#[target_feature(enable = "avx2")]
fn left_1(quad: Quad) -> Quad {
    _mm256_permute4x64_epi64::<0b00_11_10_01>(quad)
}

#[inline]
#[target_feature(enable = "avx2")]
fn left_2(quad: Quad) -> Quad {
    _mm256_permute4x64_epi64::<0b01_00_11_10>(quad)
}

#[inline]
#[target_feature(enable = "avx2")]
fn left_3(quad: Quad) -> Quad {
    _mm256_permute4x64_epi64::<0b10_01_00_11>(quad)
}

#[inline]
#[target_feature(enable = "avx2")]
fn first_halves(a: Quad, b: Quad) -> Quad {
    _mm256_permute2x128_si256::<0x20>(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn second_halves(a: Quad, b: Quad) -> Quad {
    _mm256_permute2x128_si256::<0x31>(a, b)
}
