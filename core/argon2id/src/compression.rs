//! The compression function G of RFC 9106, 3.5, written once over a quad, which is four words of 64 bits.
//!
//! A module that defines `Quad`, `Masks` and the functions on them for an instruction set creates its `compress` from
//! them with [`compression!`]. All of them must be compiled for these instructions, or they would call each other for
//! each word.

/// A block: eight rows of four quads.
pub type Words = [[u64; 4]; 32];

/// Compresses two blocks and writes the result to a third, or XORs it into the third.
pub type Compress = fn(previous: &Words, reference: &Words, block: &mut Words, is_xored: bool);

#[allow(unused_macros, reason = "there are machines for which no module makes one")]
macro_rules! compression {
    (inlined: [$($inlined:meta),+], called: [$($called:meta),*]) => {
        use crate::compression::Words;

        /// Computes GB of the RFC on the four columns of a matrix of words, whose rows are given.
        $(#[$inlined])+
        fn mix(masks: Masks, [a, b, c, d]: [Quad; 4]) -> [Quad; 4] {
            let a = multiply_add(masks, a, b);
            let d = rotate_32(xor(d, a));
            let c = multiply_add(masks, c, d);
            let b = rotate_24(masks, xor(b, c));
            let a = multiply_add(masks, a, b);
            let d = rotate_16(masks, xor(d, a));
            let c = multiply_add(masks, c, d);
            let b = rotate_63(xor(b, c));
            [a, b, c, d]
        }

        /// Computes P of the RFC: on the columns of the matrix, then on its diagonals.
        $(#[$inlined])+
        fn permute(masks: Masks, matrix: [Quad; 4]) -> [Quad; 4] {
            let [a, b, c, d] = mix(masks, matrix);
            let [a, b, c, d] = mix(masks, [a, left_1(b), left_2(c), left_3(d)]);
            [a, left_3(b), left_2(c), left_1(d)]
        }

        /// Computes a row of R, and P of it. It is a call of its own, like `columns`: with the addresses of all rows in
        /// one function there are not enough registers, and the compiler computes them anew for each load.
        #[inline(never)]
        $(#[$called])*
        fn row(
            masks: Masks,
            previous: &[[u64; 4]; 4],
            reference: &[[u64; 4]; 4],
            r: &mut [Quad; 4],
            q: &mut [Quad; 4],
        ) {
            let [a, b, c, d] = previous;
            let [e, f, g, h] = reference;
            *r = [xor(load(a), load(e)), xor(load(b), load(f)), xor(load(c), load(g)), xor(load(d), load(h))];
            *q = permute(masks, *r);
        }

        /// Computes P of two columns of the rows, which a quad of each row holds, and XORs R in.
        #[inline(never)]
        $(#[$called])*
        fn columns<const IS_XORED: bool>(masks: Masks, q: &[Quad; 29], r: &[Quad; 29], block: &mut [[u64; 4]; 29]) {
            let left = [
                first_halves(q[0], q[4]),
                first_halves(q[8], q[12]),
                first_halves(q[16], q[20]),
                first_halves(q[24], q[28]),
            ];
            let right = [
                second_halves(q[0], q[4]),
                second_halves(q[8], q[12]),
                second_halves(q[16], q[20]),
                second_halves(q[24], q[28]),
            ];
            let [a, b, c, d] = permute(masks, left);
            let [e, f, g, h] = permute(masks, right);
            output::<IS_XORED>(first_halves(a, e), &r[0], &mut block[0]);
            output::<IS_XORED>(second_halves(a, e), &r[4], &mut block[4]);
            output::<IS_XORED>(first_halves(b, f), &r[8], &mut block[8]);
            output::<IS_XORED>(second_halves(b, f), &r[12], &mut block[12]);
            output::<IS_XORED>(first_halves(c, g), &r[16], &mut block[16]);
            output::<IS_XORED>(second_halves(c, g), &r[20], &mut block[20]);
            output::<IS_XORED>(first_halves(d, h), &r[24], &mut block[24]);
            output::<IS_XORED>(second_halves(d, h), &r[28], &mut block[28]);
        }

        $(#[$inlined])+
        fn output<const IS_XORED: bool>(z: Quad, r: &Quad, block: &mut [u64; 4]) {
            let quad = xor(z, *r);
            *block = store(if IS_XORED { xor(quad, load(block)) } else { quad });
        }

        $(#[$called])*
        pub fn compress(previous: &Words, reference: &Words, block: &mut Words, is_xored: bool) {
            let masks = masks();
            let mut r = [zero(); 32];
            let mut q = [zero(); 32];
            let rows = r.as_chunks_mut().0.iter_mut().zip(q.as_chunks_mut().0);
            let blocks = previous.as_chunks().0.iter().zip(reference.as_chunks().0);
            for ((r, q), (previous, reference)) in rows.zip(blocks) {
                row(masks, previous, reference, r, q);
            }
            for (column, (q, r)) in q.array_windows().zip(r.array_windows()).enumerate() {
                let Some(block) = block.get_mut(column..).and_then(|quads| quads.first_chunk_mut()) else { continue };
                if is_xored {
                    columns::<true>(masks, q, r, block);
                } else {
                    columns::<false>(masks, q, r, block);
                }
            }
        }
    };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use compression;
