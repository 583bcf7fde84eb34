"""A small public-key infrastructure for the demo and the tests: one issuer, a server, a certificate for each gateway.

P-256 keys made here and kept here: for real homes the key is born on the gateway and never leaves it.
Import it late: `cryptography` takes a fifth of a second.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER_DAYS: Final = 3650
LEAF_DAYS: Final = 90  # research/fleet.md 4: short-lived, renewed at two thirds


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key on disk."""

    cert: Path
    key: Path


class Pki:
    """One issuer in one folder. Names go into files as they are: give plain words."""

    def __init__(self, folder: Path, name: str = "hearthwatch demo") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key, self._subject = _new_key(), _name(name)
        builder = _builder(self._subject, self._subject, self._key, -timedelta(days=1), timedelta(days=ISSUER_DAYS))
        self._cert = _issuer_extensions(builder, self._key).sign(self._key, hashes.SHA256())
        self.ca = folder / "ca.crt"
        _write_cert(self.ca, self._cert)

    def server(self, host: str = "localhost", *, expired: bool = False, file: str = "server") -> Pair:
        """A server certificate for `host` (and 127.0.0.1 if that is localhost)."""
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        return self._leaf(file, host, ExtendedKeyUsageOID.SERVER_AUTH, names, expired=expired)

    def client(self, name: str, *, expired: bool = False, file: str | None = None) -> Pair:
        """A client certificate; its common name is the user name at the broker."""
        return self._leaf(file or name, name, ExtendedKeyUsageOID.CLIENT_AUTH, [], expired=expired)

    def _leaf(
        self, file: str, name: str, usage: ObjectIdentifier, alternatives: list[x509.GeneralName], *, expired: bool
    ) -> Pair:
        key = _new_key()
        ends = -timedelta(hours=1) if expired else timedelta(days=LEAF_DAYS)
        builder = _builder(_name(name), self._subject, key, -timedelta(days=2), ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if alternatives:
            names = x509.SubjectAlternativeName(alternatives)
            builder = builder.add_extension(names, critical=False)
        pair = Pair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        _write_key(pair.key, key)
        _write_cert(pair.cert, builder.sign(self._key, hashes.SHA256()))
        return pair


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _issuer_extensions(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write_cert(path: Path, cert: x509.Certificate) -> None:
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(data)
