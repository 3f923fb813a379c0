//! The erasure code, which turns a message of `N` chunks into 65,536 chunks. Any `N` of them give
//! the message back. “Message” here means what the chunks carry, such as an ML-KEM key; it is not a
//! message between devices. (ML-KEM Braid, “Encoding”)
//!
//! A message is read as big-endian 16-bit symbols. Symbol `i` belongs to polynomial `i mod 16`;
//! each polynomial has a degree below `N` over GF(2^16). Chunk `k` holds the values of the 16
//! polynomials at `k`. The code is systematic: the first `N` chunks are the message itself, so
//! making or collecting just these only copies bytes.
//!
//! Multiplication uses shifts and masks on all 16 symbols of a chunk at once. It uses no tables,
//! and never branches or indexes on data. The available crates for such codes need tables of
//! hundreds of kilobytes, and a number of chunks that is fixed in advance.

use core::hint::black_box;

/// Length of a chunk in bytes: 16 symbols.
pub(crate) const CHUNK_LEN: usize = 32;
/// The bytes of one chunk.
pub(crate) type Chunk = [u8; CHUNK_LEN];

/// The reduction polynomial x^16 + x^12 + x^3 + x + 1 without its first term.
const REDUCTION: u16 = 0x100b;

/// Computes `a * x` in the field GF(2^16), whose elements are polynomials in `x`.
const fn double(a: u16) -> u16 {
    (a << 1) ^ (REDUCTION & 0_u16.wrapping_sub(a >> 15))
}

/// Computes `a * b` in the field GF(2^16).
const fn multiply(a: u16, mut b: u16) -> u16 {
    // Multiply without carries, which gives 31 bits. Then replace x^16 by x^12 + x^3 + x + 1 until
    // 16 bits are left. Each turn removes four bits.
    let (mut shifted, mut product, mut rounds) = (a as u32, 0, u16::MAX);
    while rounds != 0 {
        product ^= shifted & 0_u32.wrapping_sub((b & 1) as u32);
        shifted <<= 1;
        b >>= 1;
        rounds >>= 1;
    }
    let mut folds = 0b1111_u8;
    while folds != 0 {
        let high = product >> 16;
        product = (product & 0xffff) ^ high ^ (high << 1) ^ (high << 3) ^ (high << 12);
        folds >>= 1;
    }
    #[expect(clippy::cast_possible_truncation, reason = "reduced to 16 bits")]
    {
        product as u16
    }
}

/// Computes `a^(2^16 - 2)`, which is the inverse of `a`, and 0 for 0.
const fn invert(a: u16) -> u16 {
    let mut square = a;
    let mut inverse = 1;
    // Each turn adds one power of two to the exponent: 2^16 - 2 = 2 + 4 + .. + 2^15.
    let mut bits = 0_u16;
    while bits != u16::MAX >> 1 {
        square = multiply(square, square);
        inverse = multiply(inverse, square);
        bits = (bits << 1) | 1;
    }
    inverse
}

/// 16 symbols, one from each polynomial.
#[derive(Clone, Copy)]
struct Symbols([u16; 16]);

impl Symbols {
    const ONES: Self = Self([1; 16]);

    /// Takes up to 16 values and fills the rest with ones.
    fn from_values(values: impl IntoIterator<Item = u16>) -> Self {
        let mut symbols = Self::ONES;
        for (symbol, value) in symbols.0.iter_mut().zip(values) {
            *symbol = value;
        }
        symbols
    }

    fn times(self, mut other: Self) -> Self {
        let mut product = Self([0; 16]);
        for _ in 0..16 {
            for ((sum, a), b) in product.0.iter_mut().zip(self.0).zip(&mut other.0) {
                *sum = double(*sum) ^ (a & 0_u16.wrapping_sub(*b >> 15));
                *b <<= 1;
            }
        }
        product
    }

    fn inverted(self) -> Self {
        let (mut square, mut inverse) = (self, Self::ONES);
        for _ in 1..16 {
            square = square.times(square);
            inverse = inverse.times(square);
        }
        inverse
    }

    /// Computes, in each place, the product of the 15 other symbols. It multiplies by the
    /// neighbour, then by the neighbouring groups of two, four and eight.
    fn products_of_others(self) -> Self {
        let (mut others, mut group) = (Self::ONES, self);
        for distance in [1, 2, 4, 8] {
            let place = |index| group.0.get(index ^ distance).copied();
            let neighbours = Self(core::array::from_fn(|index| place(index).unwrap_or(1)));
            others = others.times(neighbours);
            group = group.times(neighbours);
        }
        others
    }

    fn from_chunk(chunk: &Chunk) -> Self {
        let mut symbols = [0; 16];
        for (symbol, bytes) in symbols.iter_mut().zip(chunk.as_chunks::<2>().0) {
            *symbol = u16::from_be_bytes(*bytes);
        }
        Self(symbols)
    }

    fn to_chunk(self) -> Chunk {
        let mut chunk = [0; CHUNK_LEN];
        for (bytes, symbol) in chunk.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *bytes = symbol.to_be_bytes();
        }
        chunk
    }

    /// Adds up all symbols, each multiplied by its weight. It takes the bits of all weights from
    /// the highest to the lowest and doubles the sum in between, so the symbols themselves are not
    /// doubled.
    fn weighted_sum(mut terms: Vec<(u16, Self)>) -> Self {
        let mut sum = Self([0; 16]);
        for _ in 0..16 {
            for symbol in &mut sum.0 {
                *symbol = double(*symbol);
            }
            for (weight, symbols) in &mut terms {
                // `black_box` keeps the compiler from turning the mask into a branch. Weights are
                // public, but the branch would be mispredicted half of the time.
                let mask = black_box(0_u16.wrapping_sub(*weight >> 15));
                *weight <<= 1;
                for (sum, symbol) in sum.0.iter_mut().zip(symbols.0) {
                    *sum ^= symbol & mask;
                }
            }
        }
        sum
    }
}

/// The points at which the polynomials are known. `denominators` holds, for each point, the inverse
/// of the product of its differences to the other points.
struct Points<'a> {
    xs: &'a [u16],
    denominators: &'a [u16],
}

/// Computes, for each point, the inverse of the product of its differences to the other points. The
/// inverse exists because the points are distinct.
fn denominators(xs: &[u16]) -> Vec<u16> {
    let denominators = xs.chunks(16).flat_map(|row| {
        let product = xs.iter().fold(Symbols::ONES, |product, x| {
            let differences = row
                .iter()
                .map(|other| if other == x { 1 } else { other ^ x });
            product.times(Symbols::from_values(differences))
        });
        product.inverted().0
    });
    denominators.take(xs.len()).collect()
}

impl Points<'_> {
    /// Evaluates the polynomials at `at` by Lagrange interpolation. `chunks` are their values at
    /// the points. `at` must not be one of the points.
    fn evaluate<'c>(&self, chunks: impl Iterator<Item = &'c Chunk>, at: u16) -> Chunk {
        let weights = self.weights(at);
        let symbols = chunks.map(Symbols::from_chunk);
        Symbols::weighted_sum(weights.zip(symbols).collect()).to_chunk()
    }

    /// Computes the weight of each point x: prod (at - other x) / prod (x - other x).
    fn weights(&self, at: u16) -> impl Iterator<Item = u16> {
        // The points stand in rows of 16. The points other than a given one are all points in other
        // places of any row, and the points in its place of other rows.
        let differences = |row: &[u16]| Symbols::from_values(row.iter().map(|x| at ^ x));
        let rows: Vec<_> = self.xs.chunks(16).map(differences).collect();
        let product = |product: Symbols, row: &Symbols| product.times(*row);
        let other_places = rows
            .iter()
            .fold(Symbols::ONES, product)
            .products_of_others();
        let denominators = self.denominators.chunks(16).enumerate();
        let weights = denominators.map(move |(index, denominators)| {
            let other_rows = rows.iter().enumerate().filter(|(other, _)| *other != index);
            let numerators = other_rows.map(|(_, row)| row).fold(other_places, product);
            numerators.times(Symbols::from_values(denominators.iter().copied()))
        });
        weights.flat_map(|row| row.0)
    }
}

/// Points and denominators of the systematic chunks `0..N`, computed at compile time.
struct Systematic<const N: usize>;

impl<const N: usize> Systematic<N> {
    const XS: [u16; N] = {
        let (mut xs, mut rest, mut x) = ([0; N], N, 0_u16);
        while let Some(left) = rest.checked_sub(1) {
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
            {
                xs[x as usize] = x;
            }
            x = x.wrapping_add(1);
            rest = left;
        }
        xs
    };

    const DENOMINATORS: [u16; N] = {
        let mut denominators = Self::XS;
        let mut i = 0;
        while i < N {
            let (mut product, mut j) = (1, 0);
            while j < N {
                if j != i {
                    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
                    {
                        product = multiply(product, Self::XS[i] ^ Self::XS[j]);
                    }
                }
                j = j.wrapping_add(1);
            }
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
            {
                denominators[i] = invert(product);
            }
            i = i.wrapping_add(1);
        }
        denominators
    };
}

/// Encodes chunk `index` of a message.
pub(crate) fn encode<const N: usize>(message: &[Chunk; N], index: u16) -> Chunk {
    if let Some(chunk) = message.get(usize::from(index)) {
        return *chunk;
    }
    let points = Points {
        xs: &Systematic::<N>::XS,
        denominators: &Systematic::<N>::DENOMINATORS,
    };
    points.evaluate(message.iter(), index)
}

/// The decoder of one message: collects its chunks, in any order, until there are enough.
///
/// It starts empty. Each chunk with a new index is kept, and a repeated index changes nothing. The
/// `N`th chunk completes the message, and the owner then drops the collector.
pub(crate) struct Collector<const N: usize> {
    /// Fewer than `N` chunks, ascending by index.
    chunks: Vec<(u16, Chunk)>,
}

impl<const N: usize> Collector<N> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Adds a chunk, and returns the message once `N` chunks with different indices have arrived.
    pub(crate) fn add(&mut self, index: u16, chunk: &Chunk) -> Option<Box<[Chunk; N]>> {
        match self
            .chunks
            .binary_search_by_key(&index, |(index, _)| *index)
        {
            Ok(_) => return None,
            Err(at) => self.chunks.insert(at, (index, *chunk)),
        }
        (self.chunks.len() >= N).then(|| self.decode())
    }

    fn decode(&self) -> Box<[Chunk; N]> {
        let xs: Vec<u16> = self.chunks.iter().map(|(index, _)| *index).collect();
        let mut message = Box::new([[0; CHUNK_LEN]; N]);
        let mut denominators = Vec::new();
        for (at, chunk) in Systematic::<N>::XS.iter().zip(message.iter_mut()) {
            *chunk = match self.chunks.binary_search_by_key(at, |(index, _)| *index) {
                Ok(found) => self
                    .chunks
                    .get(found)
                    .map_or([0; CHUNK_LEN], |(_, chunk)| *chunk),
                Err(_) => {
                    if denominators.is_empty() {
                        denominators = self::denominators(&xs);
                    }
                    let points = Points {
                        xs: &xs,
                        denominators: &denominators,
                    };
                    points.evaluate(self.chunks.iter().map(|(_, chunk)| chunk), *at)
                }
            };
        }
        message
    }

    /// The collected chunks, ascending by index, for an export.
    pub(crate) fn chunks(&self) -> &[(u16, Chunk)] {
        &self.chunks
    }

    /// Restores a collector from [`Collector::chunks`]. Returns `None` unless there are fewer than
    /// `N` chunks, with ascending indices.
    pub(crate) fn from_chunks(chunks: Vec<(u16, Chunk)>) -> Option<Self> {
        let ascending = chunks.windows(2).all(|pair| match pair {
            [(a, _), (b, _)] => a < b,
            _ => false,
        });
        (chunks.len() < N && ascending).then_some(Self { chunks })
    }
}

#[cfg(test)]
mod tests;
