//! Pads plaintexts, so that a ciphertext's length tells the relay little about the text's length.
//!
//! The padding is that of ISO/IEC 7816-4: `0x80`, then zeros. Up to 1,024 bytes, the padded length
//! is the next multiple of 64. Above, it is the next Padmé length (PURBs 2019, "Padmé"), which
//! adds at most 12 % and leaks O(log log n) bits of the length.

/// Granularity of padded lengths up to [`SMALL_LEN`].
const BLOCK_LEN: u64 = 64;

/// Up to this padded length, lengths are rounded up to a multiple of [`BLOCK_LEN`]. Above it, they
/// are rounded up as in Padmé.
const SMALL_LEN: u64 = 1_024;

/// The padded length of content of `len` bytes.
pub(crate) const fn padded_len(len: usize) -> usize {
    let rounded = rounded_len(len.saturating_add(1) as u64);
    if rounded > usize::MAX as u64 {
        return usize::MAX;
    }
    rounded as usize
}

/// Rounds a length up to one of those that padded content can have. They start at 64, also for a
/// length of 0.
pub(crate) const fn rounded_len(len: u64) -> u64 {
    if len == 0 {
        return BLOCK_LEN;
    }
    if len <= SMALL_LEN {
        return round_up(len, BLOCK_LEN);
    }
    // Padmé for a length L: E = floor(log2 L); S = floor(log2 E) + 1; L is rounded up until its
    // last E - S bits are zero.
    let exponent = len.ilog2();
    let significant = exponent.ilog2().saturating_add(1);
    let zero_bits = exponent.saturating_sub(significant);
    round_up(len, 1u64 << zero_bits)
}

/// Rounds `len` up to a multiple of `power`, which must be a power of two.
const fn round_up(len: u64, power: u64) -> u64 {
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
