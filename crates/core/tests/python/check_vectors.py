"""Checks ../vectors with a second implementation, written from SPEC.md alone.

    pip install cryptography && python3 check_vectors.py

Needs `cryptography` (pyca) and nothing else. pyca encapsulates only with its own randomness. The
operations in OTHERS need a given coin, so they are counted as skipped.

Each function named after an operation takes the "input" of a vector. It returns what SPEC.md says
must come out, or raises Refused with the number of the check that the input breaks.
"""

import hashlib
import json
import re
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF as PycaHKDF

VECTORS = Path(__file__).parent.parent / "vectors"
OTHERS = {"encapsulate", "initiate", "braid_encapsulate", "braid_receive"}

P = 2**255 - 19  # the field of X25519 and Ed25519
MAX_MESSAGE, MAX_BUNDLE_PART = 134_144, 2_048
MAX_PLAINTEXT = 132_096
MAX_REFUSAL = 4_096
MAX_GAP, KEPT_OF_GAP = 50_000, 2_000


class Refused(Exception):
    """SPEC.md refuses the input. The arguments are the checks that refuse it, such as CHK-07.

    There are two of them where SPEC.md says that they show as the same failure.
    """


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check:02}")


# ----------------------------------------------------------------------------------------- notation


def be16(number):
    return struct.pack(">H", number)


def be32(number):
    return struct.pack(">I", number)


def be64(number):
    return struct.pack(">Q", number)


def label(name):
    return b"waxseal/1/core/" + name.encode("ascii")


def label2(name):
    return b"waxseal/2/core/" + name.encode("ascii")


def SHA256(data):
    return hashlib.sha256(data).digest()


def HMAC(key, message):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(message)
    return mac.finalize()


def HKDF(salt, ikm, info, length):
    return PycaHKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(ikm)


def split(data):
    """Splits secrets that were derived together into 32 bytes each."""
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def DH(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("CHK-07") from None


# --------------------------------------------------------------------------------------------- keys


def sqrt_of_ratio(u, v):
    """A square root of u/v modulo P, or None."""
    root = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * root * root % P == -u % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if v * root * root % P == u % P else None


EDWARDS_D = -121665 * pow(121666, P - 2, P) % P


def edwards_add(one, other):
    (x1, y1), (x2, y2) = one, other
    product = EDWARDS_D * x1 * x2 * y1 * y2
    x = (x1 * y2 + y1 * x2) * pow(1 + product, P - 2, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P


def montgomery_times_8(u):
    """Doubles a point of Curve25519 or its twist three times, in projective coordinates.

    Takes the affine u. Returns the Z of (X : Z), which is 0 for the point at infinity.
    """
    x, z = u, 1
    for _ in range(3):
        a, b = (x + z) ** 2 % P, (x - z) ** 2 % P
        x, z = a * b % P, (a - b) * (a + 121665 * (a - b)) % P
    return z


def check_x25519(public):
    number = int.from_bytes(public, "little")
    require(number < P, 5)
    require(montgomery_times_8(number) != 0, 6)


def check_ed25519(public):
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    require(y < P, 9)
    x = sqrt_of_ratio((y * y - 1) % P, (EDWARDS_D * y * y + 1) % P)
    require(x is not None and not (x == 0 and sign == 1), 9)
    point = (x if x & 1 == sign else P - x, y)
    for _ in range(3):
        point = edwards_add(point, point)
    require(point != (0, 1), 9)


def check_ml_kem_1024(public):
    bits = int.from_bytes(public[:1536], "little")
    require(all(bits >> shift & 0xFFF < 3329 for shift in range(0, 1536 * 8, 12)), 8)


def x25519_public_key(given):
    check_x25519(given["public_key"])
    return {}


def ed25519_public_key(given):
    check_ed25519(given["public_key"])
    return {}


def ml_kem_1024_public_key(given):
    check_ml_kem_1024(given["public_key"])
    return {}


def x25519(given):
    check_x25519(given["public_key"])
    return {"shared": DH(given["private_key"], given["public_key"])}


def verify(public, message, signature, check):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Refused(f"CHK-{check:02}") from None


def identity_of(secrets):
    ed25519 = Ed25519PrivateKey.from_private_bytes(secrets["ed25519_seed"])
    x25519_public = public_of(secrets["x25519_private"])
    certificate = ed25519.sign(label("identity-certificate") + x25519_public)
    return ed25519, ed25519.public_key().public_bytes_raw() + x25519_public, certificate


def identity(given):
    _, public, certificate = identity_of(given)
    return {"identity": public, "certificate": certificate}


def check_identity(public):
    check_ed25519(public[:32])
    check_x25519(public[32:])


def verify_identity(given):
    check_identity(given["identity"])
    public = given["identity"]
    verify(public[:32], label("identity-certificate") + public[32:], given["certificate"], 10)
    return {}


def account_proof_input(context):
    return label("account-proof") + context


def prove_account(given):
    ed25519, *_ = identity_of(given["identity"])
    return {"proof": ed25519.sign(account_proof_input(given["context"]))}


def prove_device(given):
    ed25519, *_ = identity_of(given["identity"])
    return {"proof": ed25519.sign(label2("device-proof") + given["context"])}


def sign_roster(given):
    ed25519, *_ = identity_of(given["identity"])
    return {"signature": ed25519.sign(label2("roster") + given["roster"])}


def verify_account_proof(given):
    check_identity(given["identity"])
    verify(given["identity"][:32], account_proof_input(given["context"]), given["proof"], 46)
    return {}


def mark_of(secrets, counter):
    private = secrets["ed25519_seed"] + secrets["x25519_private"]
    key = HKDF(bytes(32), private, label2("mark"), 32)
    return counter + HMAC(key, counter)


def mark(given):
    return {"mark": mark_of(given["identity"], given["counter"])}


def verify_mark(given):
    counter = given["mark"][:8]
    require(given["mark"] == mark_of(given["identity"], counter), 99)
    return {"counter": counter}


# ------------------------------------------------------------------------------------ wire messages

# Each field by its number: its name and its kind. The kind is a length in bytes, `...` for bytes
# of any length, None for a number, or the fields of a message.
HANDSHAKE = {1: ("identity", 64), 2: ("certificate", 64), 3: ("base_key", 32)}
HANDSHAKE |= {4: ("signed_prekey_id", None), 5: ("one_time_prekey_id", None), 6: ("kem_ciphertext", 1568)}
MESSAGE = {1: ("handshake", HANDSHAKE), 2: ("header", 99), 3: ("body", ...)}
REFUSAL = {1: ("identity", 64), 2: ("certificate", 64), 3: ("salt", 32), 4: ("content", ...)}
SIGNED = {1: ("identity", 64), 2: ("certificate", 64), 3: ("id", None), 4: ("signed_prekey", 32)}
SIGNED |= {5: ("last_resort_kem_prekey", 1568), 6: ("signature", 64)}
ONE_TIME = {1: ("id", None), 2: ("one_time_prekey", 32), 3: ("kem_prekey", 1568), 4: ("signature", 64)}
# These fields are marked `optional` in the .proto: zero and absent differ.
OPTIONAL = {"handshake", "one_time_prekey_id"}


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def encode_fields(schema, values):
    out = b""
    for number, (name, kind) in sorted(schema.items()):
        value = values.get(name)
        if value is None or (not value and name not in OPTIONAL):
            continue
        if kind is None:
            out += varint(number << 3) + varint(value)
        else:
            data = encode_fields(kind, value) if isinstance(kind, dict) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def take_varint(data):
    number = 0
    for count, byte in enumerate(data[:10]):
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return number & (2**64 - 1), data[count + 1 :]
    raise Refused("CHK-03")


def decode_fields(schema, data):
    values = {}
    while data:
        key, data = take_varint(data)
        name, kind = schema.get(key >> 3, (None, ...))
        if key & 7 == 0:
            require(name is None or kind is None, 3)
            value, data = take_varint(data)
            value &= 2**32 - 1
        else:
            require(key & 7 == 2 and kind is not None, 3)
            length, data = take_varint(data)
            require(length <= len(data), 3)
            value, data = data[:length], data[length:]
            if isinstance(kind, dict):
                value = decode_fields(kind, value)
        if name is not None:
            values[name] = value
    return values


def decode(schema, data, longest):
    require(len(data) <= longest, 1)
    require(data, 3)
    require(data[0] == (2 if schema is MESSAGE else 3 if schema is REFUSAL else 1), 2)
    values = decode_fields(schema, data[1:])
    require(encode_fields(schema, values) == data[1:], 4)
    return values


def check_lengths(schema, values):
    for name, kind in schema.values():
        if isinstance(kind, int):
            require(len(values.get(name, b"")) == kind, 3)


def read_message(data):
    message = decode(MESSAGE, data, MAX_MESSAGE)
    require(16 <= len(message.get("body", b"")) <= MAX_PLAINTEXT + 16, 14)
    check_lengths(MESSAGE, message)
    handshake = message.get("handshake")
    if handshake is not None:
        check_lengths(HANDSHAKE, handshake)
        check_identity(handshake["identity"])
        check_x25519(handshake["base_key"])
        handshake.setdefault("signed_prekey_id", 0)
        handshake.setdefault("one_time_prekey_id", None)
    return message


def decode_message(given):
    return {"handshake": None} | read_message(given["message"])


# ------------------------------------------------------------------------------------------ prekeys


def signed_input(number, prekey, kem):
    return label("signed-prekeys") + be32(number) + b"\x01" + prekey + b"\x03" + kem


def one_time_input(number, prekey, kem):
    return label("one-time-prekeys") + be32(number) + b"\x04" + prekey + b"\x02" + kem


def kem_public(seed):
    return MLKEM1024PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def signed_prekeys(given):
    ed25519, public, certificate = identity_of(given["identity"])
    prekey, kem = public_of(given["prekey_private"]), kem_public(given["kem_seed"])
    values = {"identity": public, "certificate": certificate, "id": given["id"], "signed_prekey": prekey}
    values |= {"last_resort_kem_prekey": kem, "signature": ed25519.sign(signed_input(given["id"], prekey, kem))}
    return {"base": b"\x01" + encode_fields(SIGNED, values)}


def one_time_prekeys(given):
    ed25519, *_ = identity_of(given["identity"])
    prekey, kem = public_of(given["prekey_private"]), kem_public(given["kem_seed"])
    values = {"id": given["id"], "one_time_prekey": prekey, "kem_prekey": kem}
    values |= {"signature": ed25519.sign(one_time_input(given["id"], prekey, kem))}
    return {"one_time": b"\x01" + encode_fields(ONE_TIME, values)}


def read_bundle(given):
    base = decode(SIGNED, given["base"], MAX_BUNDLE_PART)
    check_lengths(SIGNED, base)
    check_identity(base["identity"])
    check_x25519(base["signed_prekey"])
    check_ml_kem_1024(base["last_resort_kem_prekey"])
    one_time = None
    if given["one_time"] is not None:
        one_time = decode(ONE_TIME, given["one_time"], MAX_BUNDLE_PART)
        check_lengths(ONE_TIME, one_time)
        check_x25519(one_time["one_time_prekey"])
        check_ml_kem_1024(one_time["kem_prekey"])
    verify_identity(base)
    signed = signed_input(base.get("id", 0), base["signed_prekey"], base["last_resort_kem_prekey"])
    verify(base["identity"][:32], signed, base["signature"], 11)
    if one_time:
        signed = one_time_input(one_time.get("id", 0), one_time["one_time_prekey"], one_time["kem_prekey"])
        verify(base["identity"][:32], signed, one_time["signature"], 12)
    return base, one_time


def decode_bundle(given):
    base, one_time = read_bundle(given)
    return {"identity": base["identity"], "one_time": one_time is not None}


# ---------------------------------------------------------------------------------------- handshake


def derive_handshake(dhs, kem_secret):
    ikm = b"\xff" * 32 + b"".join(dhs) + kem_secret
    output = HKDF(bytes(32), ikm, label("pqxdh/X25519/SHA-256/ML-KEM-1024"), 96)
    seed = HKDF(bytes(32), ikm, label("post-quantum-seed/X25519/SHA-256/ML-KEM-1024"), 32)
    names = ("root", "initiator_header", "recipient_header", "post_quantum_seed")
    return dict(zip(names, split(output) + [seed]))


def pqxdh_secrets(given):
    return derive_handshake(given["dh"], given["kem_secret"])


def digest_of(handshake):
    number = handshake.get("one_time_prekey_id")
    data = label("handshake-digest") + handshake["identity"] + handshake["certificate"] + handshake["base_key"]
    data += be32(handshake["signed_prekey_id"])
    data += b"\x00" if number is None else b"\x01" + be32(number)
    return SHA256(data + handshake["kem_ciphertext"])


def ad_of(digest, recipient, prekey, one_time, kem):
    data = label("session-associated-data") + digest + recipient + prekey
    return SHA256(data + (b"\x00" if one_time is None else b"\x01" + one_time) + kem)


def agree(device, handshake):
    """Takes the recipient's steps of the handshake, up to the derived secrets."""
    _, public, _ = identity_of(device["identity"])
    require(handshake["identity"] != public, 17)
    signed = next((one for one in device["signed_prekeys"] if one["id"] == handshake["signed_prekey_id"]), None)
    require(signed is not None, 25)
    number, one_time = handshake.get("one_time_prekey_id"), None
    if number is None:
        require(handshake["base_key"] not in signed["remembered"], 27)
        require(len(signed["remembered"]) < 64, 28)
    else:
        one_time = next((one for one in device["one_time_prekeys"] if one["id"] == number), None)
        require(one_time is not None, 26)
    verify_identity(handshake)
    check_prime_order(handshake["base_key"])
    kem_seed = (one_time or signed)["kem_seed"]
    kem_secret = MLKEM1024PrivateKey.from_seed_bytes(kem_seed).decapsulate(handshake["kem_ciphertext"])
    dhs = [
        DH(signed["prekey_private"], handshake["identity"][32:]),
        DH(device["identity"]["x25519_private"], handshake["base_key"]),
        DH(signed["prekey_private"], handshake["base_key"]),
    ]
    if one_time:
        dhs.append(DH(one_time["prekey_private"], handshake["base_key"]))
    digest = digest_of(handshake)
    prekey, one_time_public = public_of(signed["prekey_private"]), one_time and public_of(one_time["prekey_private"])
    ad = ad_of(digest, public, prekey, one_time_public, kem_public(kem_seed))
    agreed = {"dh": dhs, "kem_secret": kem_secret, "handshake_digest": digest, "session_associated_data": ad}
    return agreed | derive_handshake(dhs, kem_secret), signed["prekey_private"]


def check_prime_order(public):
    """Checks that the point is on the curve, not its twist, and has the prime order."""
    u = int.from_bytes(public, "little")
    v_squared = (u**3 + 486662 * u * u + u) % P
    require(pow(v_squared, (P - 1) // 2, P) == 1, 29)
    # Finds v, then the Edwards point (x, y) of the same order:
    # y = (u - 1)/(u + 1), x = sqrt(-486664) u / v.
    v = sqrt_of_ratio(v_squared, 1)
    x = sqrt_of_ratio(-486664 % P, 1) * u * pow(v, P - 2, P) % P
    point, total, scalar = (x, (u - 1) * pow(u + 1, P - 2, P) % P), (0, 1), 2**252 + 27742317777372353535851937790883648493
    while scalar:
        if scalar & 1:
            total = edwards_add(total, point)
        point, scalar = edwards_add(point, point), scalar >> 1
    require(total == (0, 1), 29)


def take_first(given, message):
    """Makes the recipient's session and opens the first message on it."""
    agreed, prekey = agree(given["recipient"], message["handshake"])
    side = conversation_sides(agreed | {"signed_prekey_private": prekey})["recipient"]
    opened = side.open(message, given["associated_data"], agreed["session_associated_data"])
    return agreed, side, opened["plaintext"]


def accept(given):
    agreed, _, plaintext = take_first(given, read_message(given["message"]))
    return agreed | {"plaintext": plaintext}


def accept_then(given):
    first, message = read_message(given["first"]), read_message(given["message"])
    agreed, side, _ = take_first(given, first)
    handshake = message.get("handshake")
    if handshake:
        require(handshake["identity"] == first["handshake"]["identity"], 34)
        if handshake["base_key"] != first["handshake"]["base_key"]:
            _, _, plaintext = take_first(given, message)
            return {"plaintext": plaintext, "sessions": 2}
        require(digest_of(handshake) == agreed["handshake_digest"], 30)
    opened = side.open(message, given["associated_data"], agreed["session_associated_data"])
    return {"plaintext": opened["plaintext"], "sessions": 1}


# ---------------------------------------------------------------------------- one step of each kind


def step_root(root, shared):
    return split(HKDF(root, shared, label("root-step"), 96))


def step_chain(chain):
    return HMAC(chain, b"\x01"), HMAC(chain, b"\x02")


def root_step(given):
    return dict(zip(("next_root", "chain", "next_header"), step_root(given["root"], given["dh"])))


def chain_step(given):
    return dict(zip(("seed", "next_chain"), step_chain(given["chain"])))


def derive_message_key(seed, post_quantum_key, ad):
    output = HKDF(post_quantum_key, seed, label2("message-key") + SHA256(ad), 44)
    return output[:32], output[32:]


def message_key(given):
    output = derive_message_key(given["seed"], given["post_quantum_key"], given["associated_data"])
    return dict(zip(("key", "nonce"), output))


def body_ad(session_ad, header, callers):
    return session_ad + header + callers


def seal_body(given):
    ad = body_ad(given["session_associated_data"], given["header"], given["associated_data"])
    key, nonce = derive_message_key(given["seed"], given["post_quantum_key"], ad)
    return {"body": ChaCha20Poly1305(key).encrypt(nonce, given["plaintext"], ad)}


def decrypt(key, nonce, data, ad):
    """Decrypts a body. CHK-24 and CHK-48 show as the same failure."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, data, ad)
    except InvalidTag:
        raise Refused("CHK-24", "CHK-48") from None


def open_body(given):
    require(len(given["body"]) >= 16, 14)
    ad = body_ad(given["session_associated_data"], given["header"], given["associated_data"])
    key, nonce = derive_message_key(given["seed"], given["post_quantum_key"], ad)
    return {"plaintext": decrypt(key, nonce, given["body"], ad)}


HEADER = (("dh", 32), ("pn", 4), ("n", 4), ("selection", 4), ("epoch", 2), ("counter", 2), ("kind", 1), ("index", 2))


def write_header(header):
    out = b""
    for name, length in HEADER:
        out += header[name] if name == "dh" else header[name].to_bytes(length, "big")
    return out + header["chunk"]


def read_header(data):
    header = {}
    for name, length in HEADER:
        field, data = data[:length], data[length:]
        header[name] = field if name == "dh" else int.from_bytes(field, "big")
    require(header["kind"] <= 6, 18)
    return header | {"chunk": data}


def derive_header_keys(header_key):
    return HMAC(header_key, label2("header-encryption-key")), HMAC(header_key, label2("header-authentication-key"))


def header_keys(given):
    return dict(zip(("encryption_key", "mac_key"), derive_header_keys(given["header_key"])))


def chacha20(key, nonce, data):
    counter = bytes(4)
    return Cipher(algorithms.ChaCha20(key, counter + nonce), mode=None).encryptor().update(data)


def encrypt_header(header_key, plaintext, body, session_ad):
    enc, mac = derive_header_keys(header_key)
    tag = body[-16:]
    ciphertext = chacha20(enc, tag[:12], plaintext)
    return ciphertext + HMAC(mac, label2("header-mac") + session_ad + tag + ciphertext)[:16]


def seal_header(given):
    plaintext = write_header(given["header"])
    sealed = encrypt_header(given["header_key"], plaintext, given["body"], given["session_associated_data"])
    return {"plaintext": plaintext, "sealed": sealed}


def unseal_header(header_key, sealed, body, session_ad):
    enc, mac = derive_header_keys(header_key)
    tag, ciphertext = body[-16:], sealed[:83]
    wanted = HMAC(mac, label2("header-mac") + session_ad + tag + ciphertext)[:16]
    require(constant_time.bytes_eq(wanted, sealed[83:]), 18)
    return chacha20(enc, tag[:12], ciphertext)


def open_header(given):
    require(len(given["sealed"]) == 99, 3)
    plaintext = unseal_header(given["header_key"], given["sealed"], given["body"], given["session_associated_data"])
    return {"header": read_header(plaintext)}


# ----------------------------------------------------------------------------- post-quantum ratchet


def pq_start(given):
    output = HKDF(bytes(32), given["post_quantum_seed"], label("post-quantum-start/ML-KEM-768"), 96)
    authenticator = HKDF(bytes(32), given["post_quantum_seed"], label("post-quantum-first-authenticator"), 64)
    names = ("root", "initiator_chain", "recipient_chain", "authenticator", "mac_key")
    return dict(zip(names, split(output) + split(authenticator)))


def pq_epoch(given):
    number = be64(given["epoch"])
    key = HKDF(bytes(32), given["shared_secret"], label("post-quantum-epoch-key") + number, 32)
    output = HKDF(given["root"], key, label("post-quantum-epoch-chains") + number, 96)
    authenticator = HKDF(given["authenticator"], key, label("post-quantum-authenticator") + number, 64)
    names = ("epoch_key", "next_root", "initiator_chain", "recipient_chain", "next_authenticator", "next_mac_key")
    return dict(zip(names, [key] + split(output) + split(authenticator)))


def verify_mac(key, message, mac, check):
    found = hmac.HMAC(key, hashes.SHA256())
    found.update(message)
    try:
        found.verify(mac)
    except InvalidSignature:
        raise Refused(f"CHK-{check:02}") from None


def header_mac_message(given):
    return label("post-quantum-header-mac") + be64(given["epoch"]) + given["key_header"]


def ciphertext_mac_message(given):
    return label("post-quantum-ciphertext-mac") + be64(given["epoch"]) + given["ct1"] + given["ct2"]


def header_mac(given):
    return {"mac": HMAC(given["mac_key"], header_mac_message(given))}


def ciphertext_mac(given):
    return {"mac": HMAC(given["mac_key"], ciphertext_mac_message(given))}


def verify_header_mac(given):
    verify_mac(given["mac_key"], header_mac_message(given), given["mac"], 43)
    return {}


def verify_ciphertext_mac(given):
    verify_mac(given["mac_key"], ciphertext_mac_message(given), given["mac"], 45)
    return {}


def braid_key(given):
    public = MLKEM768PrivateKey.from_seed_bytes(given["seed"]).public_key().public_bytes_raw()
    return {"key_header": public[1152:] + hashlib.sha3_256(public).digest(), "key_vector": public[:1152]}


def braid_decapsulate(given):
    key = MLKEM768PrivateKey.from_seed_bytes(given["seed"])
    return {"shared_secret": key.decapsulate(given["ct1"] + given["ct2"])}


def verify_key_vector(given):
    vector, header = given["key_vector"], given["key_header"]
    bits = int.from_bytes(vector, "little")
    require(all(bits >> shift & 0xFFF < 3329 for shift in range(0, 1152 * 8, 12)), 44)
    require(hashlib.sha3_256(vector + header[:32]).digest() == header[32:], 44)
    return {}


def gf_multiply(one, other):
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 0x10000:
            one ^= 0x1100B  # x^16 + x^12 + x^3 + x + 1
        other >>= 1
    return product


def gf_inverse(one):
    inverse, square = 1, one
    for _ in range(15):  # one^(2^16 - 2)
        square = gf_multiply(square, square)
        inverse = gf_multiply(inverse, square)
    return inverse


def interpolate(points, at):
    """Evaluates at `at` the polynomials that pass through these chunks, given by index."""
    symbols = [0] * 16
    for x, chunk in points.items():
        weight = 1
        for other in points:
            if other != x:
                weight = gf_multiply(weight, gf_multiply(at ^ other, gf_inverse(x ^ other)))
        for i, (value,) in enumerate(struct.iter_unpack(">H", chunk)):
            symbols[i] ^= gf_multiply(weight, value)
    return struct.pack(">16H", *symbols)


def chunks(given):
    points = dict(enumerate(split(given["part"])))
    return {"chunks": [points[at] if at in points else interpolate(points, at) for at in given["indices"]]}


def part_of_chunks(given):
    points = {one["index"]: one["chunk"] for one in given["chunks"]}
    return {"part": b"".join(points[at] if at in points else interpolate(points, at) for at in range(len(points)))}


# ----------------------------------------------------------------------------- a whole conversation


class Side:
    """One side of the Double Ratchet with header encryption, with its post-quantum chains."""

    def __init__(self, root, header_to_send, header_to_receive, pq_chains, epochs):
        self.root, self.private, self.peer = root, None, None
        self.sending, self.sending_header, self.next_sending_header = None, None, header_to_send
        self.receiving, self.receiving_header, self.next_receiving_header = None, None, header_to_receive
        self.n_sent = self.n_received = self.previous = 0
        # Whether this side has taken its sending step since its last receiving step.
        self.stepped = True
        # The names of the chains to send and to receive on; and the epochs, which both sides share.
        self.pq_chains, self.epochs = pq_chains, epochs
        self.pq_to_send, self.pq_to_receive = (epochs.chains[0][name] for name in pq_chains)
        self.pq_send_epoch = self.pq_receive_epoch = self.pq_sent = self.pq_received = 0
        self.pq_ends_in = None  # messages left in a receiving chain that a new epoch ends
        self.skipped = {}  # (header key, n) -> (seed, post-quantum key)

    def step_to_send(self, private):
        self.previous, self.n_sent, self.private, self.stepped = self.n_sent, 0, private, True
        self.sending_header = self.next_sending_header
        shared = DH(private, self.peer)
        self.root, self.sending, self.next_sending_header = step_root(self.root, shared)

    def seal(self, plaintext, associated_data, session_ad, header, private):
        """Encrypts a message. `header` has what this side does not decide: selection and chunk."""
        if private is not None:
            self.step_to_send(private)
        if header["epoch"] - 1 > self.pq_send_epoch:
            self.pq_send_epoch, self.pq_sent = self.pq_send_epoch + 1, 0
            self.pq_to_send = self.epochs.chains[self.pq_send_epoch][self.pq_chains[0]]
        seed, self.sending = step_chain(self.sending)
        pq_key, self.pq_to_send = step_chain(self.pq_to_send)
        header = header | {"dh": public_of(self.private), "pn": self.previous, "n": self.n_sent, "counter": self.pq_sent}
        ad = body_ad(session_ad, write_header(header), associated_data)
        key, nonce = derive_message_key(seed, pq_key, ad)
        body = ChaCha20Poly1305(key).encrypt(nonce, plaintext, ad)
        sealed = encrypt_header(self.sending_header, write_header(header), body, session_ad)
        self.n_sent, self.pq_sent = self.n_sent + 1, self.pq_sent + 1
        return sealed, body

    def discard(self, count):
        """Makes messages that are lost."""
        for _ in range(count):
            _, self.sending = step_chain(self.sending)
            _, self.pq_to_send = step_chain(self.pq_to_send)
        self.n_sent, self.pq_sent = self.n_sent + count, self.pq_sent + count

    def header_opens(self, key, message, session_ad):
        try:
            plaintext = unseal_header(key, message["header"], message["body"], session_ad)
        except Refused:
            return None
        return plaintext, read_header(plaintext)

    def open(self, message, associated_data, session_ad):
        candidate = Side.__new__(Side)
        candidate.__dict__ = self.__dict__ | {"skipped": dict(self.skipped)}
        opened = candidate.try_open(message, associated_data, session_ad)
        self.__dict__ = candidate.__dict__  # only now that the body has authenticated
        return opened

    def try_open(self, message, associated_data, session_ad):
        plaintext_header, header, keys = self.keys_of(message, session_ad)
        ad = body_ad(session_ad, plaintext_header, associated_data)
        key, nonce = derive_message_key(*keys, ad)
        plaintext = decrypt(key, nonce, message["body"], ad)
        return {"plaintext": plaintext, "header": header, "seed": keys[0], "post_quantum_key": keys[1]}

    def keys_of(self, message, session_ad):
        if self.receiving_header and (found := self.header_opens(self.receiving_header, message, session_ad)):
            plaintext, header = found
            require(self.receiving is not None, 20)
            if header["n"] < self.n_received:
                require((self.receiving_header, header["n"]) in self.skipped, 21)
                return plaintext, header, self.skipped.pop((self.receiving_header, header["n"]))
            gap = header["n"] - self.n_received
            require(gap <= MAX_GAP, 22)
            self.check_counter(header, gap)
            self.skip_to(header["n"])
            return plaintext, header, self.take()
        if found := self.header_opens(self.next_receiving_header, message, session_ad):
            plaintext, header = found
            require(self.stepped, 19)
            before = max(header["pn"] - self.n_received, 0) if self.receiving else 0
            require(before + header["n"] <= MAX_GAP, 22)
            try:
                check_x25519(header["dh"])
            except Refused:
                raise Refused("CHK-23") from None
            self.check_counter(header, before + header["n"])
            if self.receiving:
                self.skip_to(header["pn"])
            self.receiving_header, self.n_received, self.peer = self.next_receiving_header, 0, header["dh"]
            shared = DH(self.private, self.peer)
            self.root, self.receiving, self.next_receiving_header = step_root(self.root, shared)
            self.stepped = False
            self.skip_to(header["n"])
            return plaintext, header, self.take()
        for header_key in {key for key, _ in self.skipped}:
            if found := self.header_opens(header_key, message, session_ad):
                plaintext, header = found
                require((header_key, header["n"]) in self.skipped, 21)
                return plaintext, header, self.skipped.pop((header_key, header["n"]))
        raise Refused("CHK-18")

    def check_counter(self, header, gap):
        """Checks epoch and counter. Both ratchets step with each message: the gap is the same."""
        epoch, self.pq_ends_in = header["epoch"] - 1, None
        if epoch == self.pq_receive_epoch:
            require(header["counter"] == self.pq_received + gap, 41)
        else:
            require(epoch == self.pq_receive_epoch + 1 and epoch in self.epochs.chains, 41)
            require(header["counter"] <= gap, 41)
            self.pq_ends_in = gap - header["counter"]

    def take(self):
        if self.pq_ends_in == 0:
            self.pq_receive_epoch, self.pq_received = self.pq_receive_epoch + 1, 0
            self.pq_to_receive = self.epochs.chains[self.pq_receive_epoch][self.pq_chains[1]]
        if self.pq_ends_in is not None:
            self.pq_ends_in -= 1
        seed, self.receiving = step_chain(self.receiving)
        pq_key, self.pq_to_receive = step_chain(self.pq_to_receive)
        self.n_received, self.pq_received = self.n_received + 1, self.pq_received + 1
        return seed, pq_key

    def skip_to(self, number):
        while self.n_received < number:
            place, keys = (self.receiving_header, self.n_received), self.take()
            if place[1] >= number - KEPT_OF_GAP:
                self.skipped[place] = keys


class Epochs:
    """What the braid agrees on, from the seeds of the keys and the chunks that arrive.

    pyca cannot encapsulate in two parts, so no chunks are made here.
    """

    CHUNKS = {"header": 3, "vector": 36, "ct1": 30, "ct2": 5}
    KINDS = {1: "header", 2: "vector", 3: "vector", 5: "ct1", 6: "ct2"}

    def __init__(self, seed):
        start = pq_start({"post_quantum_seed": seed})
        self.chains = {0: start}
        self.root, self.authenticator, self.mac_key = start["root"], start["authenticator"], start["mac_key"]
        self.begin(1)

    def begin(self, epoch):
        self.epoch, self.seed, self.collected, self.parts = epoch, None, {name: {} for name in self.CHUNKS}, {}

    def sends(self, random):
        if random and len(random) == 64:
            self.seed = random

    def arrives(self, header):
        name = self.KINDS.get(header["kind"])
        if header["epoch"] != self.epoch or name is None or name in self.parts:
            return
        self.collected[name][header["index"]] = header["chunk"]
        if len(self.collected[name]) == self.CHUNKS[name]:
            points = self.collected[name]
            count = range(self.CHUNKS[name])
            self.parts[name] = b"".join(points[at] if at in points else interpolate(points, at) for at in count)
            getattr(self, f"take_{name}", lambda: None)()

    def take_header(self):
        header, mac = self.parts["header"][:64], self.parts["header"][64:]
        verify_header_mac({"mac_key": self.mac_key, "epoch": self.epoch, "key_header": header, "mac": mac})

    def take_vector(self):
        verify_key_vector({"key_header": self.parts["header"][:64], "key_vector": self.parts["vector"]})

    def take_ct2(self):
        ct2, mac = self.parts["ct2"][:128], self.parts["ct2"][128:]
        ciphertext = {"ct1": self.parts["ct1"], "ct2": ct2}
        secret = braid_decapsulate(ciphertext | {"seed": self.seed})["shared_secret"]
        agreed = pq_epoch(
            {"epoch": self.epoch, "shared_secret": secret, "root": self.root, "authenticator": self.authenticator}
        )
        self.root, self.authenticator = agreed["next_root"], agreed["next_authenticator"]
        self.mac_key = agreed["next_mac_key"]
        verify_ciphertext_mac(ciphertext | {"mac_key": self.mac_key, "epoch": self.epoch, "mac": mac})
        self.chains[self.epoch] = agreed
        self.begin(self.epoch + 1)


def conversation_sides(given):
    epochs = Epochs(given["post_quantum_seed"])
    headers = given["initiator_header"], given["recipient_header"]
    chains = "initiator_chain", "recipient_chain"
    initiator = Side(given["root"], *headers, chains, epochs)
    recipient = Side(given["root"], *reversed(headers), chains[::-1], epochs)
    initiator.peer = public_of(given["signed_prekey_private"])
    recipient.private = given["signed_prekey_private"]
    return {"initiator": initiator, "recipient": recipient}


def conversation(given):
    """Takes the steps of a conversation: a side makes messages, loses some, and opens others."""
    sides, ad, messages, opened = conversation_sides(given), given["session_associated_data"], [], []
    epochs = sides["initiator"].epochs
    for step in given["steps"]:
        if "send" in step:
            send, side = step["send"], sides[step["from"]]
            epochs.sends(send["braid_random"])
            sealed = side.seal(send["plaintext"], given["associated_data"], ad, send["header"], send["ratchet_private"])
            messages.append(dict(zip(("header", "body"), sealed)))
        elif "discard" in step:
            sides[step["from"]].discard(step["discard"])
        else:
            message = step["message"] if "message" in step else messages[step["open"]]
            found = sides[step["by"]].open(message, given["associated_data"], ad)
            epochs.arrives(found["header"])
            opened.append({"plaintext": found["plaintext"], "header": found["header"]})
    return {"messages": messages, "opened": opened}


# ----------------------------------------------------------------------------------------- refusals


def refusal_key(private, peer, salt, sender, recipient, associated_data):
    info = label2("refusal") + sender + recipient + SHA256(associated_data)
    secret = HKDF(salt, DH(private, peer[32:]), info, 44)
    return secret[:32], secret[32:]


def seal_refusal(given):
    _, own, certificate = identity_of(given["identity"])
    to, salt = given["to"], given["salt"]
    check_identity(to)
    require(to != own, 17)
    private = given["identity"]["x25519_private"]
    key, nonce = refusal_key(private, to, salt, own, to, given["associated_data"])
    content = ChaCha20Poly1305(key).encrypt(nonce, given["content"], None)
    fields = {"identity": own, "certificate": certificate, "salt": salt, "content": content}
    return {"refusal": b"\x03" + encode_fields(REFUSAL, fields)}


def open_refusal(given):
    longest = 1 + 2 * (2 + 64) + (2 + 32) + 3 + MAX_REFUSAL + 16
    refusal = decode(REFUSAL, given["refusal"], longest)
    require(16 <= len(refusal.get("content", b"")) <= MAX_REFUSAL + 16, 14)
    check_lengths(REFUSAL, refusal)
    sender, (_, own, _) = refusal["identity"], identity_of(given["identity"])
    check_identity(sender)
    require(sender != own, 17)
    verify_identity(refusal)
    private = given["identity"]["x25519_private"]
    key, nonce = refusal_key(private, sender, refusal["salt"], sender, own, given["associated_data"])
    try:
        content = ChaCha20Poly1305(key).decrypt(nonce, refusal["content"], None)
    except InvalidTag:
        raise Refused("CHK-100") from None
    return {"sender": sender, "salt": refusal["salt"], "content": content}


def session_digest(given):
    return {"session_digest": SHA256(label2("session-digest") + given["session_associated_data"])}


def session_id(given):
    check_x25519(given["base_key"])
    name = SHA256(label2("session-id") + given["session_associated_data"] + given["base_key"])
    return {"session_id": name[:16]}


# ------------------------------------------------------------------------------------------- chains

MAX_CHAIN_GAP, MAX_CHAINS, MAX_CHAIN_AGE_MS = 2_000, 3, 8 * 24 * 3_600 * 1_000
MAX_CHAIN_SKIPPED = 2_000


def chain_ad(context, owner, number):
    return SHA256(label2("chain-associated-data") + context + owner + be32(number))


def chain_start(given):
    ad = chain_ad(given["context"], given["owner"], given["number"])
    header_key, chain_key, root = split(HKDF(ad, given["seed"], label2("chain-start"), 96))
    return {"associated_data": ad, "header_key": header_key, "chain_key": chain_key, "auth_root": root}


def auth_key_of(root, recipient):
    return HMAC(root, label2("chain-auth-key") + recipient)


def chain_auth_key(given):
    return {"auth_key": auth_key_of(given["auth_root"], given["recipient"])}


def chain_digests(body, associated_data):
    return SHA256(body) + SHA256(associated_data)


def chain_key_slot(given):
    digests = chain_digests(given["body"], given["associated_data"])
    return {"session_associated_data": label2("chain-key-slot") + digests}


def mac_slot(key, body, associated_data):
    return HMAC(key, label2("chain-mac") + chain_digests(body, associated_data))[:16]


def chain_body_key(seed, ad):
    secret = HKDF(bytes(32), seed, label2("chain-message") + SHA256(ad), 44)
    return secret[:32], secret[32:]


def chain_header_mac(key, ad, tag, ciphertext):
    return HMAC(key, label2("chain-header-mac") + ad + tag + ciphertext)[:16]


def chain_seal(given):
    owner, targets, recipients = given["owner"], given["targets"], given["recipients"]
    require(len(targets) <= 4_096 and owner not in targets and len(set(targets)) == len(targets), 370)
    require(set(recipients) <= set(targets), 371)
    n = given["n"]
    require(n < 2**32 - 1, 372)
    ad = chain_ad(given["context"], owner, given["number"])
    header = be32(n) + be64(given["version"]) + given["state_hash"] + given["roster"]
    seed, next_key = step_chain(given["chain_key"])
    callers = given["associated_data"]
    key, nonce = chain_body_key(seed, ad + header + callers)
    text = ChaCha20Poly1305(key).encrypt(nonce, given["plaintext"], ad + header + callers)
    enc, mac = derive_header_keys(given["header_key"])
    tag = text[-16:]
    ciphertext = chacha20(enc, tag[:12], header)
    body = b"\x04" + ciphertext + chain_header_mac(mac, ad, tag, ciphertext) + text
    slots = []
    for target in targets:
        own = auth_key_of(given["auth_root"], target)
        keys = b"\x01" + be32(given["number"]) + be32(n) + given["chain_key"] + given["header_key"] + own
        slots.append(mac_slot(own, body, callers) if target in recipients else keys)
    return {"body": body, "slots": slots, "next_chain_key": next_key}


def read_chain_body(body):
    require(len(body) <= 132_096 + 101, 1)
    require(len(body) >= 1, 14)
    require(body[0] == 4, 2)
    require(len(body) >= 101, 14)
    return body[1:69], body[69:85], body[85:]


def read_chain_keys(slot):
    require(len(slot) <= 105, 1)
    require(len(slot) >= 1, 3)
    require(slot[0] == 1, 2)
    require(len(slot) == 105, 3)
    number, n = struct.unpack(">II", slot[1:9])
    return number, n, *split(slot[9:])


def open_chain_header(ad, header_key, body):
    """The plaintext of a header, or None if it does not authenticate."""
    ciphertext, wanted, text = read_chain_body(body)
    enc, mac = derive_header_keys(header_key)
    if not constant_time.bytes_eq(chain_header_mac(mac, ad, text[-16:], ciphertext), wanted):
        return None
    return chacha20(enc, text[-16:][:12], ciphertext)


class PeerChains:
    def __init__(self, owner, context):
        self.owner, self.context, self.chains = owner, context, {}

    def check_time(self, number, chain, accepted):
        newer = [other["first"] for known, other in self.chains.items() if known > number]
        require(all(accepted <= first for first in newer), 384)
        if chain:
            require(accepted - chain["first"] <= MAX_CHAIN_AGE_MS, 385)

    def open(self, message):
        slot, body, callers = message["slot"], message["body"], message["associated_data"]
        accepted = message["accepted_at_ms"]
        if len(slot) != 16:
            number, slot_n, chain_key, header_key, auth_key = read_chain_keys(slot)
        _, _, text = read_chain_body(body)
        if len(slot) == 16:
            for number in sorted(self.chains, reverse=True):
                chain = self.chains[number]
                ad = chain_ad(self.context, self.owner, number)
                header = open_chain_header(ad, chain["header_key"], body)
                if header:
                    break
            else:
                raise Refused("CHK-373")
            require(constant_time.bytes_eq(mac_slot(chain["auth_key"], body, callers), slot), 374)
            self.check_time(number, chain, accepted)
        else:
            chain = self.chains.get(number)
            if chain:
                require((header_key, auth_key) == (chain["header_key"], chain["auth_key"]), 378)
            ad = chain_ad(self.context, self.owner, number)
            header = open_chain_header(ad, header_key, body)
            require(header is not None, 373)
            require(int.from_bytes(header[:4], "big") == slot_n, 379)
            self.check_time(number, chain, accepted)
            fresh = {"header_key": header_key, "auth_key": auth_key, "key": chain_key, "n": slot_n}
            if not chain:
                chain = fresh | {"first": accepted, "skipped": {}, "given_up": {}}
            elif slot_n - chain["n"] > MAX_CHAIN_GAP:
                passed = dict.fromkeys(range(chain["n"], slot_n), 381)
                chain = chain | fresh | {"given_up": chain["given_up"] | passed}
        n = int.from_bytes(header[:4], "big")
        chain = chain | {
            "skipped": dict(chain["skipped"]),
            "given_up": dict(chain["given_up"]),
            "first": min(chain["first"], accepted),
        }
        if n < chain["n"]:
            # CHK-376 refuses a key that was used. CHK-380 does not take it from a key slot.
            used = 376 if len(slot) == 16 else 380
            require(n in chain["skipped"], chain["given_up"].get(n, used))
            seed = chain["skipped"].pop(n)
        else:
            require(n - chain["n"] <= MAX_CHAIN_GAP and n < 2**32 - 1, 377)
            for skipped in range(chain["n"], n):
                chain["skipped"][skipped], chain["key"] = step_chain(chain["key"])
            seed, chain["key"] = step_chain(chain["key"])
            chain["n"] = n + 1
        ad += header + callers
        key, nonce = chain_body_key(seed, ad)
        try:
            plaintext = ChaCha20Poly1305(key).decrypt(nonce, text, ad)
        except InvalidTag:
            raise Refused("CHK-375") from None
        for oldest in sorted(chain["skipped"])[:-MAX_CHAIN_SKIPPED]:
            del chain["skipped"][oldest]
            chain["given_up"][oldest] = 383
        self.chains[number] = chain
        if len(self.chains) > MAX_CHAINS:
            del self.chains[min(self.chains)]
        version = int.from_bytes(header[4:12], "big")
        claims = {"version": version, "state_hash": header[12:44], "roster": header[44:]}
        return claims | {"number": number, "n": n, "plaintext": plaintext, "chains": sorted(self.chains)}


def chain_open(given):
    peer = PeerChains(given["owner"], given["context"])
    for message in given["messages"][:-1]:
        try:
            peer.open(message)
        except Refused:
            raise AssertionError("only the last message may be refused") from None
    return peer.open(given["messages"][-1])


# ------------------------------------------------------------------------------------ safety number


def fingerprint(party):
    account, public = party["account"], party["account_key"]
    require(1 <= len(account) <= 256, 38)
    digest = SHA256(label2("fingerprint-start") + public + be16(len(account)) + account)
    for _ in range(2, 1_025):
        digest = SHA256(label2("fingerprint-step") + digest + public)
    return digest


def half(digest):
    groups = (int.from_bytes(digest[at : at + 5], "big") % 100_000 for at in range(0, 30, 5))
    return "".join(f"{group:05}" for group in groups)


def safety_number(given):
    ours, theirs = fingerprint(given["ours"]), fingerprint(given["theirs"])
    digits = "".join(sorted([half(ours), half(theirs)]))
    return {"digits": digits, "scannable": bytes([2]) + ours + theirs}


def compare_scanned(given):
    scanned = given["scanned"]
    require(len(scanned) <= 65, 1)
    require(scanned, 3)
    require(scanned[0] == 2, 2)
    require(len(scanned) == 65, 3)
    ours, theirs = fingerprint(given["ours"]), fingerprint(given["theirs"])
    require(scanned[1:] == theirs + ours, 37)
    return {}


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"by", "digits", "from", "side"}


def unhex(text):
    """Decodes hexadecimal, in which (c7*75776) is the byte c7, repeated 75,776 times."""
    return bytes.fromhex(re.sub(r"\((..)\*(\d+)\)", lambda run: run[1] * int(run[2]), text))


def from_json(value, name=""):
    """Decodes a vector. Every string is hexadecimal, except those named in TEXTS."""
    if isinstance(value, dict):
        return {key: from_json(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item, name) for item in value]
    return unhex(value) if isinstance(value, str) and name not in TEXTS else value


def check(vector):
    """Returns None if the vector is met, else what came out instead."""
    operation = globals()[vector["operation"]]
    try:
        outcome = operation(from_json(vector["input"]))
    except Refused as refused:
        wanted = vector.get("must_fail", {}).get("check")
        return None if wanted in refused.args else f"refused by {refused}, not {wanted}"
    if "must_fail" in vector:
        return f"not refused: {vector['must_fail']['check']}"
    expected = from_json(vector["expected"])
    differing = [name for name in expected if outcome.get(name) != expected[name]]
    return f"differs in {', '.join(differing)}" if differing else None


def main():
    passed = failed = skipped = 0
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            if vector["operation"] in OTHERS:
                skipped += 1
                continue
            problem = check(vector)
            if problem:
                failed += 1
                print(f"{path.name} {vector['id']}: {problem}")
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
