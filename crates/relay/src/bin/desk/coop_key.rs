//! The public key by which ROOST Coop signs its callbacks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// Maximum length of the signature in base64: RSA with 8,192 bits.
const MAX_SIGNATURE_LEN: usize = 1_368;
/// A public key's algorithm in DER: `rsaEncryption` without parameters.
const RSA: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// Coop's public key: RSA, as its settings page shows it.
#[derive(Clone)]
pub struct CoopKey(Vec<u8>);

impl CoopKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let wrong =
            "is not an RSA key of 2,048 to 8,192 bits as Coop shows it: -----BEGIN PUBLIC KEY-----";
        let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
        let body = body.and_then(|body| body.strip_suffix("-----END PUBLIC KEY-----"));
        let lines: String = body.ok_or(wrong)?.split_ascii_whitespace().collect();
        let der = STANDARD.decode(lines).map_err(|_| wrong)?;
        // SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey BIT STRING }
        let (info, rest) = element(&der, 0x30).ok_or(wrong)?;
        let bits = info.strip_prefix(&RSA).filter(|_| rest.is_empty());
        let (bits, rest) = element(bits.ok_or(wrong)?, 0x03).ok_or(wrong)?;
        match bits.split_first() {
            Some((0, key)) if rest.is_empty() && is_long_enough(key) => Ok(Self(key.to_vec())),
            _ => Err(wrong),
        }
    }

    /// Whether Coop signed exactly these bytes: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn has_signed(&self, body: &[u8], signature: &str) -> bool {
        if signature.len() > MAX_SIGNATURE_LEN {
            return false;
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0);
        let signature = STANDARD.decode(signature);
        signature.is_ok_and(|signature| key.verify(body, &signature).is_ok())
    }
}

/// Whether this is an RSA key of a length with which signatures are verified: of another one, every
/// signature would be wrong.
fn is_long_enough(key: &[u8]) -> bool {
    // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    let key = element(key, 0x30).filter(|(_, rest)| rest.is_empty());
    let modulus = key.and_then(|(key, _)| element(key, 0x02));
    let Some((modulus, _)) = modulus else {
        return false;
    };
    let modulus = match modulus {
        [0, modulus @ ..] => modulus,
        modulus => modulus,
    };
    let zeros = modulus.first().map_or(8, |byte| byte.leading_zeros());
    let bits = u32::try_from(modulus.len()).unwrap_or(u32::MAX);
    let bits = bits.saturating_mul(8).saturating_sub(zeros);
    (2_048..=8_192).contains(&bits)
}

/// The content of a DER element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let len = rest.first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest.get(2..)?)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(len)).flatten()
}
