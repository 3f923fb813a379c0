//! Erasure code: a message of `N` chunks becomes 65,536 chunks, any `N` of which give the message back.
//!
//! A message is read as big-endian 16-bit symbols; the i-th belongs to polynomial i mod 16, each of degree below `N` over GF(2^16), and
//! chunk `k` is the value of the 16 polynomials at `k`. The first `N` chunks are the message itself (the code is systematic), so that
//! a network without loss costs copies only. (ML-KEM Braid, “Encoding”)
//!
//! Multiplication is by shifts and masks over all 16 symbols of a chunk at once: no tables, no branch and no index on data. The
//! crates for such codes work with tables of hundreds of kilobytes and a number of chunks fixed beforehand.

use core::hint::black_box;

/// Bytes of a chunk: 16 symbols.
pub(crate) const CHUNK_LEN: usize = 32;
/// One chunk's bytes.
pub(crate) type Chunk = [u8; CHUNK_LEN];

/// x^16 + x^12 + x^3 + x + 1 without its first term.
const REDUCTION: u16 = 0x100b;

/// `a * x`.
const fn double(a: u16) -> u16 {
    (a << 1) ^ (REDUCTION & 0_u16.wrapping_sub(a >> 15))
}

const fn multiply(a: u16, mut b: u16) -> u16 {
    // The product without carries, of 31 bits; then x^16 = x^12 + x^3 + x + 1 until there are 16: each turn takes four off.
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

/// `a^(2^16 - 2)`: the inverse, and 0 for 0.
const fn invert(a: u16) -> u16 {
    let mut square = a;
    let mut inverse = 1;
    // 2^16 - 2 = 2 + 4 + .. + 2^15
    let mut bits = 0_u16;
    while bits != u16::MAX >> 1 {
        square = multiply(square, square);
        inverse = multiply(inverse, square);
        bits = (bits << 1) | 1;
    }
    inverse
}

/// 16 symbols, one of each polynomial.
#[derive(Clone, Copy)]
struct Symbols([u16; 16]);

impl Symbols {
    const ONES: Self = Self([1; 16]);

    /// Up to 16 values, then ones.
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

    /// In each place the product of the 15 others: of its neighbour, then of the neighbouring two, four and eight.
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

    /// The sum of the symbols, each times its weight. Bit by bit of the weights from the top, so that only the sum is ever doubled.
    fn weighted_sum(mut terms: Vec<(u16, Self)>) -> Self {
        let mut sum = Self([0; 16]);
        for _ in 0..16 {
            for symbol in &mut sum.0 {
                *symbol = double(*symbol);
            }
            for (weight, symbols) in &mut terms {
                // Opaque to the compiler, which makes a branch of it otherwise: weights are public, but guessed wrong half of the time.
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

/// Points of the polynomials, and for each the product of its differences to the others, inverted.
struct Points<'a> {
    xs: &'a [u16],
    denominators: &'a [u16],
}

/// For each of the points the product of its differences to the others, inverted. They are distinct, so it exists.
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
    /// Lagrange: the value at `at`, which is none of the points, of the polynomials through `chunks` at the points.
    fn evaluate<'c>(&self, chunks: impl Iterator<Item = &'c Chunk>, at: u16) -> Chunk {
        let weights = self.weights(at);
        let symbols = chunks.map(Symbols::from_chunk);
        Symbols::weighted_sum(weights.zip(symbols).collect()).to_chunk()
    }

    /// The weight of each point x: prod (at - other x) / prod (x - other x).
    fn weights(&self, at: u16) -> impl Iterator<Item = u16> {
        // 16 points a row. The others of a point are those in other places of any row, and those in its place of other rows.
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

/// Points and denominators of the systematic chunks `0..N`, computed by the compiler.
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

/// Chunk `index` of a message.
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

/// Collects chunks of one message, in any order, until there are enough.
pub(crate) struct Collector<const N: usize> {
    /// Fewer than `N`, ascending by index.
    chunks: Vec<(u16, Chunk)>,
}

impl<const N: usize> Collector<N> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Adds a chunk, and gives the message once `N` different ones have come. A chunk that is there already changes nothing.
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

    /// What was collected, ascending by index, for an export.
    pub(crate) fn chunks(&self) -> &[(u16, Chunk)] {
        &self.chunks
    }

    /// Takes back what [`Collector::chunks`] gave, if it is fewer than `N` chunks in ascending order.
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
