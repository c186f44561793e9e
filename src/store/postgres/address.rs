//! Where a PostgreSQL is, and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::{StoreError, Stored};

/// How long one host may take to answer at all.
const CONNECT: Duration = Duration::from_secs(2);
/// How long what was sent may stay unconfirmed before the connection counts as lost.
const UNCONFIRMED: Duration = Duration::from_secs(4);
/// The ports that are tried when the address names none.
const PORT: u16 = 5432;

/// The address of a database, without the schema of an URL's words for it.
#[derive(Clone)]
pub struct Address {
    config: tokio_postgres::Config,
    tls: Tls,
}

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tls {
    /// It is not.
    No,
    /// By a certificate that names the host, signed by an authority of this file, or else of the machine.
    Verified(Option<PathBuf>),
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?…`. The password may be given apart.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, String> {
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                _ => others.push(parameter),
            }
        }
        let rest = format!("{address}?{}", others.join("&"));
        let wrong = |error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        };
        let mut config: tokio_postgres::Config = rest.parse().map_err(wrong)?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_user().is_none() {
            return Err("it names no user".to_owned());
        }
        let is_here = config.get_hosts().iter().all(is_on_this_machine);
        let tls = match mode {
            None if is_here && roots.is_none() => Tls::No,
            Some("disable") => Tls::No,
            None | Some("require" | "verify-ca" | "verify-full") => Tls::Verified(roots),
            Some(_) => {
                return Err(
                    "its `sslmode` is neither `verify-full`, which is usual, nor `disable`".to_owned()
                );
            }
        };
        if config.get_password().is_none()
            && let Some(password) = password
        {
            config.password(password);
        }
        config
            .ssl_mode(if tls == Tls::No { SslMode::Disable } else { SslMode::Require })
            .application_name("warroom")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNCONFIRMED)
            .keepalives_idle(UNCONFIRMED)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3);
        Ok(Self { config, tls })
    }

    pub(super) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// What encrypts the connection; nothing uses it where [`Tls::No`] is wanted.
    pub(super) fn tls(&self) -> Stored<MakeRustlsConnect> {
        let roots = match &self.tls {
            Tls::No => RootCertStore::empty(),
            Tls::Verified(Some(file)) => roots_of(file)?,
            Tls::Verified(None) => roots_of_the_machine(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.config.get_user().unwrap_or_default())?;
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            let ports = self.config.get_ports();
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(PORT);
            let comma = if place > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(folder) => write!(f, "{comma}{}", folder.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        (&self.config, &self.tls) == (&other.config, &other.tls)
    }
}

impl Eq for Address {}

fn is_on_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn roots_of(file: &Path) -> Stored<RootCertStore> {
    let failed = |why: String| StoreError::Unavailable(format!("`sslrootcert` {}: {why}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| failed(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|e| failed(e.to_string()))?;
        roots.add(certificate).map_err(|e| failed(e.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it holds no certificate".to_owned())) } else { Ok(roots) }
}

fn roots_of_the_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, Some("from-the-environment"))
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_address_says_otherwise() {
        for (url, tls) in [
            ("postgres://ops@db.example/warroom", Tls::Verified(None)),
            ("postgres://ops@db.example/warroom?sslmode=require", Tls::Verified(None)),
            ("postgres://ops@db.example/warroom?sslmode=disable", Tls::No),
            (
                "postgres://ops@db.example/w?sslrootcert=/etc/ca.pem",
                Tls::Verified(Some("/etc/ca.pem".into())),
            ),
            ("postgres://ops@127.0.0.1:5433/warroom", Tls::No),
            ("postgres://ops@localhost/warroom?sslmode=verify-full", Tls::Verified(None)),
            ("postgres://ops@%2Frun%2Fpostgresql/warroom", Tls::No),
        ] {
            assert_eq!(parse(url).unwrap().tls, tls, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_its_password() {
        for (url, why) in [
            ("postgres://ops:hunter2@db.example/w?sslmode=prefer", "its `sslmode` is neither"),
            ("postgres://db.example/w", "it names no user"),
            ("postgres://ops@/w", "it names no host"),
            ("postgres://ops:hunter2@db.example/w?colour=red", "colour"),
            ("postgres://ops:hunter2@db.example:port/w", "port"),
        ] {
            let said = parse(url).unwrap_err();
            assert!(said.contains(why) && !said.contains("hunter2"), "{url}: {said}");
        }
    }

    #[test]
    fn a_password_is_taken_from_the_address_first_and_never_shown() {
        let own = parse("postgres://ops:hunter2@db.example:5433/warroom").unwrap();
        assert_eq!(own.config.get_password(), Some(&b"hunter2"[..]));
        assert_eq!(format!("{own} {own:?}"), "postgres://ops@db.example:5433/warroom ".repeat(2).trim_end());
        let other = parse("postgres://ops@db.example/warroom").unwrap();
        assert_eq!(other.config.get_password(), Some(&b"from-the-environment"[..]));
    }
}
