//! Connections over TLS.

use postgres::config::SslMode;
use rcgen::{CertificateParams, CertifiedKey, KeyPair};
use waxseal_postgres::Server;

use super::super::session::{Session, configured};
use super::super::{PostgresStore, Tls};
use crate::store::StoreError;

fn certified(name: &str) -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

/// What comes of a connection, and whether it is encrypted.
fn connected(url: &str, authority: &CertifiedKey<KeyPair>) -> Result<bool, StoreError> {
    let (config, _) = configured(url)?;
    let tls = Tls::trusting([authority.cert.der().clone()])?;
    let mut session = Session::open(&config, Some(&tls))?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(session.client()?.query_one(sql, &[]).unwrap().get(0))
}

#[test]
fn a_connection_is_encrypted_and_the_servers_certificate_is_checked() {
    let Some(server) = Server::start() else {
        return;
    };
    let (ours, others) = (certified("localhost"), certified("localhost"));
    let url = server.database();
    server.require_tls(&ours.cert.pem(), &ours.signing_key.serialize_pem());
    assert!(matches!(
        PostgresStore::open(&url),
        Err(StoreError::Failed(_))
    ));

    let url = url.replace("waxseal@127.0.0.1", "waxseal:secret@localhost") + "?sslmode=require";
    assert!(connected(&url, &ours).unwrap());
    // Another authority, another name, a wrong password, and the platform's authorities.
    for (url, authority) in [
        (url.clone(), &others),
        (url.replace("localhost", "127.0.0.1"), &ours),
        (url.replace("secret", "guessed"), &ours),
    ] {
        let refused = connected(&url, authority);
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    }
    assert!(matches!(
        PostgresStore::open(&url),
        Err(StoreError::Failed(_))
    ));
}

#[test]
fn another_machine_is_asked_over_tls_unless_the_url_says_otherwise() {
    for (host, mode) in [
        ("localhost", SslMode::Disable),
        ("127.0.0.9", SslMode::Disable),
        ("[::1]", SslMode::Disable),
        ("%2Ftmp", SslMode::Disable),
        ("database.example", SslMode::Require),
        ("10.0.0.1", SslMode::Require),
        ("localhost,database.example", SslMode::Require),
    ] {
        let (config, tls) = match configured(&format!("postgres://desk@{host}/desk")) {
            Ok(configured) => configured,
            // This machine may have no authorities.
            Err(error) => {
                assert_eq!(mode, SslMode::Require, "{error:?}");
                continue;
            }
        };
        assert_eq!(
            (config.get_ssl_mode(), tls.is_some()),
            (mode, mode == SslMode::Require)
        );
    }
    let (config, tls) = configured("postgres://desk@10.0.0.1/desk?sslmode=disable").unwrap();
    assert!(config.get_ssl_mode() == SslMode::Disable && tls.is_none());
    for url in [
        "mysql://desk@localhost",
        "postgres://desk@localhost/desk?sslmode=verify-full",
    ] {
        assert!(
            matches!(configured(url), Err(StoreError::Failed(_))),
            "{url}"
        );
    }
}
