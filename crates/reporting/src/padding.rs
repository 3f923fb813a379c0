//! Pads plaintexts, so that a ciphertext's length tells the relay little about the text's length.
//!
//! The padding is that of ISO/IEC 7816-4: `0x80`, then zeros. Up to 1,024 bytes, the padded length
//! is the next multiple of 64. Above, it is the next Padmé length (PURBs 2019, "Padmé"), which
//! adds at most 12 % and leaks O(log log n) bits of the length.

/// Granularity of padded lengths up to [`SMALL_LEN`].
const BLOCK_LEN: usize = 64;

/// Largest padded length that is rounded up to a multiple of [`BLOCK_LEN`] only.
const SMALL_LEN: usize = 1_024;

/// The padded length of content of `len` bytes.
pub(crate) const fn padded_len(len: usize) -> usize {
    let needed = len.saturating_add(1);
    if needed <= SMALL_LEN {
        return round_up(needed, BLOCK_LEN);
    }
    // E = floor(log2 L); S = floor(log2 E) + 1; the last E - S bits of the length are zero.
    let exponent = needed.ilog2();
    let significant = exponent.ilog2().saturating_add(1);
    let zero_bits = exponent.saturating_sub(significant);
    round_up(needed, 1usize << zero_bits)
}

/// Rounds `len` up to a multiple of `power`, which must be a power of two.
const fn round_up(len: usize, power: usize) -> usize {
    let mask = power.saturating_sub(1);
    len.saturating_add(mask) & !mask
}

/// Appends the padding.
pub(crate) fn pad(content: &mut Vec<u8>) {
    let padded = padded_len(content.len());
    content.push(0x80);
    content.resize(padded, 0);
}

/// The length of a padded byte string without its padding, or `None` if [`pad`] would have padded
/// the content differently.
pub(crate) fn unpadded_len(padded: &[u8]) -> Option<usize> {
    let len = padded.iter().rposition(|byte| *byte != 0)?;
    (padded.get(len) == Some(&0x80) && padded_len(len) == padded.len()).then_some(len)
}

#[cfg(test)]
mod tests;
