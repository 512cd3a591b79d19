//! The client's side of TLS.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::spec::SpecError;
use super::super::target::Cause;
use super::{Protocol, Stream, TlsSpec};
use crate::check::Failure;

/// Makes connections that are believed as a [`TlsSpec`] says.
pub(super) struct Client(TlsConnector);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn new(spec: &TlsSpec, protocol: Protocol) -> Result<Self, SpecError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| SpecError::new(format!("TLS: {error}")))?;
        let mut config = if spec.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Everybody(provider)))
                .with_no_client_auth()
        } else {
            builder
                .with_root_certificates(roots(spec)?)
                .with_no_client_auth()
        };
        // A session that is resumed would not look at the certificate again.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn greet(
        &self,
        stream: TcpStream,
        name: &str,
        target: &str,
    ) -> Result<Stream, Failure> {
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            Failure::new(format_args!(
                "{target}: a certificate can't be for \"{name}\""
            ))
        })?;
        // What is written in pieces waits for no acknowledgement.
        drop(stream.set_nodelay(true));
        match self.0.connect(name, stream).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => Err(Failure::new(format_args!(
                "{target}: TLS: {}",
                Cause(&error)
            ))),
        }
    }
}

fn roots(spec: &TlsSpec) -> Result<Arc<RootCertStore>, SpecError> {
    let Some(path) = &spec.ca_file else {
        return system_roots();
    };
    let mut roots = RootCertStore::empty();
    let shown = path.display();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| SpecError::new(format!("ca-file {shown}: {error}")))?;
    }
    if roots.is_empty() {
        return Err(SpecError::new(format!(
            "ca-file {shown} has no certificate; accepted are certificates in PEM"
        )));
    }
    Ok(Arc::new(roots))
}

/// Read once for all checks that live at the same time: there are many of them.
fn system_roots() -> Result<Arc<RootCertStore>, SpecError> {
    static SHARED: Mutex<Weak<RootCertStore>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = shared.upgrade() {
        return Ok(roots);
    }
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}"));
        return Err(SpecError::new(format!(
            "the system has no certificates of authorities{}; accepted are a ca-file, or insecure",
            why.unwrap_or_default()
        )));
    }
    let roots = Arc::new(roots);
    *shared = Arc::downgrade(&roots);
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SpecError> {
    let fault = |error: &dyn std::fmt::Display| {
        SpecError::new(format!("ca-file {}: {error}", path.display()))
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| fault(&Cause(&error)))?;
    file.take(MOST)
        .read_to_end(&mut text)
        .map_err(|error| fault(&Cause(&error)))?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(&error))
}

/// Believes whatever certificate is shown, as the operator asked.
#[derive(Debug)]
struct Everybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Everybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Octets of a file of certificates; those of all authorities are a quarter.
const MOST: u64 = 1024 * 1024;
