/// The only source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills the buffer from the host's cryptographic generator.
    fn fill(&self, buffer: &mut [u8]);
}
