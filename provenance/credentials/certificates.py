"""Who signs: a local two-certificate chain made on first use, or the certificate that a setting names.

    certificates = Certificates(home / "keys" / "credentials")
    identity = certificates.identity()   # made, or renewed, when needed
    certificates.anchors()               # what "ours" means, as PEM; makes nothing

The folder holds `root.pem`, `root.key`, `leaf.pem`, `leaf.key` and `used/`: every certificate that ever signed here.
A leaf is renewed before it ends and its private key is deleted then, so what an ended certificate signed still counts:
nobody can sign with it any more. What this does not cover: whoever copies a key out of the folder signs as us.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from filelock import FileLock

from provenance.errors import CredentialError
from provenance.whole_file import write_whole

__all__ = ["Certificates", "Identity"]

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

ROOT_DAYS = 20 * 365
LEAF_DAYS = 397
RENEW_DAYS = 30  # a leaf this close to its end is replaced
SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # C2PA's own purpose; readers of before 2025 want emailProtection
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a signature needs: the chain as PEM (leaf first, no root), its key, and the algorithm that fits the key."""

    chain_pem: str
    key: PrivateKey
    algorithm: str  # "ES256", "ES384", "ES512", "PS256", "ED25519"
    issuer: str
    ends: datetime

    def sign(self, data: bytes) -> bytes:
        """The signature in the form COSE wants: r and s side by side for elliptic curves."""
        match self.key:
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(data)
            case rsa.RSAPrivateKey():
                digest = hashes.SHA256()
                return self.key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
            case _:
                size = (self.key.curve.key_size + 7) // 8
                r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(_CURVES[self.key.curve.name][1])))
                return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Certificates:
    """The signing identity of one data folder. Several processes may share it."""

    def __init__(
        self,
        folder: Path,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`certificate` (a PEM chain, leaf first) and `key` (PEM, unencrypted) replace the local chain.

        Raises:
            CredentialError: If only one of the two is named.
        """
        if (certificate is None) != (key is None):
            raise CredentialError(
                "An own certificate needs both a certificate file and a key file.", hint="Name both, or neither."
            )
        self._folder = folder
        self._own = None if certificate is None or key is None else (certificate, key)
        self._clock = clock

    def identity(self) -> Identity:
        """What signs now; the local chain is made on first use and renewed before it ends.

        Raises:
            CredentialError: If the key is missing, readable by others, or does not belong to the certificate, or the
                certificate has ended.
        """
        if self._own:
            identity = self._load(*self._own)
        else:
            self._prepare()
            identity = self._load(self._folder / "leaf.pem", self._folder / "leaf.key")
        self._remember(identity)
        return identity

    def anchors(self) -> str:
        """The local root as PEM: what chains to it is ours. Empty before anything was signed."""
        path = self._folder / "root.pem"
        return path.read_text(encoding="ascii") if path.is_file() else ""

    def used(self) -> list[x509.Certificate]:
        """Every leaf that ever signed here, ended ones too."""
        found = []
        for path in sorted((self._folder / "used").glob("*.pem")):
            with suppress(OSError, ValueError):  # a damaged copy only means that this leaf is not known any more
                found.append(x509.load_pem_x509_certificate(path.read_bytes()))
        return found

    def _prepare(self) -> None:
        """Make what is missing; renew what ends soon."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._folder / "used").mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            raise _unusable("The folder of signing keys cannot be made", exc) from exc
        with FileLock(self._folder / "lock", mode=0o600):
            root, leaf = self._folder / "root.pem", self._folder / "leaf.pem"
            if not root.exists():
                self._make_root()
            if not leaf.exists() or self._ends_soon(leaf):
                self._make_leaf()

    def _ends_soon(self, path: Path) -> bool:
        return _certificates(path)[0].not_valid_after_utc - timedelta(days=RENEW_DAYS) < self._clock()

    def _make_root(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Wherefrom local root")
        builder = _builder(name, name, key.public_key(), self._clock(), ROOT_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        _write_private(self._folder / "root.key", _key_pem(key))
        _write_private(self._folder / "root.pem", _pem(builder.sign(key, hashes.SHA256())))

    def _make_leaf(self) -> None:
        _check_private(self._folder / "root.key")
        root = _certificates(self._folder / "root.pem")[0]
        root_key = _private_key(self._folder / "root.key")
        if not isinstance(root_key, ec.EllipticCurvePrivateKey):
            raise CredentialError(f"{self._folder / 'root.key'} is not the key of the local root.", hint=_RESTORE)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("Wherefrom"), root.subject, key.public_key(), self._clock(), LEAF_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, SIGNING])
        builder = builder.add_extension(purposes, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        # The key first: a crash in between leaves an old certificate beside a new key, which the next load refuses
        # and repairs; the other order would leave a certificate whose key never existed.
        _write_private(self._folder / "leaf.key", _key_pem(key))
        _write_private(self._folder / "leaf.pem", _pem(builder.sign(root_key, hashes.SHA256())))

    def _load(self, certificate: Path, key: Path) -> Identity:
        _check_private(key)
        chain, private = _certificates(certificate), _private_key(key)
        if _spki(chain[0].public_key()) != _spki(private.public_key()):
            if not self._own:
                self._renew_now()
                return self._load(certificate, key)
            raise CredentialError(
                "The signing key does not belong to the signing certificate.",
                hint="Name the key of the first certificate in the file.",
            )
        leaf, now = chain[0], self._clock()
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise CredentialError(
                f"The signing certificate is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
                f"{leaf.not_valid_after_utc:%Y-%m-%d} only.",
                hint="Check the clock, or put a current certificate in its place.",
            )
        sent = [one for one in chain if one is leaf or one.issuer != one.subject]  # the standard leaves the root out
        return Identity(
            chain_pem="".join(_pem(one).decode("ascii") for one in sent),
            key=private,
            algorithm=_algorithm(private),
            issuer=_organisation(leaf),
            ends=leaf.not_valid_after_utc,
        )

    def _renew_now(self) -> None:
        with FileLock(self._folder / "lock", mode=0o600):
            self._make_leaf()

    def _remember(self, identity: Identity) -> None:
        leaf = x509.load_pem_x509_certificate(identity.chain_pem.encode("ascii"))
        path = self._folder / "used" / f"{leaf.fingerprint(hashes.SHA256()).hex()}.pem"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_private(path, _pem(leaf))

    def signed_by_root(self, leaf: x509.Certificate) -> bool:
        """Whether the local root signed this certificate, whenever it ended."""
        for root in x509.load_pem_x509_certificates(self.anchors().encode("ascii")) if self.anchors() else []:
            with suppress(ValueError, TypeError, InvalidSignature):
                leaf.verify_directly_issued_by(root)
                return True
        return False


_RESTORE = "Put a backup of the keys folder in its place."


def _unusable(what: str, exc: Exception) -> CredentialError:
    reason = exc.strerror if isinstance(exc, OSError) else "it is damaged or of another kind"
    return CredentialError(f"{what}: {reason}.", hint=_RESTORE)


def _check_private(path: Path) -> None:
    """Refuse a key that is missing or that others may read."""
    try:
        mode = path.stat().st_mode
    except OSError as exc:
        raise _unusable(f"The signing key {path} cannot be read", exc) from exc
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialError(
            f"The signing key {path} can be read by others on this machine.",
            hint=f"Run `chmod 600 {path}`; make a new key if somebody may have copied it.",
        )


def _private_key(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as exc:
        raise _unusable(f"The signing key {path} cannot be used", exc) from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise _unusable(f"The signing key {path} cannot be used", ValueError())
    return key


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise _unusable(f"The certificate {path} cannot be used", exc) from exc


def _algorithm(key: PrivateKey) -> str:
    match key:
        case ed25519.Ed25519PrivateKey():
            return "ED25519"
        case rsa.RSAPrivateKey() if key.key_size >= 2048:
            return "PS256"
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return _CURVES[key.curve.name][0]
        case _:
            raise CredentialError(
                "Content Credentials cannot be signed with a key of this kind.",
                hint="Use P-256, P-384, P-521, Ed25519, or RSA of 2048 bits and more.",
            )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    start = now - timedelta(hours=1)  # a clock that is a little behind elsewhere does not reject it
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Wherefrom (this installation)")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _organisation(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    found = found or certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _spki(key: object) -> bytes:
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, public)  # type: ignore[attr-defined, no-any-return]


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _write_private(path: Path, data: bytes) -> None:
    """Write for the owner only, whole or not at all."""
    try:
        write_whole(path, data)
    except OSError as exc:
        raise _unusable(f"{path} cannot be written", exc) from exc
