//! The Merkle tree of RFC 9162, section 2.1, with SHA-256: hashes, proofs, and the stored nodes that they are computed
//! from.
//!
//! A *node* is the root of a perfect subtree: it never changes once its leaves are there, so it can be stored. Every
//! hash that a proof needs is computed from O(log n) nodes.

use sha2::{Digest as _, Sha256};

/// A hash of the tree: 32 bytes of SHA-256.
pub type Hash = [u8; 32];

/// A perfect subtree: the `index`-th, from the left, of those with 2^`level` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Height of the subtree; 0 for a leaf.
    pub level: u32,
    /// Position among the nodes of the level, from 0.
    pub index: u64,
}

/// The leaves from `begin` to before `end`, as the recursion that defines the tree cuts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Index of the first leaf.
    pub begin: u64,
    /// Index after the last leaf.
    pub end: u64,
}

/// Computes the hash of a leaf with this text.
#[must_use]
pub fn leaf_hash(text: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(text).finalize().into()
}

/// Computes the hash of a node over two others.
#[must_use]
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Computes the root over leaves with these hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| drop(tree.push(*leaf)));
    tree.root()
}

fn power(level: u32) -> u64 {
    1_u64.checked_shl(level).unwrap_or(u64::MAX)
}

impl Range {
    /// Returns the nodes that the range consists of, from the left, each smaller than the one before.
    #[must_use]
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut begin = self.begin;
        while let Some(level) = self.end.checked_sub(begin).and_then(u64::checked_ilog2) {
            nodes.push(Node { level, index: begin.checked_shr(level).unwrap_or(0) });
            begin = begin.saturating_add(power(level));
        }
        nodes
    }

    /// Computes the hash of the range from those of its nodes; `None` where one of them is not known.
    #[must_use]
    pub fn hash(self, known: impl Fn(Node) -> Option<Hash>) -> Option<Hash> {
        let hashes = self.nodes().into_iter().map(known).collect::<Option<Vec<_>>>()?;
        Some(fold(&hashes))
    }

    /// Returns where the recursion cuts the range: at the largest power of two below its length. `None` for a single
    /// leaf.
    fn cut(self) -> Option<u64> {
        let level = self.end.checked_sub(self.begin)?.checked_sub(1)?.checked_ilog2()?;
        Some(self.begin.saturating_add(power(level)))
    }
}

/// Computes the root over subtrees that get smaller from left to right; without any, that of the empty tree.
fn fold(hashes: &[Hash]) -> Hash {
    let folded = hashes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    folded.unwrap_or_else(|| Sha256::digest([]).into())
}

/// The right edge of a tree, to which leaves are added.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// Hashes of the nodes that the tree consists of, from the left.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Creates the frontier of a tree of this size from the hashes of its nodes; `None` where one of them is not known.
    #[must_use]
    pub fn new(size: u64, known: impl Fn(Node) -> Option<Hash>) -> Option<Self> {
        let nodes = Range { begin: 0, end: size }.nodes();
        Some(Self { size, peaks: nodes.into_iter().map(known).collect::<Option<_>>()? })
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Adds a leaf and returns the nodes that it completes, the leaf itself first.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Node, Hash)> {
        let mut node = Node { level: 0, index: self.size };
        let mut hash = leaf;
        let mut made = vec![(node, hash)];
        while node.index % 2 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            node = Node { level: node.level.saturating_add(1), index: node.index / 2 };
            made.push((node, hash));
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
        made
    }
}

/// Returns the ranges whose hashes prove that a leaf is in the tree of a size (2.1.3.1), from the leaf up. `None` where
/// it cannot be.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let mut rest = Range { begin: 0, end: size };
    while let Some(middle) = rest.cut() {
        let (left, right) = (Range { end: middle, ..rest }, Range { begin: middle, ..rest });
        let (within, beside) = if index < middle { (left, right) } else { (right, left) };
        path.push(beside);
        rest = within;
    }
    path.reverse();
    Some(path)
}

/// Returns the ranges whose hashes prove that the tree of size `to` begins with that of size `from` (2.1.4.1). `None`
/// where it cannot.
#[must_use]
pub fn consistency(from: u64, to: u64) -> Option<Vec<Range>> {
    if from == 0 || from > to {
        return (from == 0).then(Vec::new);
    }
    let mut path = Vec::new();
    let mut rest = Range { begin: 0, end: to };
    while from < rest.end
        && let Some(middle) = rest.cut()
    {
        let (left, right) = (Range { end: middle, ..rest }, Range { begin: middle, ..rest });
        let (within, beside) = if from <= middle { (left, right) } else { (right, left) };
        path.push(beside);
        rest = within;
    }
    if rest.begin > 0 {
        path.push(rest);
    }
    path.reverse();
    Some(path)
}

/// Checks whether the path leads from the leaf to the root (2.1.3.2).
#[must_use]
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> bool {
    let Some(mut last) = size.checked_sub(1).filter(|last| index <= *last) else { return false };
    let mut index = index;
    let mut hash = *leaf;
    for beside in path {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            hash = node_hash(beside, &hash);
            while index.is_multiple_of(2) && index != 0 {
                (index, last) = (index / 2, last / 2);
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        (index, last) = (index / 2, last / 2);
    }
    last == 0 && hash == *root
}

/// Checks whether the path proves that the tree of size `to` begins with that of size `from` (2.1.4.2). Every tree
/// begins with the empty one.
#[must_use]
pub fn verify_consistency((from, from_root): (u64, &Hash), (to, to_root): (u64, &Hash), path: &[Hash]) -> bool {
    if from == 0 || from >= to {
        return path.is_empty() && if from == 0 { *from_root == root(&[]) } else { from == to && from_root == to_root };
    }
    let mut path = path.iter();
    let first = if from.is_power_of_two() { Some(from_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut index, mut last) = (from.saturating_sub(1), to.saturating_sub(1));
    while index % 2 == 1 {
        (index, last) = (index / 2, last / 2);
    }
    let (mut of_from, mut of_to) = (*first, *first);
    for beside in path {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            of_from = node_hash(beside, &of_from);
            of_to = node_hash(beside, &of_to);
            while index.is_multiple_of(2) && index != 0 {
                (index, last) = (index / 2, last / 2);
            }
        } else {
            of_to = node_hash(&of_to, beside);
        }
        (index, last) = (index / 2, last / 2);
    }
    last == 0 && of_from == *from_root && of_to == *to_root
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use data_encoding::HEXLOWER;

    use super::*;

    /// The reference leaves and roots of Certificate Transparency (RFC 6962), from size 0 on.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    /// Proofs as `(index, size, path)` and `(from, to, path)`, from the same tests.
    const INCLUSIONS: [(u64, u64, &[&str]); 4] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    ];
    const CONSISTENCIES: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            2,
            8,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];

    /// A tree whose nodes are stored.
    struct Stored {
        leaves: Vec<Hash>,
        nodes: HashMap<Node, Hash>,
        roots: Vec<Hash>,
    }

    impl Stored {
        fn of(texts: impl Iterator<Item = Vec<u8>>) -> Self {
            let mut tree = Frontier::default();
            let mut stored = Self { leaves: Vec::new(), nodes: HashMap::new(), roots: vec![tree.root()] };
            for leaf in texts.map(|text| leaf_hash(&text)) {
                stored.leaves.push(leaf);
                for (node, hash) in tree.push(leaf) {
                    assert_eq!(stored.nodes.insert(node, hash), None, "{node:?} came to be twice");
                }
                stored.roots.push(tree.root());
            }
            stored
        }

        fn hashes(&self, path: Option<Vec<Range>>) -> Vec<Hash> {
            let hash = |range: Range| range.hash(|node| self.nodes.get(&node).copied()).unwrap();
            path.unwrap().into_iter().map(hash).collect()
        }
    }

    fn hex(hashes: &[Hash]) -> Vec<String> {
        hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect()
    }

    /// Computes the root as section 2.1.1 defines it (MTH).
    fn defined_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&defined_root(left), &defined_root(right))
            }
        }
    }

    #[test]
    fn known_answers_of_certificate_transparency() {
        let stored = Stored::of(LEAVES.iter().map(|leaf| HEXLOWER.decode(leaf.as_bytes()).unwrap()));
        assert_eq!(hex(&stored.roots), ROOTS);
        for (index, size, path) in INCLUSIONS {
            assert_eq!(hex(&stored.hashes(inclusion(index, size))), path, "{index} in {size}");
        }
        for (from, to, path) in CONSISTENCIES {
            assert_eq!(hex(&stored.hashes(consistency(from, to))), path, "{from} to {to}");
        }
    }

    #[test]
    fn proofs_of_every_pair_of_sizes_hold_and_others_do_not() {
        const SIZE: usize = 66;
        let stored = Stored::of((0..SIZE).map(|n| format!("leaf {n}").into_bytes()));
        let other = leaf_hash(b"other");
        for (size, whole) in stored.roots.iter().enumerate() {
            assert_eq!(*whole, defined_root(&stored.leaves[..size]));
            for (index, leaf) in stored.leaves[..size].iter().enumerate() {
                let path = stored.hashes(inclusion(index as u64, size as u64));
                let holds = |leaf, path: &[Hash], index: usize, root| {
                    verify_inclusion(index as u64, size as u64, leaf, path, root)
                };
                assert!(holds(leaf, &path, index, whole), "{index} in {size}");
                assert!(!holds(&other, &path, index, whole), "another leaf: {index} in {size}");
                assert!(!holds(leaf, &path, index + 1, whole), "another place: {index} in {size}");
                assert!(!holds(leaf, &path, index, &other), "another root: {index} in {size}");
                assert!(!holds(leaf, &[path.as_slice(), &[other]].concat(), index, whole), "longer: {index} in {size}");
                if let Some((_, shorter)) = path.split_last() {
                    assert!(!holds(leaf, shorter, index, whole), "shorter: {index} in {size}");
                }
            }
            for (before, root) in stored.roots.iter().enumerate().take(size + 1) {
                let (from, to) = (before as u64, size as u64);
                let path = stored.hashes(consistency(from, to));
                assert!(verify_consistency((from, root), (to, whole), &path), "{from} to {to}");
                assert!(!verify_consistency((from, &other), (to, whole), &path), "another root before: {from} to {to}");
                let longer = [path.as_slice(), &[other]].concat();
                assert!(!verify_consistency((from, root), (to, whole), &longer), "longer: {from} to {to}");
                if before > 0 {
                    assert!(!verify_consistency((from, root), (to, &other), &path), "another root: {from} to {to}");
                }
                for place in 0..path.len() {
                    let mut changed = path.clone();
                    changed[place] = other;
                    assert!(!verify_consistency((from, root), (to, whole), &changed), "changed: {from} to {to}");
                }
            }
        }
        assert_eq!((inclusion(3, 3), consistency(4, 3)), (None, None));
        assert!(!verify_inclusion(0, 0, &other, &[], &stored.roots[0]));
        assert!(!verify_consistency((4, &stored.roots[4]), (3, &stored.roots[3]), &[]));
    }

    #[test]
    fn a_tree_goes_on_from_its_stored_nodes() {
        let stored = Stored::of((0..37_u8).map(|n| vec![n]));
        for size in 0..37 {
            let mut tree = Frontier::new(size, |node| stored.nodes.get(&node).copied()).unwrap();
            tree.push(stored.leaves[usize::try_from(size).unwrap()]);
            assert_eq!(tree.root(), stored.roots[usize::try_from(size + 1).unwrap()], "{size}");
        }
        assert!(Frontier::new(3, |node| stored.nodes.get(&node).copied().filter(|_| node.level > 0)).is_none());
    }
}
