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

DAY_MS = 86_400_000
MAX_ENTRY, MAX_DETAIL, MAX_SIZE = 256, 4_096, 2**63 - 1
MAX_RULE, MAX_STATEMENT = 255, 3_600
MAX_NOTE, MAX_SIGNATURES, MAX_NAME = 65_536, 32, 255
MAX_WITNESSES, MAX_KEYS, MAX_REQUEST = 14, 16_384, 69_632
MAX_PROMISE, MAX_RECEIPT, MAX_ITEMS, MAX_PROOF = 65_536, 1_048_576, 1_024, 64
MAX_OF_KIND, MAX_SILENCE_S, SKEW_S = 64, 36 * 3_600, 300
PROMISE_LINE = "waxseal.promise/1"


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-130."""


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check}")


# ----------------------------------------------------------------------------------------- notation


def be16(number):
    return struct.pack(">H", number)


def be32(number):
    return struct.pack(">I", number)


def be64(number):
    return struct.pack(">Q", number)


def medium(data):
    return be16(len(data)) + data


def SHA256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decimal(text, check):
    require(text == "0" or re.fullmatch("[1-9][0-9]*", text), check)
    return int(text)


def unbase64(text, check):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"CHK-{check}") from None
    require(base64.b64encode(data).decode() == text, check)
    return data


def b64(data):
    return base64.b64encode(data).decode()


def utf8(data, check):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(f"CHK-{check}") from None


def controls(text):
    return any(unicodedata.category(character) == "Cc" for character in text)


class Reader:
    """Takes fields from the front of the data. A missing field breaks `check`."""

    def __init__(self, data, check):
        self.data, self.check = data, check

    def take(self, length):
        require(len(self.data) >= length, self.check)
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def prefixed(self, length_of_length):
        return self.take(self.number(length_of_length))

    def finish(self):
        require(self.data == b"", self.check)


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
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ------------------------------------------------------------------------------------------ entries

PURPOSES = [None, "user_report", "appeal", "legal_request", "child_safety", "quality_audit", "emergency", "identify"]
MEASURES = ["none", "warning", "content_removed", "feature_restricted", "suspended", "terminated", "referred"]
SIDES = [None, "reporter", "account"]
TARGETS = [None, "coop", "osprey", "ncmec", "dsa", "webhook"]
BASES = [None, "court_order", "warrant", "subpoena", "emergency_disclosure", "preservation", "other"]
REVIEWS = [None, "justified", "not_justified"]
ENDS = [None, "upheld", "reversed"]
ANSWERS = [None, "produced", "partly", "refused", "not_held"]
KEYS = [None, "stamp", "moderation", "acceptance", "log", "vault", "officer", "policy"]

# (field, bytes, lowest, highest); bytes for the fields that are no numbers
REASON, PURPOSE = ("reason", 1, 1, 16), ("purpose", 1, 1, 7)
SIDE, KEY, U32 = ("side", 1, 1, 2), ("key", 1, 1, 7), (4, 0, 2**32 - 1)
FIELDS = {
    1: [],
    2: [("check", 1, 0, 255)],
    3: [REASON],
    4: [PURPOSE, ("mark", 16)],
    5: [PURPOSE],
    6: [PURPOSE],
    7: [PURPOSE],
    8: [PURPOSE],
    9: [("outcome", 1, 1, 2)],
    10: [],
    11: [REASON, ("measure", 1, 0, 6), ("openings", *U32), ("days", *U32)],
    12: [SIDE],
    13: [SIDE],
    14: [("outcome", 1, 1, 2), ("days", *U32)],
    15: [("target", 1, 1, 5)],
    16: [("basis", 1, 1, 6)],
    17: [("outcome", 1, 1, 4), ("items", *U32)],
    18: [],
    19: [],
    20: [KEY],
    21: [KEY],
    22: [("version", *U32), ("policy", 32), ("signature", 64)],
    23: [],
    24: [],
}


def leaf_hash(entry):
    return SHA256(b"\0", entry)


def read_entry(data, check=130):
    require(len(data) <= MAX_ENTRY, check)
    reader = Reader(data, check)
    require(reader.number(1) == 1, check)
    kind = reader.number(1)
    require(kind in FIELDS, check)
    entry = {"kind": kind, "day": reader.number(4), "number": reader.take(16), "fields": {}}
    for name, length, *bounds in FIELDS[kind]:
        if bounds:
            value = reader.number(length)
            require(bounds[0] <= value <= bounds[1], check)
        else:
            value = reader.take(length)
        entry["fields"][name] = value
    entry["digest"] = reader.take(32)
    reader.finish()
    entry["leaf_hash"] = leaf_hash(data)
    return entry


def decode_entry(given):
    return read_entry(given["entry"])


def detail_digest(salt, detail):
    return SHA256(b"waxseal/log/1/detail", salt, detail)


def check_detail(given):
    require(len(given["detail"]) <= MAX_DETAIL, 131)
    digest = detail_digest(given["salt"], given["detail"])
    require(read_entry(given["entry"])["digest"] == digest, 131)
    return {"digest": digest}


def number_of(digest):
    return SHA256(b"waxseal/log/1/number", digest)[:16]


def report_digest(given):
    digest = SHA256(b"waxseal/log/1/report", given["sealed_report"])
    return {"report_digest": digest, "number": number_of(digest)}


def account_commitment(salt, account):
    return SHA256(b"waxseal/log/1/account", salt, account)


def report_commitment(salt, digest):
    return SHA256(b"waxseal/log/1/link-to-report", salt, digest)


def commitments(given):
    salt = given["salt"]
    return {
        "account": account_commitment(salt, given["account"]),
        "report": report_commitment(salt, given["report_digest"]),
        "officer": SHA256(b"waxseal/log/1/officer", salt, given["officer_key"]),
    }


def policy_is_signed(origin, fields, key):
    message = b"waxseal/log/1/policy" + medium(origin.encode()) + be32(fields["version"]) + fields["policy"]
    return is_usable_key(key) and verifies(key, message, fields["signature"])


def check_policy(given):
    require(policy_is_signed(given["origin"], given, given["policy_key"]), 159)
    return {}


# --------------------------------------------------------------------------------------------- tree


def node(left, right):
    return SHA256(b"\1", left, right)


def root_of(leaves):
    """RFC 6962: MTH, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else SHA256()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root_of(leaves[:split]), root_of(leaves[split:]))


def peaks_of(leaves):
    peaks, start = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            peaks.append(root_of(leaves[start : start + (1 << bit)]))
            start += 1 << bit
    return peaks


def tree(given):
    leaves = [leaf_hash(entry) for entry in given["entries"]]
    frontier = b"\1" + be64(len(leaves)) + b"".join(peaks_of(leaves))
    return {"root": root_of(leaves), "frontier": frontier}


def decode_frontier(given):
    reader = Reader(given["frontier"], 132)
    require(reader.number(1) == 1, 132)
    size = reader.number(8)
    require(size <= MAX_SIZE, 132)
    peaks = [reader.take(32) for _ in range(size.bit_count())]
    reader.finish()
    root = peaks.pop() if peaks else SHA256()
    while peaks:
        root = node(peaks.pop(), root)
    return {"size": size, "root": root}


def tile_path(given):
    digits = str(given["index"])
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    if given["width"] < 256:
        path += f".p/{given['width']}"
    return {"path": f"tile/{given['level']}/{path}", "bundle_path": f"tile/entries/{path}"}


def decode_bundle(given):
    require(given["width"] <= 256, 133)
    reader = Reader(given["bundle"], 133)
    entries = [reader.prefixed(2) for _ in range(given["width"])]
    reader.finish()
    require(all(len(entry) <= MAX_ENTRY for entry in entries), 133)
    return {"entries": entries}


def is_included(leaf, index, size, root, proof):
    """RFC 9162, “Verifying an Inclusion Proof”."""
    if index >= size or size > MAX_SIZE or len(proof) > MAX_PROOF:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def is_consistent(old, old_root, new, new_root, proof):
    """RFC 9162, “Verifying Consistency between Two Tree Heads”."""
    if old > new or new > MAX_SIZE or len(proof) > MAX_PROOF:
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == SHA256())
    if old == 0:
        return not proof and old_root == SHA256()
    if old & (old - 1) == 0:
        proof = [old_root] + proof
    if not proof:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


def verify_inclusion(given):
    fields = ("leaf_hash", "index", "size", "root", "proof")
    require(is_included(*(given[name] for name in fields)), 134)
    return {}


def verify_consistency(given):
    fields = ("old_size", "old_root", "new_size", "new_root", "proof")
    require(is_consistent(*(given[name] for name in fields)), 135)
    return {}


# -------------------------------------------------------------------------------------------- notes


def is_name(name):
    spaces = any(character.isspace() for character in name)
    return 0 < len(name.encode()) <= MAX_NAME and not spaces and not controls(name) and "+" not in name


def key_id(name, algorithm, key):
    return SHA256(name.encode(), b"\n", bytes([algorithm]), key)[:4]


def vkey_text(name, algorithm, key):
    return f"{name}+{key_id(name, algorithm, key).hex()}+{b64(bytes([algorithm]) + key)}"


def read_vkey(text, check=146):
    parts = text.split("+", 2)
    require(len(parts) == 3, check)
    name, algorithm_and_key = parts[0], unbase64(parts[2], check)
    require(is_name(name) and len(algorithm_and_key) == 33, check)
    algorithm, key = algorithm_and_key[0], algorithm_and_key[1:]
    require(algorithm in (1, 4) and is_usable_key(key), check)
    require(vkey_text(name, algorithm, key) == text, check)
    return {"name": name, "algorithm": algorithm, "public_key": key, "key_id": key_id(name, algorithm, key)}


def decode_vkey(given):
    return read_vkey(given["vkey"])


def read_note(data, check=136):
    require(len(data) <= MAX_NOTE, check)
    whole = utf8(data, check)
    end = whole.rfind("\n\n")
    require(end >= 0 and whole.endswith("\n"), check)
    text, lines = whole[: end + 1], whole[end + 2 :]
    require(not any(character < " " and character != "\n" for character in text), check)
    lines = lines.removesuffix("\n").split("\n")
    require(1 <= len(lines) <= MAX_SIGNATURES, check)
    signatures = []
    for line in lines:
        parts = line.split(" ", 2)
        require(len(parts) == 3 and parts[0] == "\u2014" and is_name(parts[1]), check)
        signature = unbase64(parts[2], check)
        require(len(signature) >= 5, check)
        signatures.append({"name": parts[1], "key_id": signature[:4], "signature": signature[4:]})
    return {"text": text, "signatures": signatures}


def decode_note(given):
    note = read_note(given["bytes"])
    for signature in note["signatures"]:
        del signature["signature"]
    return note


def cosigned(text, time):
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def signature_of(note, vkey):
    """The last time at which the key signed (0 without a time), or None if it did not."""
    times = []
    for one in note["signatures"]:
        if (one["name"], one["key_id"]) != (vkey["name"], vkey["key_id"]):
            continue
        message, signature, time = note["text"].encode(), one["signature"], 0
        if vkey["algorithm"] == 4:
            require(len(signature) == 72, 137)
            time = int.from_bytes(signature[:8], "big")
            require(time < 2**63, 137)
            message, signature = cosigned(note["text"], time), signature[8:]
        require(len(signature) == 64 and verifies(vkey["public_key"], message, signature), 137)
        times.append(time)
    return max(times, default=None)


def read_checkpoint(text, check=138):
    require(text.endswith("\n"), check)
    lines = text[:-1].split("\n")
    require(len(lines) >= 3, check)
    origin, size, root = lines[0], decimal(lines[1], check), unbase64(lines[2], check)
    require(0 < len(origin.encode()) <= MAX_NAME and origin != PROMISE_LINE, check)
    require(all(line and not controls(line) for line in [origin] + lines[3:]), check)
    require(size <= MAX_SIZE and len(root) == 32, check)
    return {"origin": origin, "size": size, "root": root, "lines": lines[3:]}


def decode_checkpoint(given):
    return read_checkpoint(given["text"])


def read_keys(text):
    require(len(text.encode()) <= MAX_KEYS and text.endswith("\n"), 142)
    lines = text[:-1].split("\n")

    def line(name):
        if lines and lines[0].startswith(name + " "):
            return lines.pop(0)[len(name) + 1 :]
        return None

    def key(name):
        vkey = line(name)
        return None if vkey is None else read_vkey(vkey)

    log, vault, witnesses = key("log"), key("vault"), []
    while witness := key("witness"):
        witnesses.append(witness)
    quorum, policy = line("quorum"), line("policy")
    require(log and vault and quorum is not None and not lines, 142)
    quorum = decimal(quorum, 142)
    if policy is not None:
        policy = unbase64(policy, 142)
        require(len(policy) == 32 and is_usable_key(policy), 142)
    cosigners = [vault] + witnesses
    require(log["algorithm"] == 1 and all(one["algorithm"] == 4 for one in cosigners), 142)
    require(len(witnesses) <= MAX_WITNESSES and quorum <= len(witnesses), 142)
    notes = cosigners + [log]
    keys = [one["public_key"] for one in notes] + ([policy] if policy else [])
    require(len(set(keys)) == len(keys), 142)
    require(len({(one["name"], one["key_id"]) for one in notes}) == len(notes), 142)
    require(log["name"] != PROMISE_LINE, 142)
    return {"log": log, "vault": vault, "witnesses": witnesses, "quorum": quorum, "policy_key": policy}


def decode_keys(given):
    keys = read_keys(given["keys"])
    keys["origin"], keys["witnesses"] = keys["log"]["name"], len(keys["witnesses"])
    return keys


def accept(keys, note):
    """Checks 137 to 141 of a note."""
    require(signature_of(note, keys["log"]) is not None, 139)
    checkpoint = read_checkpoint(note["text"])
    require(checkpoint["origin"] == keys["log"]["name"], 139)
    times = [signature_of(note, witness) for witness in keys["witnesses"]]
    checkpoint["witness_times"] = [time for time in times if time is not None]
    require(len(checkpoint["witness_times"]) >= keys["quorum"], 141)
    checkpoint["vault_time"] = signature_of(note, keys["vault"])
    require(checkpoint["vault_time"] is not None, 140)
    return checkpoint


def verify_checkpoint(given):
    return accept(read_keys(given["keys"]), read_note(given["note"].encode()))


# ---------------------------------------------------------------------------------------- witnesses


def cosign(given):
    key = Ed25519PrivateKey.from_private_bytes(given["seed"])
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name, time = given["name"], given["time_secs"]
    signature = key_id(name, 4, public) + be64(time) + key.sign(cosigned(given["text"], time))
    return {"line": f"\u2014 {name} {b64(signature)}", "vkey": vkey_text(name, 4, public)}


def add_checkpoint(given):
    reader = Reader(given["state"], 0)
    require(reader.number(1) == 1, 0)
    logs = {}
    for _ in range(reader.number(2)):
        vkey = reader.prefixed(2).decode()
        log = read_vkey(vkey)
        logs[log["name"]] = [vkey, log, reader.number(8), reader.take(32)]
    reader.finish()

    require(len(given["body"]) <= MAX_REQUEST, 143)
    head, empty, rest = utf8(given["body"], 143).partition("\n\n")
    lines = head.split("\n")
    require(empty and lines[0].startswith("old ") and len(lines) <= 64, 143)
    old = decimal(lines[0][4:], 143)
    proof = [unbase64(line, 143) for line in lines[1:]]
    require(all(len(one) == 32 for one in proof), 143)
    note = read_note(rest.encode(), 143)
    checkpoint = read_checkpoint(note["text"], 143)
    require(checkpoint["origin"] in logs, 143)
    log = logs[checkpoint["origin"]]
    try:
        require(signature_of(note, log[1]) is not None, 143)
    except Refused:
        raise Refused("CHK-143") from None
    size, root = checkpoint["size"], checkpoint["root"]
    require(old <= size, 143)
    require(old == log[2] and (size != log[2] or root == log[3]), 144)
    require(is_consistent(log[2], log[3], size, root, proof), 145)
    log[2:] = [size, root]
    state = b"\1" + be16(len(logs))
    for vkey, _, size, root in logs.values():
        state += medium(vkey.encode()) + be64(size) + root
    return {"line": cosign(given | {"text": note["text"]})["line"], "state": state}


def read_answer(given):
    if given["status"] == 409:
        return {"size": decimal(given["body"].decode().removesuffix("\n"), 137)}
    require(given["status"] == 200, 137)
    text = read_note(given["note"].encode())["text"]
    note = read_note(text.encode() + b"\n" + given["body"], 137)
    vkey = read_vkey(given["vkey"])
    require(note["text"] == text and signature_of(note, vkey) is not None, 137)
    own = [one for one in note["signatures"] if one["key_id"] == vkey["key_id"]]
    return {"line": f"\u2014 {own[0]['name']} {b64(own[0]['key_id'] + own[0]['signature'])}"}


# ----------------------------------------------------------------------------------------- promises


def due_ms(day):
    return (day + 3) * DAY_MS


def read_promised(note, log):
    """The leaf that a promise's note promises: its day and hash."""
    try:
        require(signature_of(note, log) is not None, 149)
    except Refused:
        raise Refused("CHK-149") from None
    lines = note["text"].split("\n")
    require(len(lines) == 5 and lines[4] == "", 149)
    require(lines[0] == PROMISE_LINE and lines[1] == log["name"], 149)
    day, leaf = decimal(lines[2], 149), unbase64(lines[3], 149)
    require(day < 2**32 and len(leaf) == 32, 149)
    return day, leaf


def read_promise(data):
    require(len(data) <= MAX_PROMISE, 148)
    reader = Reader(data, 148)
    require(reader.number(1) == 1, 148)
    note = read_note(reader.prefixed(2), 148)
    entry = read_entry(reader.prefixed(1), 148)
    salt, detail = reader.take(32), reader.prefixed(2)
    reader.finish()
    require(len(detail) <= MAX_DETAIL, 148)
    return note, entry, salt, detail


def verified_promise(data, log, digest, now_ms):
    note, entry, salt, detail = read_promise(data)
    day, leaf = read_promised(note, log)
    require(entry["kind"] in (1, 2) and (entry["day"], entry["leaf_hash"]) == (day, leaf), 150)
    require(detail_digest(salt, detail) == entry["digest"] and len(detail) == 40, 151)
    accepted = int.from_bytes(detail[32:], "big")
    require(detail[:32] == digest and accepted // DAY_MS == day, 151)
    require(entry["number"] == number_of(digest), 151)
    require(now_ms is None or day <= now_ms // DAY_MS + 1, 152)
    return {
        "rejected": entry["fields"].get("check"),
        "day": day,
        "leaf_hash": leaf,
        "number": entry["number"],
        "accepted_ms": accepted,
        "due_ms": due_ms(day),
        "report_digest": digest,
    }


def verify_promise(given):
    return verified_promise(given["promise"], read_vkey(given["vkey"]), given["report_digest"], given["now_ms"])


# ----------------------------------------------------------------------------------------- receipts


def read_receipt(data):
    require(len(data) <= MAX_RECEIPT, 153)
    reader = Reader(data, 153)
    require(reader.number(1) == 1, 153)
    role = reader.number(1)
    require(role in (1, 2), 153)
    note, items = read_note(reader.prefixed(2), 153), []
    count = reader.number(2)
    require(count <= MAX_ITEMS, 153)

    def hashes():
        count = reader.number(1)
        require(count <= MAX_PROOF, 153)
        return [reader.take(32) for _ in range(count)]

    for _ in range(count):
        item = {"index": reader.number(8), "entry": read_entry(reader.prefixed(1), 153), "proof": hashes()}
        shown = reader.number(1)
        require(shown in (0, 1), 153)
        item["detail"] = (reader.take(32), reader.prefixed(2)) if shown else None
        require(not shown or len(item["detail"][1]) <= MAX_DETAIL, 153)
        require(not items or items[-1]["index"] < item["index"], 153)
        items.append(item)
    for item in items:
        if item["entry"]["kind"] == 11 and item["detail"]:
            item["link"] = [reader.take(32)]
            if role == 1:
                item["link"] += [reader.number(4), hashes()]
    reader.finish()
    return role, note, items


def text_of(data, longest):
    require(len(data) <= longest, 155)
    return utf8(data, 155)


def read_detail(item):
    """The shown detail of kinds 11 to 14, or None."""
    if not item["detail"]:
        return None
    reader, kind = Reader(item["detail"][1], 155), item["entry"]["kind"]
    if kind == 11:
        detail = {"case": reader.take(16), "officer": reader.take(32), "policy": reader.take(32)}
        detail["rule"] = text_of(reader.prefixed(1), MAX_RULE)
        detail["statement"] = text_of(reader.prefixed(2), MAX_STATEMENT)
        detail["appeal_until_ms"] = reader.number(8)
        detail["account"], detail["reports_root"] = reader.take(32), reader.take(32)
        detail["reports_count"] = reader.number(4)
    elif kind == 12:
        detail = {"leaf": reader.take(32), "side": reader.number(1)}
        require(detail["side"] in (1, 2), 155)
    elif kind == 13:
        detail = {"leaf": reader.take(32), "text_digest": reader.take(32)}
    else:
        detail = {"leaf": reader.take(32), "statement": text_of(reader.prefixed(2), MAX_STATEMENT)}
        detail["officer"] = reader.take(32)
    reader.finish()
    return detail


def names_reader(item, detail, promise, account):
    if promise is None:
        return account_commitment(item["link"][0], account) == detail["account"]
    salt, index, path = item["link"]
    leaf = leaf_hash(report_commitment(salt, promise["report_digest"]))
    return is_included(leaf, index, detail["reports_count"], detail["reports_root"], path)


def days_late(kind):
    return 2 if kind in (1, 2) else 1


def tell(given, data):
    """What a receipt tells, with the entries that it shows."""
    role, note, items = read_receipt(data)
    account, keys = given["account"], read_keys(given["keys"])
    require(role == (1 if account is None else 2), 156)
    promise = None
    if account is None:
        promise = verified_promise(given["promise"], keys["log"], given["report_digest"], None)
    checkpoint = accept(keys, note)
    for item in items:
        entry = item["entry"]
        proven = (entry["leaf_hash"], item["index"], checkpoint["size"], checkpoint["root"], item["proof"])
        require(is_included(*proven), 154)
        if item["detail"]:
            require(detail_digest(*item["detail"]) == entry["digest"], 155)
        if entry["kind"] <= 4:
            require(promise and entry["number"] == promise["number"], 156)
        else:
            require(entry["kind"] in (11, 12, 13, 14, 23), 156)
    told = {
        "size": checkpoint["size"], "root": checkpoint["root"], "vault_time": checkpoint["vault_time"],
        "received": None, "rejected": None, "sorted": None, "openings": [], "decisions": [],
        "notices": [], "appeals": [], "erased": None, "contradictions": [],
        "shown": {item["index"]: item["entry"]["leaf_hash"] for item in items},
        "numbers": {promise["number"]} if promise else set(),
    }  # fmt: skip
    walk(told, items, promise, account)
    return told


def walk(told, items, promise, account):
    found, latest, marks, decisions, appeals = told["contradictions"], None, set(), [], []
    erased = {item["entry"]["number"] for item in items if item["entry"]["kind"] == 23}
    for item in items:
        entry, index = item["entry"], item["index"]
        kind, day, number, fields = entry["kind"], entry["day"], entry["number"], entry["fields"]
        if latest is not None and day + days_late(kind) < latest:
            found.append(f"BackDated {index}")
        latest = day if latest is None else max(latest, day)
        detail = read_detail(item) if 11 <= kind <= 14 else None

        def follows():
            leaves = [leaf for case, leaf in decisions if case == number]
            return bool(leaves) and (detail is None or detail["leaf"] in leaves)

        if kind in (1, 2):
            if entry["leaf_hash"] != promise["leaf_hash"]:
                found.append(f"NotAsPromised {index}")
            elif told["received"] is not None or told["rejected"] is not None:
                found.append(f"Repeated {index}")
            elif kind == 1:
                told["received"] = day
            else:
                told["rejected"] = [day, fields["check"]]
        elif kind == 3:
            if told["sorted"] is not None:
                found.append(f"Repeated {index}")
                continue
            told["sorted"] = [day, fields["reason"]]
            if promise["rejected"] is not None:
                found.append(f"RejectedYetUsed {index}")
        elif kind == 4:
            told["openings"].append([day, fields["purpose"]])
            if promise["rejected"] is not None:
                found.append(f"RejectedYetUsed {index}")
            elif fields["mark"] in marks:
                found.append(f"MarkTwice {index}")
            marks.add(fields["mark"])
        elif kind == 11:
            if detail and not names_reader(item, detail, promise, account):
                found.append(f"NotAboutReader {index}")
                continue
            if not detail and number not in erased:
                found.append(f"NoDetail {index}")
                continue
            decisions.append((number, entry["leaf_hash"]))
            told["numbers"].add(number)
            said = {name: (detail or {}).get(name) for name in ("rule", "statement", "appeal_until_ms")}
            told["decisions"].append({"day": day} | fields | said)
            openings, days = len(told["openings"]), 0
            if told["received"] is not None:
                days = max(0, day - told["received"])
            if fields["openings"] < openings:
                found.append(f"FewerOpenings {index} {fields['openings']} {openings}")
            elif fields["days"] + 1 < days:
                found.append(f"FewerDays {index} {fields['days']} {days}")
        elif kind in (12, 13, 23):
            if not follows():
                found.append(f"WithoutDecision {index}")
            elif kind == 12:
                told["notices"].append([day, fields["side"]])
            elif kind == 13:
                appeals.append((number, entry["leaf_hash"]))
                told["appeals"].append({"day": day, "side": fields["side"]})
            else:
                told["erased"] = day
        else:
            open_ones = [one for one in appeals if one[0] == number]
            if detail:
                open_ones = [one for one in open_ones if one[1] == detail["leaf"]]
            if not open_ones:
                found.append(f"WithoutAppeal {index}")
                continue
            appeals.remove(open_ones[0])
            told["appeals"].append({"day": day} | fields | {"statement": (detail or {}).get("statement")})
    if promise and told["received"] is None and told["rejected"] is None:
        if told["vault_time"] * 1_000 >= promise["due_ms"]:
            found.append("PromiseBroken")


def verify_receipt(given):
    return tell(given, given["receipt"])


def compare_receipts(given):
    later, earlier = tell(given, given["receipt"]), tell(given, given["earlier"])
    found, missing = [], []
    if later["size"] < earlier["size"]:
        found.append("OlderCheckpoint")
    if later["size"] == earlier["size"] and later["root"] != earlier["root"]:
        found.append("Forked")
    for index, leaf in earlier["shown"].items():
        if index in later["shown"]:
            found += ["Forked"] if later["shown"][index] != leaf else []
        elif index < later["size"]:
            found.append(f"Dropped {index}")
    for index, data in enumerate(given["entries"][: later["size"]]):
        entry = read_entry(data)
        if index in later["shown"]:
            if later["shown"][index] != entry["leaf_hash"]:
                missing.append(f"NotInLog {index}")
        elif entry["number"] in later["numbers"]:
            missing.append(f"LeftOut {index}")
    return {"contradictions": found, "missing": missing}


# -------------------------------------------------------------------------------------------- audit

ROWS = {  # kind: (name, field, names of its values)
    1: ("reports_received", None, None),
    2: ("reports_rejected", "check", None),
    3: ("reports_sorted", "reason", None),
    4: ("openings", "purpose", PURPOSES),
    5: ("grants_requested", "purpose", PURPOSES),
    6: ("grants_approved", "purpose", PURPOSES),
    7: ("grants_denied", "purpose", PURPOSES),
    8: ("grants_expired", "purpose", PURPOSES),
    9: ("emergencies_reviewed", "outcome", REVIEWS),
    10: ("emergencies_overdue", None, None),
    12: ("notices", "side", SIDES),
    13: ("appeals_filed", "side", SIDES),
    14: ("appeals_decided", "outcome", ENDS),
    15: ("exports", "target", TARGETS),
    16: ("legal_requests", "basis", BASES),
    17: ("legal_answers", "outcome", ANSWERS),
    18: ("holds_placed", None, None),
    19: ("holds_lifted", None, None),
    20: ("keys_created", "key", KEYS),
    21: ("keys_destroyed", "key", KEYS),
    22: ("policies_published", None, None),
    23: ("contents_erased", None, None),
    24: ("files_fetched", None, None),
}


def count(entries, first, last):
    entries = [entry for entry in entries if first <= entry["day"] <= last]
    always = ["entries", "legal_items"] + [name for name, field, _ in ROWS.values() if field is None]
    rows, by_report = dict.fromkeys(always, 0), {}
    days = {"days_to_decision": [], "days_to_appeal_decision": []}
    for entry in entries:
        kind, fields = entry["kind"], entry["fields"]
        rows["entries"] += 1
        if kind == 11:
            name = f"decisions.{fields['reason']}.{MEASURES[fields['measure']]}"
            days["days_to_decision"].append(fields["days"])
        else:
            name, field, names = ROWS[kind]
            if field:
                name += "." + (names[fields[field]] if names else str(fields[field]))
        rows[name] = rows.get(name, 0) + 1
        if kind in (1, 4):
            by_report[entry["number"]] = by_report.get(entry["number"], 0) + (kind == 4)
        if kind == 14:
            days["days_to_appeal_decision"].append(fields["days"])
        if kind == 17:
            rows["legal_items"] += fields["items"]
    for openings in by_report.values():
        name = f"openings_per_report.{openings}"
        rows[name] = rows.get(name, 0) + 1
    for name, all_days in days.items():
        if all_days:
            half = sorted(all_days)[(len(all_days) + 1) // 2 - 1]
            rows |= {f"{name}.median": half, f"{name}.maximum": max(all_days), f"{name}.total": sum(all_days)}
    return rows


class Auditor:
    def __init__(self, keys):
        self.keys, self.entries, self.found = keys, [], []
        self.latest = self.vault_time = self.last_cosigned = self.version = None
        self.since = []  # entries after the last checkpoint
        self.marks, self.received, self.arrived, self.sorted, self.grants = set(), set(), set(), set(), {}
        self.decided, self.open_appeals, self.used = set(), {}, {}

    def entry(self, data):
        index, entry = len(self.entries), read_entry(data, 158)
        kind, day, number, fields = entry["kind"], entry["day"], entry["number"], entry["fields"]

        def find(name, condition):
            if condition:
                self.found.append(f"{name} {index}")

        allowed = day + days_late(kind)
        before = self.latest is not None and allowed < self.latest
        seen = self.vault_time is not None and allowed < self.vault_time // 86_400
        find("BackDated", before or seen)
        self.latest = day if self.latest is None else max(self.latest, day)
        if kind == 1:
            self.received.add(number)
        if kind in (1, 2):
            find("ReceivedTwice", number in self.arrived)
            self.arrived.add(number)
        if kind == 3:
            find("SortedTwice", number in self.sorted)
            self.sorted.add(number)
        if kind in (3, 4):
            self.used.setdefault(number, (index, day))
        if kind == 4:
            find("MarkTwice", fields["mark"] in self.marks)
            self.marks.add(fields["mark"])
        if 5 <= kind <= 10:
            self.grant(kind, number, fields.get("purpose"), find)
        if kind == 11:
            self.decided.add(number)
        find("WithoutDecision", kind in (12, 13) and number not in self.decided)
        if kind == 13 and number in self.decided:
            self.open_appeals[number] = self.open_appeals.get(number, 0) + 1
        if kind == 14:
            find("WithoutAppeal", not self.open_appeals.get(number))
            self.open_appeals[number] = max(0, self.open_appeals.get(number, 0) - 1)
        if kind == 22:
            self.policy(fields, find)
        self.entries.append(entry)
        self.since.append((day, index))

    def grant(self, kind, number, purpose, find):
        grant = self.grants.get(number)
        if kind == 5:
            find("GrantContradicts", grant is not None)
            self.grants.setdefault(number, {"purpose": purpose, "said": set()})
        elif grant is None:
            find("WithoutRequest", True)
        else:
            said = 6 if kind == 7 else kind
            wanted = PURPOSES.index("emergency") if kind in (9, 10) else purpose
            find("GrantContradicts", said in grant["said"] or wanted != grant["purpose"])
            grant["said"].add(said)

    def policy(self, fields, find):
        key, origin = self.keys["policy_key"], self.keys["log"]["name"]
        if key and not policy_is_signed(origin, fields, key):
            find("PolicyNotSigned", True)
        elif self.version is not None and fields["version"] <= self.version:
            find("PolicyNotNewer", True)
        else:
            self.version = fields["version"]

    def checkpoint(self, text):
        checkpoint = accept(self.keys, read_note(text.encode()))
        size, time = checkpoint["size"], checkpoint["vault_time"]
        require(size == len(self.entries), 158)
        require(root_of([entry["leaf_hash"] for entry in self.entries]) == checkpoint["root"], 158)
        self.cosigned(size, time)
        if self.since:
            day = max(day for day, _ in self.since)
            first = min(index for other, index in self.since if other == day)
            if day > (time + SKEW_S) // 86_400:
                self.found.append(f"PostDated {first}")
        self.since = []
        self.vault_time = time if self.vault_time is None else max(time, self.vault_time)

    def ahead(self, text):
        checkpoint = accept(self.keys, read_note(text.encode()))
        require(checkpoint["size"] > len(self.entries), 158)
        self.cosigned(checkpoint["size"], checkpoint["vault_time"])

    def cosigned(self, size, time):
        last = self.last_cosigned
        if last is not None and time < last:
            self.found.append(f"VaultClockBack {size}")
        elif last is not None and time - last > MAX_SILENCE_S:
            self.found.append(f"VaultSilent {size} {(time - last) // 3_600}")
        self.last_cosigned = time if last is None else max(time, last)

    def findings(self, promised):
        found, now = list(self.found), self.vault_time
        if now is None:
            return first_of_each_kind(found)
        for number, (index, day) in sorted(self.used.items()):
            if number not in self.received and (day + 3) * 86_400 <= now:
                found.append(f"NeverReceived {index}")
        leaves = {entry["leaf_hash"] for entry in self.entries}
        for day, leaf in sorted(promised, key=lambda one: one[1]):
            if leaf not in leaves and due_ms(day) <= now * 1_000:
                found.append(f"PromiseBroken {day}")
        return first_of_each_kind(found)


def first_of_each_kind(found):
    kept, count = [], {}
    for finding in found:
        kind = finding.split()[0]
        count[kind] = count.get(kind, 0) + 1
        if count[kind] <= MAX_OF_KIND:
            kept.append(finding)
    return kept


def audit(given):
    keys = read_keys(given["keys"])
    promised = [read_promised(read_note(note.encode()), keys["log"]) for note in given["promises"]]
    auditor = Auditor(keys)
    for step in given["steps"]:
        if "entry" in step:
            auditor.entry(step["entry"])
        elif "ahead" in step:
            auditor.ahead(step["ahead"])
        else:
            auditor.checkpoint(step["note"])
    return {
        "size": len(auditor.entries),
        "counts": count(auditor.entries, given["from"], given["to"]),
        "findings": auditor.findings(promised),
    }


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"ahead", "bundle_path", "contradictions", "findings", "keys", "line", "lines", "missing", "name", "note"}
TEXTS |= {"origin", "path", "promises", "rule", "statement", "text", "vkey"}


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
