//! Pictures, without a compressor.

/// A grey PNG with a comment, of at most 65,535 bytes of pixels and filter bytes.
pub fn png(width: u32, height: u32, comment: &[u8], grey: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        pixels.push(0);
        pixels.extend((0..width).map(|x| grey(x, y)));
    }
    // One stored block of deflate, in a frame of zlib.
    let len = u16::try_from(pixels.len()).unwrap();
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend_from_slice(&len.to_le_bytes());
    data.extend_from_slice(&(!len).to_le_bytes());
    data.extend_from_slice(&pixels);
    data.extend_from_slice(&adler(&pixels).to_be_bytes());
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    put(&mut bytes, b"IHDR", &[&size[..], &[8, 0, 0, 0, 0]].concat());
    put(&mut bytes, b"tEXt", comment);
    put(&mut bytes, b"IDAT", &data);
    put(&mut bytes, b"IEND", &[]);
    bytes
}

fn put(bytes: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    let start = bytes.len();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(data);
    let sum = crc(&bytes[start..]);
    bytes.extend_from_slice(&sum.to_be_bytes());
}

/// Adler-32 of zlib (RFC 1950).
fn adler(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

/// CRC-32 of PNG (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = crc & 1 == 1;
            crc >>= 1;
            if is_odd {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}
