use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use healthwatch::{GrpcSpec, HttpSpec, ProbeSpec, TlsSpec};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::{V4, answer, complaint, read_head, refusal, seen, server, shown};

fn fixture(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/tls").join(name)
}

pub fn acceptor(protocol: &[u8]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(fixture("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Answers with the name the client asked for in its greeting.
async fn secure_server(ip: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = acceptor(b"http/1.1");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_head(&mut stream).await;
            let name = stream
                .get_ref()
                .1
                .server_name()
                .unwrap_or("none")
                .to_owned();
            let answer = answer("200 OK", "", &format!("name: {name}"));
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn believing(at: SocketAddr, change: impl FnOnce(&mut TlsSpec)) -> HttpSpec {
    let mut tls = TlsSpec::default();
    change(&mut tls);
    let mut spec = HttpSpec::new(at.ip(), at.port());
    spec.tls = Some(tls);
    spec
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_is_believed_for_its_names() {
    let at = secure_server(V4).await;
    let mut spec = believing(at, |tls| tls.ca_file = Some(fixture("ca.pem")));
    spec.body = Some("name: none".into());
    seen(ProbeSpec::Http(spec.clone())).await.unwrap();
    spec.host = Some("web.test".into());
    spec.body = Some("name: web.test".into());
    seen(ProbeSpec::Http(spec.clone())).await.unwrap();
    spec.host = Some("other.test".into());
    let failure = seen(ProbeSpec::Http(spec)).await.unwrap_err().to_string();
    assert!(
        failure.contains("TLS: invalid peer certificate: certificate not valid for name"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_stranger_is_believed_only_if_everybody_is() {
    let at = secure_server(V4).await;
    let spec = believing(at, |tls| tls.ca_file = Some(fixture("server.pem")));
    let failure = seen(ProbeSpec::Http(spec)).await.unwrap_err().to_string();
    assert!(
        failure.contains("TLS: invalid peer certificate"),
        "{failure}"
    );
    let mut spec = believing(at, |tls| tls.insecure = true);
    spec.host = Some("other.test".into());
    seen(ProbeSpec::Http(spec)).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let at = server(V4, |_| answer("200 OK", "", "")).await;
    // The server waits for the end of a head, which the client's greeting has not.
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let silent = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    let spec = ProbeSpec::Http(believing(silent, |tls| tls.insecure = true));
    let told = complaint(spec, silent.port()).await;
    assert!(
        told.starts_with("https://127.0.0.1:PORT/: TLS: received corrupt message"),
        "{told}"
    );
    // One without settings for TLS is not led to it.
    let leads = server(V4, move |_| {
        answer("302 Found", &format!("Location: https://{at}/\r\n"), "")
    })
    .await;
    let mut spec = HttpSpec::new(V4, leads.port());
    spec.redirects = 1;
    let failure = seen(ProbeSpec::Http(spec)).await.unwrap_err().to_string();
    assert!(
        failure.contains("leads to TLS, which this check has no settings for"),
        "{failure}"
    );
}

#[test]
fn a_file_without_certificates_is_refused() {
    let at = SocketAddr::new(V4, 443);
    for (name, what) in [
        (
            "server.key",
            "has no certificate; accepted are certificates in PEM",
        ),
        ("nothing.pem", ": No such file or directory"),
    ] {
        let path = fixture(name);
        let spec = believing(at, |tls| tls.ca_file = Some(path.clone()));
        let separator = if what.starts_with(':') { "" } else { " " };
        assert_eq!(
            refusal(ProbeSpec::Http(spec)),
            format!("ca-file {}{separator}{what}", shown(&path))
        );
    }
}

#[tokio::test]
async fn grpc_is_spoken_over_tls_too() {
    let at = crate::grpc::serve(Some(acceptor(b"h2")), |_| crate::grpc::Reply::status(1)).await;
    let mut spec = GrpcSpec::new(at.ip(), at.port());
    let mut tls = TlsSpec::default();
    tls.ca_file = Some(fixture("ca.pem"));
    spec.tls = Some(tls);
    seen(ProbeSpec::Grpc(spec)).await.unwrap();
}
