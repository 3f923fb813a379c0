"""Checks ../vectors with a second implementation, written from SPEC.md alone.

    pip install cryptography && python3 check_vectors.py

Needs `cryptography` (pyca), for Ed25519, and nothing else.

Each function named after an operation takes the "input" of a vector. It returns what SPEC.md says
must come out, or raises Refused with the number of the check that the input breaks.
"""

import base64
import binascii
import hashlib
import json
import re
import struct
import sys
import unicodedata
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VECTORS = Path(__file__).parent.parent / "vectors"

MAX_ACCOUNT, MAX_DEVICES, MAX_MANAGERS = 128, 8, 4
MAX_DELEGATION, MAX_ROSTER, MAX_PINNED = 487, 1_867, 1_874
MAX_PART, MAX_BUNDLE, MAX_CODE, MAX_TEXT = 2_048, 4_133, 49, 1_024
MAX_VERSIONS, MAX_IDS = 1_000, 100
DAY_MS = 86_400_000


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-260."""


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check}")


# ----------------------------------------------------------------------------------------- notation


def short(data):
    return bytes([len(data)]) + data


def be32(number):
    return struct.pack(">I", number)


def SHA256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Reader:
    """Takes fields from the front of the data. A missing or further byte breaks check 262."""

    def __init__(self, data, longest):
        require(len(data) <= longest, 260)
        self.data = data
        require(self.number(1) == 1, 261)

    def take(self, length):
        require(len(self.data) >= length, 262)
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def medium(self):
        return self.take(self.number(2))

    def account(self):
        return account_of(self.take(self.number(1)))

    def finish(self):
        require(not self.data, 262)


def account_of(data):
    require(1 <= len(data) <= MAX_ACCOUNT, 263)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused("CHK-263") from None
    require(not any(unicodedata.category(character) == "Cc" for character in text), 263)
    return text


# ------------------------------------------------------------------------------------------ Ed25519

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def add(one, other):
    x1, y1 = one
    x2, y2 = other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def is_usable_key(key):
    """Whether the key is a point in its one encoding, and not of small order."""
    y = int.from_bytes(key, "little") & (2**255 - 1)
    sign = key[31] >> 7
    if y >= P:
        return False
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return False
    point = (x if x % 2 == sign else P - x, y)
    for _ in range(3):  # times 8
        point = add(point, point)
    return point != (0, 1)


def verifies(key, message, signature):
    if not is_usable_key(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# --------------------------------------------------------------------------------------------- keys


def account_key(given):
    require(is_usable_key(given["account_key"]), 268)
    return given


def recovery_secret(given):
    public = Ed25519PrivateKey.from_private_bytes(given["secret"]).public_key()
    return {"account_key": public.public_bytes(Encoding.Raw, PublicFormat.Raw)}


# -------------------------------------------------------------------------------------- delegations


def parse_delegation(data, longest):
    reader = Reader(data, longest)
    told = {"account": reader.account(), "account_key": reader.take(32), "epoch": reader.number(4)}
    count = reader.number(1)
    require(1 <= count <= MAX_MANAGERS, 264)
    told["managers"] = [reader.take(64) for _ in range(count)]
    keys = [manager[:32] for manager in told["managers"]]
    require(all(one < following for one, following in zip(keys, keys[1:])), 264)
    reader.finish()
    require(told["epoch"] > 0, 262)
    return told


def check_delegation(told, data, signature):
    for key in [told["account_key"]] + told["managers"]:
        require(is_usable_key(key[:32]), 268)
    message = b"waxseal/1/roster/delegation" + data
    require(verifies(told["account_key"], message, signature), 270)


def decode_delegation(given):
    data = given["delegation"]
    require(len(data) <= MAX_DELEGATION, 260)
    require(data, 262)
    require(data[0] == 1, 261)
    require(len(data) >= 64, 262)
    data, signature = data[:-64], data[-64:]
    told = parse_delegation(data, MAX_DELEGATION)
    check_delegation(told, data, signature)
    return told


# ------------------------------------------------------------------------------------------ rosters


def parse_roster(data):
    reader = Reader(data, MAX_ROSTER)
    told = {"account": reader.account(), "account_key": reader.take(32)}
    for name, length in [("epoch", 4), ("version", 4)]:
        told[name] = reader.number(length)
    told["previous"] = reader.take(32)
    told["at_ms"], told["signer"], count = reader.number(8), reader.number(4), reader.number(1)
    require(1 <= count <= MAX_DEVICES, 265)
    told["devices"] = []
    for _ in range(count):
        device = {"id": reader.number(4), "identity": reader.take(64)}
        require(reader.number(1) == 0, 262)
        device |= {"since": reader.number(4), "proof": reader.take(64)}
        told["devices"].append(device)
    ids = [device["id"] for device in told["devices"]]
    require(all(one < following for one, following in zip(ids, ids[1:])), 265)
    require(len({device["identity"][:32] for device in told["devices"]}) == count, 265)
    reader.finish()
    require(told["epoch"] > 0 and told["version"] > 0, 262)
    require(all(1 <= device["since"] <= told["version"] for device in told["devices"]), 266)
    told["hash"] = SHA256(b"waxseal/1/roster/roster-hash", data)
    told["short_hash"] = told["hash"][:16]
    return told


def decode_roster(data):
    """A signed roster that is not verified."""
    reader = Reader(data, MAX_ROSTER)
    parts = {"roster": reader.medium(), "signature": reader.take(64)}
    parts |= {"delegation": reader.medium(), "delegation_signature": reader.take(64)}
    reader.finish()
    parts["told"] = parse_roster(parts["roster"])
    parts["delegated"] = parse_delegation(parts["delegation"], MAX_ROSTER)
    for device in parts["told"]["devices"]:
        device["manager"] = device["identity"] in parts["delegated"]["managers"]
    return parts


def verified(given):
    parts = decode_roster(given["roster"])
    told, delegated = parts["told"], parts["delegated"]
    require(told["account"] == given["account"], 267)
    for field in ("account", "account_key", "epoch"):
        require(told[field] == delegated[field], 269)
    check_delegation(delegated, parts["delegation"], parts["delegation_signature"])
    signers = [device for device in told["devices"] if device["id"] == told["signer"]]
    require(signers, 271)
    require(signers[0]["manager"], 272)
    message = b"waxseal/2/core/roster" + parts["roster"]
    require(verifies(signers[0]["identity"][:32], message, parts["signature"]), 273)
    name = told["account"].encode()
    for device in told["devices"]:
        require(is_usable_key(device["identity"][:32]), 268)
        context = short(name) + told["account_key"] + be32(device["id"])
        message = b"waxseal/2/core/device-proof" + context
        require(verifies(device["identity"][:32], message, device["proof"]), 274)
    return parts


def verify_roster(given):
    told = verified(given)["told"]
    told["devices"] = [
        {name: device[name] for name in ("id", "identity", "since", "manager")}
        for device in told["devices"]
    ]
    return told


def counting(given):
    told = verified(given)["told"]
    age = given["now_ms"] - told["at_ms"]
    ahead = -age > 7 * DAY_MS
    off = age > 60 * DAY_MS or ahead
    return {
        "counting": [device["id"] for device in told["devices"] if not off or device["manager"]],
        "due": age >= 30 * DAY_MS or ahead,
    }


# ------------------------------------------------------------------------------------- what is kept


def read_pinned(data):
    reader = Reader(data, MAX_PINNED)
    highest, signed = reader.number(4), reader.medium()
    reader.finish()
    parts = decode_roster(signed)
    require(highest >= parts["told"]["devices"][-1]["id"], 262)
    return highest, parts


def decode_pinned(given):
    highest, parts = read_pinned(given["pinned"])
    next_id = highest + 1 if highest < 2**32 - 1 else None
    return {"next_id": next_id} | parts["told"]


def take(given):
    highest, kept = read_pinned(given["pinned"])
    new = verified(given)
    same = {"added": [], "removed": [], "replaced": [], "pinned": given["pinned"]}
    old_told, told = kept["told"], new["told"]
    require(told["account_key"] == old_told["account_key"], 275)
    within = told["epoch"] == old_told["epoch"]
    require(not within or new["delegation"] == kept["delegation"], 276)
    stamps = [(one["epoch"], one["version"]) for one in (old_told, told)]
    if stamps[1] < stamps[0]:
        return {"change": "older"} | same
    if stamps[1] == stamps[0]:
        require(told["hash"] == old_told["hash"], 277)
        return {"change": "same"} | same
    old = {device["id"]: device["identity"] for device in old_told["devices"]}
    ids = {device["id"]: device["identity"] for device in told["devices"]}
    largest = max(ids)
    if within:
        require(told["version"] - old_told["version"] <= MAX_VERSIONS, 278)
        require(largest - highest <= MAX_IDS, 278)
        for device, identity in ids.items():
            require(old[device] == identity if device in old else device > highest, 279)
        largest = max(largest, highest)
    return {
        "change": "newer",
        "added": [device for device in ids if device not in old],
        "removed": [device for device in old if device not in ids],
        "replaced": [device for device in ids if device in old and old[device] != ids[device]],
        "pinned": b"\x01" + be32(largest) + struct.pack(">H", len(given["roster"])) + given["roster"],
    }


# ------------------------------------------------------------------------------------------ linking


def decode_link_code(given):
    reader = Reader(given["code"], MAX_CODE)
    digest, secret = reader.take(32), reader.take(16)
    reader.finish()
    text = base64.urlsafe_b64encode(given["code"]).decode().rstrip("=")
    return {
        "digest": digest,
        "secret": secret,
        "mailbox": SHA256(b"waxseal/1/roster/link-mailbox", secret)[:16],
        "text": "waxseal-link:" + text,
    }


def read_link_text(given):
    require(len(given["text"].encode()) <= MAX_TEXT, 260)
    text = given["text"].strip()
    require(text.startswith("waxseal-link:"), 262)
    code = text.removeprefix("waxseal-link:")
    require(re.fullmatch("[A-Za-z0-9_-]*", code), 262)
    try:
        data = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    except binascii.Error:
        raise Refused("CHK-262") from None
    require(base64.urlsafe_b64encode(data).decode().rstrip("=") == code, 262)
    return decode_link_code({"code": data})


def decode_link_bundle(given):
    reader = Reader(given["bundle"], MAX_BUNDLE)
    base, one_time, commitment = reader.medium(), reader.medium(), reader.take(32)
    reader.finish()
    require(max(len(base), len(one_time)) <= MAX_PART, 260)
    require(base, 262)
    return {"base": base, "one_time": one_time, "commitment": commitment}


def fits(given):
    code = decode_link_code(given)
    require(SHA256(b"waxseal/1/roster/link-bundle", given["bundle"]) == code["digest"], 281)
    return code


def link_digits(given):
    bundle = decode_link_bundle(given)
    commitment = SHA256(b"waxseal/1/roster/link-commitment", given["x"])
    require(commitment == bundle["commitment"], 282)
    digest = SHA256(b"waxseal/1/roster/link-digits", given["session_digest"], given["x"])
    return {"digits": f"{int.from_bytes(digest[:8], 'big') % 10_000:04}"}


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"account", "change", "digits", "text"}


def unhex(text):
    """Decodes hexadecimal, in which (c7*75776) is the byte c7, repeated 75,776 times."""
    return re.sub(r"\((..)\*(\d+)\)", lambda run: run[1] * int(run[2]), text)


def from_json(value, name=""):
    """Decodes a vector. Every string is hexadecimal, except those named in TEXTS."""
    if isinstance(value, dict):
        return {key: from_json(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item, name) for item in value]
    return bytes.fromhex(unhex(value)) if isinstance(value, str) and name not in TEXTS else value


def check(vector):
    """Returns None if the vector is met, else what came out instead."""
    operation = globals()[vector["operation"]]
    try:
        outcome = operation(from_json(vector["input"]))
    except Refused as refused:
        wanted = vector.get("must_fail", {}).get("check")
        return None if str(refused) == wanted else f"refused by {refused}, not {wanted}"
    if "must_fail" in vector:
        return f"not refused: {vector['must_fail']['check']}"
    expected = from_json(vector["expected"])
    differing = [name for name in expected if outcome.get(name) != expected[name]]
    return f"differs in {', '.join(differing)}" if differing else None


def main():
    passed = failed = 0
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            problem = check(vector)
            if problem:
                failed += 1
                print(f"{path.name} {vector['id']}: {problem}")
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
