import Acquisition
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NamedModels
import Support
import TestHub
import Testing

@Suite("Connections are made as the environment says, and only where they are safe")
struct ConnectionTests {
  @Test(
    "a proxy is taken for the hosts that NO_PROXY leaves",
    arguments: [
      (["HTTPS_PROXY": "http://p:3128"], "https://a.org", "p:3128"),
      (["https_proxy": "p:3128"], "https://a.org", "p:3128"),
      (["HTTPS_PROXY": "http://p:3128"], "http://a.org", nil),
      (["HTTP_PROXY": "http://p"], "http://a.org", "p:80"),
      (["HTTP_PROXY": "http://p", "REQUEST_METHOD": "GET"], "http://a.org", nil),
      (["ALL_PROXY": "socks5h://p"], "https://a.org", "p:1080"),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"], "https://a.org", nil),
      (["HTTPS_PROXY": "http://p:1", "no_proxy": ".a.org, b"], "https://x.a.org", nil),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org"], "https://a.org", nil),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org"], "https://ba.org", "p:1"),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org:8443"], "https://a.org", "p:1"),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org:443"], "https://a.org", nil),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"], "https://10.2.3.4", nil),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"], "https://11.2.3.4", "p:1"),
      (["HTTPS_PROXY": "http://p:1", "NO_PROXY": "::1"], "https://[::1]", nil),
      (["HTTPS_PROXY": ""], "https://a.org", nil),
    ] as [([String: String], String, String?)])
  func proxies(environment: [String: String], address: String, expected: String?) throws {
    let url = try #require(URL(string: address))
    let rules = try ProxyRules(environment: environment)
    let proxy = rules.proxy(scheme: url.scheme ?? "", host: url.host ?? "", port: url.scheme == "https" ? 443 : 80)
    #expect(proxy.map { "\($0.host):\($0.port)" } == expected)
  }

  @Test("a proxy that makes no sense is named by its variable")
  func wrongProxy() throws {
    let error = #expect(throws: AcquisitionError.self) {
      try NetworkSettings(environment: ["HTTPS_PROXY": "https://p"])
    }
    #expect(
      error?.explanation == "HTTPS_PROXY names no proxy that can be used: its scheme is 'https'."
        + " Give it as http://HOST:PORT or socks5://HOST:PORT, or unset HTTPS_PROXY.")
  }

  @Test("a proxy that wants a password is said to")
  func proxyPassword() async throws {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Refusing()) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = server.localAddress?.port ?? 0
    let settings = try quick(["HTTP_PROXY": "http://127.0.0.1:\(port)"])
    let error = await failure {
      try await withFolder { folder in
        try await Downloader.with(settings) {
          try await $0.fetch(Download("a", from: [.init("http://a.invalid/a")]), into: folder.appending(path: "a"))
        }
      }
    }
    try await server.close()
    #expect(
      error?.explanation == "The proxy 127.0.0.1:\(port) wants a name and a password. Put them into HTTP_PROXY, as"
        + " http://USER:PASSWORD@127.0.0.1:\(port).")
  }

  /// A proxy that lets nobody through.
  private final class Refusing: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
      context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
    }
  }

  @Test("an unknown certificate is refused, and SSL_CERT_FILE makes it known")
  func certificate() async throws {
    try await withFolder { folder in
      let authority = folder.appending(path: "authority.pem")
      try Data(TestCertificate.certificate.utf8).write(to: authority)
      let content = ["weights.bin": bytes(1000)]
      try await TestHub.with([TestHub.model: .init(content)], certificate: TestCertificate.configuration()) { hub in
        let error = await failure { try await hub.fetch(into: folder.appending(path: "a")) }
        #expect(
          error?.explanation == "The certificate of 127.0.0.1 is not trusted. Where your own network signs connections,"
            + " name its certificates with SSL_CERT_FILE.")
        let settings = try quick(["SSL_CERT_FILE": authority.path])
        #expect(try await hub.fetch(into: folder.appending(path: "a"), settings: settings).bytes == 1000)
        hub.fail([.redirect("http://127.0.0.1:1/a")])
        let unsafe = await failure { try await hub.fetch(into: folder.appending(path: "b"), settings: settings) }
        #expect(unsafe?.problem == "127.0.0.1 redirects to an address without encryption, 127.0.0.1")
      }
    }
  }

  @Test("a file of certificates that isn't one is named by its variable")
  func wrongCertificates() async throws {
    let error = #expect(throws: AcquisitionError.self) {
      try NetworkSettings(environment: ["SSL_CERT_FILE": "/nowhere"])
    }
    #expect(
      error?.explanation == "SSL_CERT_FILE names /nowhere, which cannot be used: there is no such file. Name a file of"
        + " certificates in PEM form, or unset SSL_CERT_FILE.")
  }

  @Test("a clock in the past is the likely reason for a certificate that isn't valid")
  func clock() {
    let error = AcquisitionError.untrusted(host: "a.org", detail: "", now: Date(timeIntervalSince1970: 0))
    #expect(
      error.explanation == "The certificate of a.org is not valid on 1970-01-01, which this machine's clock says."
        + " Set the clock: that day is in the past.")
  }
}

/// A certificate for 127.0.0.1 that nobody has signed but itself, valid for a hundred years.
enum TestCertificate {
  static func configuration() throws -> TLSConfiguration {
    .makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
  }

  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIDJzCCAg+gAwIBAgIUbm9xFdHjxf9jm9szETN0Yf2Tx/wwDQYJKoZIhvcNAQEL
    BQAwFDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODIzNTEzNFoYDzIxMjYx
    MTA0MjM1MTM0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwggEiMA0GCSqGSIb3DQEB
    AQUAA4IBDwAwggEKAoIBAQDiaKW9GlNU01v8NslCorHVrtyKKjnVChlbBuT/qUUv
    hV6Ol1EhZzwJ8BNZo7N6GWBUGbndf+kqZPNFMo08ioUxqXnesNzk+pNQs995t+2A
    VdpAnRgjgJsiTHNjcu8C31FoMchLanHN2lVraczECQfO3UkdXVc11l+GZUMVgvgo
    +YyEV/xT+G5KfPT8EsBotORGjN98RksDk6dO6eW20Af9tAPgN7pfF1HEsCkZf9za
    vkyvwknej/DzpYdmYU3r/zr3l0JOpj9N7a4iy0oN75PDow/M8P3+4IcQ/FValhr+
    TPMx3Peg0858E05dY1oqPnJHjnPEVxO5p7MeK70duGmZAgMBAAGjbzBtMB0GA1Ud
    DgQWBBRi+IZ7fNjZi7Pb/ySmiEUe49Q/XTAfBgNVHSMEGDAWgBRi+IZ7fNjZi7Pb
    /ySmiEUe49Q/XTAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGHBH8AAAGCCWxv
    Y2FsaG9zdDANBgkqhkiG9w0BAQsFAAOCAQEAcCALIGkmgtGfjqSk9TV3Xaal9/Qw
    m3Lc18Z9VyLK88NP5O18QeeiWEz4oNnmOSADfFLBK3+vkQRhtpqyJiXlMhsQlQIW
    I0PokJqjlgeDQAfMHKr7J3VU5/j9dKJntkEzpUhqPzuXSPexMCvjLESXFO6oGMob
    jU/OttHKrDLVtMPnjT339Bf5Ke/IeL1TSQxFbjDv9be4w6Iynd0ByjUySzWt/4Qp
    OX4Wa4zAE7Y3KMNaeKU4Ckccx9vdHPh6NawLuaDN2bv+Ffu5pSTrlEM1FojkynMt
    9b2x2nlnCGAcsDuWWgKEAKmKvmQyan34PFKYwu6XGmO77Gp58R5FDelamA==
    -----END CERTIFICATE-----
    """

  static let key = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDiaKW9GlNU01v8
    NslCorHVrtyKKjnVChlbBuT/qUUvhV6Ol1EhZzwJ8BNZo7N6GWBUGbndf+kqZPNF
    Mo08ioUxqXnesNzk+pNQs995t+2AVdpAnRgjgJsiTHNjcu8C31FoMchLanHN2lVr
    aczECQfO3UkdXVc11l+GZUMVgvgo+YyEV/xT+G5KfPT8EsBotORGjN98RksDk6dO
    6eW20Af9tAPgN7pfF1HEsCkZf9zavkyvwknej/DzpYdmYU3r/zr3l0JOpj9N7a4i
    y0oN75PDow/M8P3+4IcQ/FValhr+TPMx3Peg0858E05dY1oqPnJHjnPEVxO5p7Me
    K70duGmZAgMBAAECggEAByR9Agu4EEeAseK6k68VRCP5kiRF4copRZ1gkQ4ygA7J
    jl8IsLCUjM21lpDbAyGUz+Jl4i58WRmJMSgom33VON1bWmKi/VhIWHXsOWdLh05u
    DbbHAau3eSwHQd5o2uLXqx1S78oiX/eg1TwnuRF93RFPEq2UqD6kkdVU+fNBR+2U
    Qsmd1FHzTm4xvk2BgH4Kkgu9vWaZFnkxZwzvySLkjK9mxkGy+/k8fEdf3DP+tE5t
    k5ADfuczv1JJ+OGgYdzquvdPKmiUzQv1Tq33exohB91OWRs9khYXNFWI+BZx4o8i
    Mc7WkBUw8vy1rhEFNo3mfa20Wjr9lnm5Rf2ELMM89wKBgQD9pKfKja7H0vSQpU5R
    le9jcZGa2vyiKtEmsfC/8LkgoRxj+toKkOOhh3WXSJH6RErUzheAzrb3InUuS9f0
    A4Z7Gf9cPR1kEP7RIlpPCNuWinuDUQ3KJnbYNQV0D1VZCAp9KCXLBwhOvjzdLSHx
    CA7eKph2wulZqcUN8UxlU7L3nwKBgQDkgzWJA6sU7hdiO/25bPw5cDbqGWoKSPgC
    KWf814aw7sTi3RK+xDT+Xk5s+EKm7jlJcyVMkfV/eqIqRzlErJExTNd26YKD/YEt
    CPN30qtYC/rijOblLbSe5UiAou3NCx8EUMjliYr7+VBimvblz+SJlB1MMnsvE79D
    dDgqALLzxwKBgQDN90ERqE+/kDxsoO+iLKDCHdzg5Oa1QROp2mDnXDDYoDuPrIoW
    fmV6K6d/e7yef4pMmDZZsIK+2EpTl977FUnE+O12F2KgeXSSmtS+zTCTZEy767vI
    5ccn9pZBEpp5u5/Y1hsqbMGAP9bou9eOBL8eBXTdK5WV69hKZCFnPrpbfQKBgE9+
    sc4Tf53NYkcjVZX/KxOUTRZNdw1S6yxdWTalh87fkZDWlaHVwhXHmwLfrthBwZ4i
    t5QWptANSoLouiyA2BXNhJtyipv+QcT3+zLxD/iWWlYb7GtH5jDs1LcjdxTAzK6E
    qA7qNXaI+gUDoea61udhpnuOiDoNZZlCwhMioR6bAoGAEwvV4DT+igDOks44E2tw
    oUdpJwqs+9JaNFMIDg3n2kEcKO27O5KjQrK8bMfToOI/UgPbZ58GxHkQVxwsLo66
    0T72tBH7/C2eIed5pwqxBbmmCdbpwCuDi7uTCN4u3xx9dA7vBMVXjhWc31SnLWF2
    XfQDLULhl5ng3GqaRRyO/ss=
    -----END PRIVATE KEY-----
    """
}
