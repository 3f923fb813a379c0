use super::*;

#[test]
fn an_older_policy_and_another_one_of_the_same_version_are_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let key = folder.path().join("alice.key");
    let note = |version, byte| SeenPolicy::of(&key).note(version, &Hex([byte; 32]));
    assert_eq!(note(2, 1), Ok(()));
    assert_eq!(note(2, 1), Ok(()));
    assert_eq!(note(2, 2), Err(Problem::OtherPolicy));
    assert_eq!(note(1, 1), Err(Problem::OtherPolicy));
    assert_eq!(note(7, 3), Ok(()));
    assert_eq!(note(2, 1), Err(Problem::OtherPolicy));
    fs::write(folder.path().join("alice.key.policy"), "seven").unwrap();
    assert_eq!(note(8, 1), Err(Problem::Failed));
}
