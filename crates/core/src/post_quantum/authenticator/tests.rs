use super::*;

fn authenticator() -> Authenticator {
    Authenticator::new(&PqSeed::from_bytes(&[1; 32]))
}

#[test]
fn chk43_header_of_another_epoch_key_or_chain_of_epochs_is_refused() {
    let ours = authenticator();
    let mac = ours.sign_header(3, &[7; 64]);
    assert_eq!(ours.verify_header(3, &[7; 64], &mac), Ok(()));
    assert_eq!(ours.verify_header(4, &[7; 64], &mac), Err(NotAuthentic));
    assert_eq!(ours.verify_header(3, &[8; 64], &mac), Err(NotAuthentic));
    let mut altered = mac;
    altered[31] ^= 1;
    assert_eq!(ours.verify_header(3, &[7; 64], &altered), Err(NotAuthentic));
    let later = ours.update(3, &EpochKey::from_bytes(&[2; 32]));
    assert_eq!(later.verify_header(3, &[7; 64], &mac), Err(NotAuthentic));
}

#[test]
fn chk45_ciphertext_with_another_part_epoch_or_secret_is_refused() {
    let ours = authenticator().update(1, &EpochKey::from_bytes(&[2; 32]));
    let (first, second) = ([[3; 32]; 30], [[4; 32]; 4]);
    let mac = ours.sign_ciphertext(1, &first, &second);
    assert_eq!(ours.verify_ciphertext(1, &first, &second, &mac), Ok(()));
    let refused = Err(NotAuthentic);
    assert_eq!(ours.verify_ciphertext(2, &first, &second, &mac), refused);
    assert_eq!(
        ours.verify_ciphertext(1, &[[0; 32]; 30], &second, &mac),
        refused
    );
    assert_eq!(
        ours.verify_ciphertext(1, &first, &[[0; 32]; 4], &mac),
        refused
    );
    let other = authenticator().update(1, &EpochKey::from_bytes(&[9; 32]));
    assert_eq!(other.verify_ciphertext(1, &first, &second, &mac), refused);
}
