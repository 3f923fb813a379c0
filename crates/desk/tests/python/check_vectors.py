"""Checks ../vectors with a second implementation, written from SPEC.md alone.

    pip install cryptography && python3 check_vectors.py

Needs `cryptography` (pyca) and nothing else. pyca does not have HPKE with X-Wing, so no seal of a
report is opened: of a view that a vault gives out, only its form and its choice of messages is
checked.

Each function named after an operation takes the "input" of a vector. It returns what SPEC.md says
must come out, or raises Refused with the number of the check that the input breaks.
"""

import base64
import hashlib
import hmac
import json
import re
import sys
import unicodedata
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VECTORS = Path(__file__).parent.parent / "vectors"

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
SKEW_MS, CHALLENGE_MS = 300_000, 600_000
MAX_POLICY, MAX_TEXT, MAX_ACT_BODY = 65_536, 16_384, 8_192
MAX_ACT, MAX_GRANT, MAX_SIGNED_GRANT = 8_300, 2_744, 2_876
MAX_SECRETS, MAX_REQUEST, MAX_ANSWER = 1_140, 16_973_834, 2_117_923
MAX_VIEW, MAX_ACCEPTED, MAX_NOTE, MAX_ENTRY = 2_117_921, 2_110_991, 65_536, 256
MAX_STATE, MAX_ENTRIES, MARK_DAYS = 20_973_662, 65_536, 31
ASK, APPROVE, DECIDE, APPEALS, REVIEW = 1, 2, 4, 8, 16


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-168."""


class Cut(Exception):
    """The input is shorter than its form."""


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check}")


# ----------------------------------------------------------------------------------------- notation


def be(number, size):
    return number.to_bytes(size, "big")


def medium(data):
    return be(len(data), 2) + data


def sha256(*fields):
    return hashlib.sha256(b"".join(fields)).digest()


def mac(key, *fields):
    return hmac.new(key, b"".join(fields), hashlib.sha256).digest()


class Reader:
    """Reads fields from the front; raises Cut if the input is too short."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if len(self.data) < size:
            raise Cut
        head, self.data = self.data[:size], self.data[size:]
        return head

    def int(self, size):
        return int.from_bytes(self.take(size), "big")

    def flag(self):
        value = self.int(1)
        if value > 1:
            raise Cut
        return value == 1

    def short(self):
        return self.take(self.int(1))

    def medium(self):
        return self.take(self.int(2))

    def long(self):
        return self.take(self.int(4))

    def rest(self):
        return self.take(len(self.data))

    def text(self, data):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise Cut from None

    def must(self, condition):
        if not condition:
            raise Cut

    def end(self):
        self.must(not self.data)


def form(check):
    """Turns Cut into the refusal for a form."""

    def decorate(read):
        def wrapped(*args):
            try:
                return read(*args)
            except Cut:
                raise Refused(f"CHK-{check}") from None

        return wrapped

    return decorate


def versioned(data, limit, check, known=(1,)):
    require(len(data) <= limit, 160)
    require(data, check)
    require(data[0] in known, 161)
    return Reader(data[1:])


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def is_key(key):
    """Whether the bytes are the canonical encoding of a point that is not of small order."""
    y = int.from_bytes(key, "little") & (2**255 - 1)
    sign = key[31] >> 7
    if y >= P:
        return False
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    square = u * pow(v, -1, P) % P
    if square and pow(square, (P - 1) // 2, P) != 1:
        return False
    if square == 0 and sign:
        return False
    # The points of small order have x = 0, y = 0, or double to a point with y = 0.
    if square == 0 or y == 0:
        return False
    # y of the double is (y^2 + x^2) / (2 - y^2 + x^2) times a sign, for the curve -x^2 + y^2.
    return (y * y + square) % P != 0


def is_signed(key, message, signature):
    if not is_key(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except InvalidSignature:
        return False


def read_origin(reader):
    origin = reader.text(reader.medium())
    reader.must(1 <= len(origin.encode()) <= 255)
    reader.must(all("!" <= c <= "~" and c != "+" for c in origin))
    return origin


def is_name(text):
    return bool(text) and not any(unicodedata.category(c) == "Cc" for c in text)


def read_account(reader):
    account = reader.text(reader.short())
    reader.must(is_name(account) and len(account.encode()) <= 128)
    return account


# -------------------------------------------------------------------------- policy, acts and grants


@form(162)
def read_policy(data):
    reader = versioned(data, MAX_POLICY, 162)
    read = {"version": reader.int(4), "origin": read_origin(reader), "officers": {}, "rules": []}
    count, last = reader.int(2), b""
    reader.must(1 <= count <= 1_000)
    for _ in range(count):
        key, name, roles = reader.take(32), reader.text(reader.short()), reader.int(1)
        reader.must(key > last and is_name(name) and roles < 32)
        read["officers"][key], last = roles, key
    for _ in range(7):
        rule = [reader.flag(), reader.flag(), reader.int(2), reader.int(2), reader.int(2)]
        reader.must(1 <= rule[2] <= 100 and 1 <= rule[3] <= 720)
        read["rules"].append(rule)
    read["appeal_days"], text = reader.int(2), reader.long()
    reader.end()
    reader.must(len(text) <= MAX_TEXT)
    read["text"] = reader.text(text)
    read["digest"] = sha256(b"waxseal/desk/1/policy", data)
    for key in read["officers"]:
        require(is_key(key), 163)
    for purpose, (_, two, _, _, review) in enumerate(read["rules"], 1):
        if purpose == 6:
            require(review <= 72 and (two or review), 164)
        else:
            require(review == 0, 164)
            require(two or purpose not in (3, 5, 7), 164)
    return read


def policy(given):
    read = read_policy(given["policy"])
    read["officers"] = list(read["officers"])
    del read["rules"]
    return read


@form(165)
def act(given):
    rules = read_policy(given["policy"])
    reader = versioned(given["act"], MAX_ACT, 165)
    fields = reader.data[:-64]
    reader.must(reader.int(1) == 3)
    officer, at, body, signature = reader.take(32), reader.int(8), reader.medium(), reader.take(64)
    reader.end()
    require(len(body) <= MAX_ACT_BODY, 160)
    inner = Reader(body)
    grant_digest, reason = inner.take(32), inner.text(inner.medium())
    inner.end()
    require(rules["officers"].get(officer, 0) & APPROVE, 167)
    message = b"waxseal/desk/1/act" + medium(rules["origin"].encode()) + fields
    require(is_signed(officer, message, signature), 166)
    return {"grant_digest": grant_digest, "reason": reason, "at_ms": at, "officer": officer}


ROLES = {4: DECIDE, 5: APPEALS, 6: REVIEW, 7: ASK, 8: DECIDE, 9: DECIDE}


@form(165)
def body(given):
    reader = Reader(given["body"])

    def statement(limit, least=0):
        text = reader.medium()
        reader.must(least <= len(text) <= limit)
        reader.text(text)

    def number(first, last):
        reader.must(first <= reader.int(1) <= last)

    kind = given["kind"]
    if kind == 4:
        reader.take(16 + 32)
        number(1, 16)
        number(0, 6)
        rule = reader.short()
        reader.must(rule)
        reader.text(rule)
        statement(3_600, 1)
    elif kind == 5:
        reader.take(32)
        number(1, 2)
        statement(3_600, 1)
    elif kind == 6:
        reader.take(32)
        number(1, 2)
        statement(4_000)
    elif kind == 7:
        reader.take(16 + 32 + 8)
    elif kind == 8:
        reader.take(16)
        number(1, 4)
        reader.int(4)
        statement(4_000)
        statement(4_000)
    else:
        reader.take(16 + 16)
        reader.flag()
        if reader.flag():
            reader.take(16)
        statement(4_000)
    reader.end()
    return {"role": ROLES[kind]}


def desk_secret(given):
    def salt(whose, index):
        label = b"waxseal/desk/1/salt"
        return mac(given["desk_secret"], label, given["case"], be(whose, 1), be(index, 4))

    account = given["account"].encode()
    return {
        "account_salt": salt(1, 0),
        "report_salt": salt(2, given["index"]),
        "decider_salt": salt(3, given["index"]),
        "appeal_decider_salt": salt(4, given["index"]),
        "reporter": mac(given["desk_secret"], b"waxseal/desk/1/reporter", account),
    }


def desk_digests(given):
    asked = given["asked"].encode()
    request = given["number"] + be(given["basis"], 1) + medium(given["authority"].encode())
    request += be(len(asked), 4) + asked + be(given["at"], 8)
    epoch = be(given["key_kind"], 1) + be(given["epoch"], 8) + given["public"]
    return {
        "legal_request": sha256(b"waxseal/desk/1/legal-request", request),
        "key_epoch": sha256(b"waxseal/desk/1/key-epoch", epoch),
        "export": sha256(b"waxseal/desk/1/export", given["bytes"]),
        "signed_act": sha256(b"waxseal/desk/1/signed-act", given["bytes"]),
        "erased": sha256(b"waxseal/desk/1/erased", given["bytes"]),
    }


@form(168)
def read_grant(data):
    require(len(data) <= MAX_SIGNED_GRANT, 160)
    outer = Reader(data)
    inside = outer.long()
    reader = versioned(inside, MAX_GRANT, 168)
    read = {"id": reader.take(16), "origin": read_origin(reader), "vault": reader.take(32)}
    read |= {"case": reader.take(16), "purpose": reader.int(1), "policy": reader.take(32)}
    read["requester"] = reader.take(32)
    read["approver"] = reader.take(32) if reader.flag() else None
    read |= {"requested": reader.int(8), "expires": reader.int(8), "openings": reader.int(2)}
    count, last, read["reports"] = reader.int(2), b"", {}
    reader.must(1 <= count <= 64)
    for _ in range(count):
        digest, messages = reader.take(32), reader.int(4)
        reader.must(digest > last and messages < 2**30)
        read["reports"][digest], last = messages, digest
    reader.end()
    reader.must(1 <= read["purpose"] <= 7 and 1 <= read["openings"] <= 100)
    reader.must(read["requested"] < read["expires"])
    read["signatures"] = [outer.take(64)]
    if read["approver"]:
        read["signatures"].append(outer.take(64))
    outer.end()
    read["digest"] = sha256(b"waxseal/desk/1/grant-digest", inside)
    return read


def grant(given):
    read = read_grant(given["grant"])
    out = {key: read[key] for key in ("digest", "purpose", "openings")}
    return out | {"reports": len(read["reports"]), "expires_ms": read["expires"]}


def check_grant(read, rules, vault_key, now):
    require(read["origin"] == rules["origin"], 169)
    require(read["vault"] == vault_key, 170)
    require(read["policy"] == rules["digest"], 171)
    require(rules["officers"].get(read["requester"], 0) & ASK, 172)
    allowed, two, openings, hours, _ = rules["rules"][read["purpose"] - 1]
    require(allowed, 173)
    require(read["approver"] or not two, 174)
    if read["approver"]:
        require(read["approver"] != read["requester"], 175)
        require(rules["officers"].get(read["approver"], 0) & APPROVE, 176)
    require(read["expires"] - read["requested"] <= hours * HOUR_MS, 177)
    require(read["openings"] <= openings, 177)
    signers = [read["requester"], read["approver"]]
    for role, signature in enumerate(read["signatures"], 1):
        message = b"waxseal/desk/1/grant-signature" + be(role, 1) + read["digest"]
        require(is_signed(signers[role - 1], message, signature), 178)
    require(read["requested"] <= now + SKEW_MS and now < read["expires"], 179)


def verify_grant(given):
    rules = read_policy(given["policy"])
    check_grant(read_grant(given["grant"]), rules, given["vault"], given["now_ms"])
    return {}


# ------------------------------------------------------------------------------- what a vault holds


def derive(given):
    secret, ordinal = given["vault_secret"], be(given["ordinal"], 2)
    mark = mac(mac(secret, b"waxseal/desk/1/mark-key"), given["grant_digest"], ordinal)
    key = mac(secret, b"waxseal/desk/1/participant-key")
    number = mac(key, given["case"], given["account"].encode())
    return {"mark": mark[:16], "number": int.from_bytes(number[:4], "big")}


def pseudonym(given):
    key = mac(given["desk_secret"], b"waxseal/desk/1/pseudonym", given["case"])
    name = mac(key, given["kind"], b"\0", given["id"])
    return {"pseudonym": name[:16], "action": int.from_bytes(name[:8], "big") >> 1}


def view_digest(given):
    message = b"waxseal/desk/1/view" + sha256(given["accepted"]) + given["view"]
    return {"view_digest": sha256(message)}


def webhook(given):
    at, export = str(given["at_secs"]).encode(), given["export"].hex().encode()
    signed = mac(given["key"], at, b".", export, b".", given["body"])
    return {"signature": b"v1=" + signed.hex().encode()}


def signed_request(given):
    message = b"waxseal/desk/1/request" + medium(given["origin"].encode())
    message += be(len(given["method"]), 1) + given["method"] + medium(given["path"])
    message += be(given["at_ms"], 8) + given["nonce"] + sha256(given["body"])
    key = Ed25519PrivateKey.from_private_bytes(given["seed"])
    return {"signature": key.sign(message)}


def accepted_digest(accepted):
    return sha256(b"waxseal/desk/1/accepted", accepted)


def report_number(accepted):
    report = Reader(accepted[1 + 16 + 8 + 4 : -32]).long()
    return sha256(b"waxseal/log/1/number", sha256(b"waxseal/log/1/report", report[:-34]))[:16]


def opening_detail(grant_digest, report, ordinal, challenge):
    digest = sha256(b"waxseal/desk/1/challenge", challenge)
    return grant_digest + report + be(ordinal, 2) + digest


def entry_digest(salt, detail):
    return sha256(b"waxseal/log/1/detail", salt, detail)


def opening(given):
    report = accepted_digest(given["accepted"])
    detail = opening_detail(given["grant_digest"], report, given["ordinal"], given["challenge"])
    return {"detail": detail, "entry_digest": entry_digest(given["salt"], detail)}


@form(181)
def read_secrets(data):
    reader = versioned(data, MAX_SECRETS, 181)
    read = {"signing": reader.take(32), "own": reader.take(32)}
    for name, size in (("moderation", 33), ("acceptance", 32)):
        count = reader.int(1)
        reader.must(1 <= count <= 16)
        read[name] = [reader.take(size) for _ in range(count)]
    read["old"] = reader.take(32) if reader.flag() else None
    reader.end()
    reader.must(all(key[0] == 1 for key in read["moderation"]))
    return read


def public_key(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def secrets(given):
    return {"vault": public_key(read_secrets(given["secrets"])["signing"])}


@form(180)
def state(given):
    own, data = read_secrets(given["secrets"])["own"], given["state"]
    require(len(data) <= MAX_STATE and len(data) > 33 and data[0] == 1, 180)
    inside, tag = data[:-32], data[-32:]
    key = mac(own, b"waxseal/desk/1/state-key")
    require(hmac.compare_digest(mac(key, inside), tag), 180)
    reader = Reader(inside[1:])
    setup = sha256(b"waxseal/desk/1/setup", given["keys"].encode())
    reader.must(reader.take(32) == setup)
    if reader.flag():
        reader.int(8)
    version = None
    if reader.flag():
        version, _ = reader.int(4), reader.take(32)
    frontier = Reader(reader.medium())
    frontier.must(frontier.int(1) == 1)
    size = frontier.int(8)
    frontier.take(32 * size.bit_count())
    frontier.end()
    for _ in range(reader.int(4)):
        reader.take(20)
    reader.end()
    return {"size": size, "policy_version": version}


# ------------------------------------------------------------------------------------------- frames


@form(181)
def read_request(data):
    reader = versioned(data, MAX_REQUEST, 181)
    kind = reader.int(1)
    read = {"kind": kind}
    try:
        if kind == 2:
            read["note"], count = reader.long(), reader.int(4)
            reader.must(len(read["note"]) <= MAX_NOTE and count <= MAX_ENTRIES)
            read["entries"] = [reader.medium() for _ in range(count)]
            reader.must(all(len(entry) <= MAX_ENTRY for entry in read["entries"]))
        elif kind == 3:
            read["document"] = reader.rest()
            reader.must(len(read["document"]) <= MAX_POLICY)
        elif kind == 4:
            read["grant"], read["report"] = read_grant(reader.long()), reader.take(32)
        elif kind == 5:
            read["grant"], read["id"] = read_grant(reader.long()), reader.take(16)
            read["challenge"], read["salt"] = reader.take(32), reader.take(32)
            read["accepted"] = reader.rest()
            reader.must(len(read["accepted"]) <= MAX_ACCEPTED)
        elif kind == 6:
            read["id"], read["accepted"] = reader.take(16), reader.rest()
            reader.must(len(read["accepted"]) <= MAX_ACCEPTED)
        else:
            reader.must(kind == 1)
    except Refused:
        raise Refused("CHK-181") from None  # the grant in the request is out of form
    reader.end()
    return read


def request(given):
    return {"kind": read_request(given["request"])["kind"]}


def is_refusal(check, rest):
    if check == 0:
        return rest <= 4
    if check == 164:
        return 1 <= rest <= 7
    if check == 179:
        return rest <= 1
    if check in (182, 184, 185, 186):
        return True
    if check == 197:
        return rest <= 255
    known = check in (162, 163, 230) or 169 <= check <= 198 and check not in (180, 187)
    return known and rest == 0


@form(181)
def answer(given):
    reader = versioned(given["answer"], MAX_ANSWER, 181)
    kind = reader.int(1)
    if kind == 0:
        reader.must(is_refusal(reader.int(1), reader.int(8)))
    elif kind == 1:
        reader.take(40)
        for size in (8, 36):
            if reader.flag():
                reader.take(size)
        reader.flag()
        reader.take(1_217)
    elif kind == 2:
        reader.must(re.fullmatch(r"\u2014 [^ ]+ [0-9A-Za-z+/=]+", reader.text(reader.rest())))
    elif kind == 4:
        reader.take(50)
    elif kind == 5:
        read_view(reader.rest())
    elif kind == 6:
        reader.must(1 <= reader.int(1) <= 16)
        reader.int(1)
    else:
        reader.must(kind == 3)
    reader.end()
    return {"kind": kind}


# --------------------------------------------------------------------------------------------- view


@form(181)
def read_view(data):
    reader = versioned(data, MAX_VIEW, 181, (1, 2))
    if reader.flag():
        read_account(reader)
    reason, note = reader.int(1), reader.text(reader.medium())
    reader.must(1 <= reason <= 16 and len(note.encode()) <= 2_000)
    reader.int(8)
    reader.must(reader.int(1) < 4)
    in_report, count = reader.int(1), reader.int(1)
    reader.must(in_report <= 30 and count <= in_report)
    messages = [read_message(reader, in_report) for _ in range(count)]
    ordinals = [ordinal for ordinal, _, _ in messages]
    reader.must(any(has_file for _, _, has_file in messages) == (data[0] == 2))
    reader.must(all(one < next for one, next in zip(ordinals, ordinals[1:])))
    if reader.flag():
        read_account(reader)
        last = -1
        for _ in range(reader.int(1)):
            number, _ = reader.int(4), read_account(reader)
            reader.must(number > last)
            last = number
    reader.end()
    claims = [claim for _, claim, _ in messages]
    read = {"reason": reason, "note": note, "in_report": in_report, "ordinals": ordinals}
    return read, claims


def read_message(reader, in_report):
    def reference():
        kind = reader.int(1)
        reader.must(kind <= 2)
        if kind == 1:
            reader.must(reader.int(1) < in_report)

    ordinal, claim, participant = reader.int(1), reader.int(1), reader.int(1)
    reader.must(ordinal < in_report and claim < in_report and participant <= 1)
    reader.take(4 * participant + 16)
    reader.must(reader.int(1) < 4)
    reader.take(5)
    reference()
    reference()
    if reader.flag():
        reader.int(8)
    contradictions, parts = reader.int(1), reader.int(1)
    reader.must(contradictions < 8 and 2 <= parts <= 32)
    content = reader.int(1)
    reader.must(content <= 6)
    if content in (2, 3, 4):
        reference()
    if content in (1, 2):
        reader.text(reader.long())
    if content == 4:
        reader.text(reader.short())
    if content == 5:
        reader.text(reader.short())
    if content == 6:
        reader.int(1)
    if content in (5, 6):
        reader.long()
    last, has_file = 1, False
    for _ in range(reader.int(1)):
        part = reader.int(1)
        reader.must(last < part < parts)
        last, kind = part, reader.int(1)
        reader.must(kind <= 2)
        if kind == 1:
            reader.take(5)
        elif kind == 0:
            reader.take(8 + 96)
            reader.text(reader.short())
            reader.text(reader.medium())
        else:
            has_file = True
            read_file(reader)
    return ordinal, claim, has_file


def read_file(reader):
    """A file that is sealed in chunks, whose number SPEC.md of waxseal-reporting gives."""
    size = reader.int(8)
    reader.must(size <= 1 << 32)
    # Padmé: the lowest bits of the sealed length are zero, but for as many as the exponent has.
    exponent = max(size.bit_length() - 1, 1)
    low = max(exponent - exponent.bit_length(), 0)
    sealed = size + (1 << low) - 1 >> low << low
    count = max((sealed + 65_535) // 65_536, 1)
    reader.take(32)
    reader.text(reader.short())
    reader.text(reader.short())
    reader.text(reader.medium())
    reader.flag()
    access = reader.int(1)
    reader.must(access <= 2)
    if access == 1:
        indices = []
        for _ in range(reader.int(2)):
            indices.append(reader.int(4))
            reader.take(32)
        reader.must(1 <= len(indices) <= 1_024 and indices[-1] < count)
        reader.must(all(one < next for one, next in zip(indices, indices[1:])))
    if access == 2:
        reader.take(32)
    if reader.flag():
        reader.text(reader.short())
        reader.must(1 <= len(reader.medium()) <= 16_384)


def view(given):
    return read_view(given["view"])[0]


# ----------------------------------------------------------------- the log, as `waxseal-log` has it

FIELDS = {1: 0, 2: 1, 3: 1, 4: 17, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 0, 11: 10, 12: 1, 13: 1, 14: 5}
FIELDS |= {15: 1, 16: 1, 17: 5, 18: 0, 19: 0, 20: 1, 21: 1, 22: 100, 23: 0, 24: 0}


@form(186)
def read_entry(data):
    reader = Reader(data)
    reader.must(reader.int(1) == 1)
    kind, day, number = reader.int(1), reader.int(4), reader.take(16)
    reader.must(kind in FIELDS)
    fields, digest = reader.take(FIELDS[kind]), reader.take(32)
    reader.end()
    return kind, day, number, fields, digest


def peaks(leaves):
    """The roots of the largest complete subtrees, from left to right."""
    roots = []
    while leaves:
        size = 1 << (len(leaves).bit_length() - 1)
        level = leaves[:size]
        while len(level) > 1:
            level = [sha256(b"\x01", *level[i : i + 2]) for i in range(0, len(level), 2)]
        roots, leaves = roots + level, leaves[size:]
    return roots


def tree_root(leaves):
    roots = peaks(leaves)
    root = roots.pop() if roots else sha256()
    while roots:
        root = sha256(b"\x01", roots.pop(), root)
    return root


def read_keys(text):
    keys = {"witness": []}
    for line in text.splitlines():
        name, value = line.split(" ", 1)
        if name in ("log", "vault", "witness"):
            key_name, key_id, key = value.split("+", 2)
            value = (key_name, bytes.fromhex(key_id), base64.b64decode(key)[1:])
        if name == "witness":
            keys["witness"].append(value)
        else:
            keys[name] = value
    keys["quorum"], keys["policy"] = int(keys["quorum"]), base64.b64decode(keys["policy"])
    return keys


def cosigned(text, time):
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def read_note(note, keys):
    """Size and root of a checkpoint, and the times of its witnesses in seconds."""
    text, lines = note.decode().rsplit("\n\n", 1)
    text += "\n"
    made = {}
    for line in lines.splitlines():
        _, name, signature = line.split(" ")
        signature = base64.b64decode(signature)
        made.setdefault((name, signature[:4]), []).append(signature[4:])
    name, key_id, key = keys["log"]
    signatures = made.get((name, key_id), [])
    require(signatures, 182)
    require(all(is_signed(key, text.encode(), one) for one in signatures), 182)
    origin, size, root = text.splitlines()[:3]
    require(origin == name, 182)
    times = []
    for name, key_id, key in keys["witness"]:
        found = []
        for one in made.get((name, key_id), []):
            time = int.from_bytes(one[:8], "big")
            require(is_signed(key, cosigned(text, time), one[8:]), 182)
            found.append(time)
        times += [max(found)] if found else []
    require(len(times) >= keys["quorum"], 182)
    return text, int(size), base64.b64decode(root), times


# -------------------------------------------------------------------------------------------- vault


class Vault:
    """A vault without the keys that open seals."""

    def __init__(self, text, held, random):
        self.text, self.held, self.random = text, held, random
        self.keys = read_keys(text)
        self.key = self.keys["vault"][2]
        self.leaves, self.followed, self.policy, self.marks = [], None, None, {}
        self.has_followed, self.adopted, self.pending, self.saved = False, None, {}, None

    def state(self, leaves, followed, policy, marks):
        out = b"\x01" + sha256(b"waxseal/desk/1/setup", self.text.encode())
        out += b"\x00" if followed is None else b"\x01" + be(followed, 8)
        out += b"\x00" if policy is None else b"\x01" + be(policy[0], 4) + policy[1]
        out += medium(b"\x01" + be(len(leaves), 8) + b"".join(peaks(leaves)))
        out += be(len(marks), 4)
        for mark in sorted(marks):
            out += mark + be(marks[mark], 4)
        return out + mac(mac(self.held["own"], b"waxseal/desk/1/state-key"), out)

    def follow(self, read, now):
        entries, size = read["entries"], len(self.leaves)
        text, at, root, times = read_note(read["note"], self.keys)
        times = sorted(time * 1_000 for time in times if time * 1_000 <= now + SKEW_MS)
        require(len(times) >= self.keys["quorum"], 183)
        quorum = max(self.keys["quorum"], 1)
        time = times[-quorum] if len(times) >= quorum else now
        require(at >= size, 184)
        require(len(entries) == at - size, 185)
        leaves, policy, openings = list(self.leaves), self.policy, []
        for entry in entries:
            kind, day, number, fields, digest = read_entry(entry)
            leaves.append(sha256(b"\x00", entry))
            if kind == 22:
                version, document, signature = fields[:4], fields[4:36], fields[36:]
                message = b"waxseal/log/1/policy" + medium(self.keys["log"][0].encode())
                signed = is_signed(self.keys["policy"], message + version + document, signature)
                version = int.from_bytes(version, "big")
                if signed and (policy is None or version > policy[0]):
                    policy = (version, document)
            if kind == 4:
                openings.append((fields[0], fields[1:], day, digest, number))
        require(tree_root(leaves) == root, 185)
        followed = max(self.followed or 0, time)
        marks = dict(self.marks)
        for _, mark, day, *_ in openings:
            seen = min(day + 1, max(now, time) // DAY_MS)
            marks[mark] = max(seen, marks.get(mark, 0))
        marks = {mark: day for mark, day in marks.items() if day + MARK_DAYS >= followed // DAY_MS}
        self.saved = self.state(leaves, followed, policy, marks)
        if policy != self.policy:
            self.adopted = None
        self.leaves, self.followed, self.policy, self.marks = leaves, followed, policy, marks
        self.has_followed = True
        for one in openings:
            for waiting in self.pending.values():
                if waiting["mark"] == one[1]:
                    waiting["seen"].append(one)
        secs = max(followed, now) // 1_000
        signing = Ed25519PrivateKey.from_private_bytes(self.held["signing"])
        name, key_id, _ = self.keys["vault"]
        signature = key_id + be(secs, 8) + signing.sign(cosigned(text, secs))
        line = f"\u2014 {name} {base64.b64encode(signature).decode()}"
        return line.encode()

    def adopt(self, read):
        require(self.policy, 189)
        rules = read_policy(read["document"])
        right = (rules["version"], rules["digest"]) == self.policy
        # A document that is not in force either was not published, or not put in force.
        require(right and rules["origin"] == self.keys["log"][0], (188, 187))
        self.adopted = rules
        return b""

    def check_followed(self, now):
        require(self.has_followed, 190)
        require(self.followed - SKEW_MS <= now <= self.followed + DAY_MS, 190)

    def check(self, read, now):
        self.check_followed(now)
        require(self.adopted, 189)
        check_grant(read["grant"], self.adopted, self.key, now)

    def challenge(self, read, now):
        self.check(read, now)
        given = read["grant"]
        require(read["report"] in given["reports"], 191)
        self.pending = {one: at for one, at in self.pending.items() if at["until"] > now}
        waiting = {at["mark"] for at in self.pending.values()}
        key = mac(self.held["own"], b"waxseal/desk/1/mark-key")
        for ordinal in range(1, given["openings"] + 1):
            mark = mac(key, given["digest"], be(ordinal, 2))[:16]
            if mark not in self.marks and mark not in waiting:
                break
        else:
            raise Refused("CHK-192")
        challenge = self.random * 32
        until = now + CHALLENGE_MS
        waits = {"grant": given["digest"], "report": read["report"], "ordinal": ordinal}
        waits |= {"mark": mark, "purpose": given["purpose"], "until": until, "seen": []}
        self.pending[challenge] = waits
        return be(ordinal, 2) + mark + challenge

    def open(self, read, now):
        self.check(read, now)
        given, challenge = read["grant"], read["challenge"]
        waits = self.pending.get(challenge)
        require(waits and waits["until"] > now and waits["grant"] == given["digest"], 193)
        require(waits["seen"], 194)
        require(len(waits["seen"]) == 1, 195)
        purpose, _, day, digest, number = waits["seen"][0]
        detail = opening_detail(given["digest"], waits["report"], waits["ordinal"], challenge)
        require(purpose == given["purpose"] and abs(day - now // DAY_MS) <= 1, 194)
        require(digest == entry_digest(read["salt"], detail), 194)
        report = accepted_digest(read["accepted"])
        require(report == waits["report"], 196)
        require(number == report_number(read["accepted"]), 230)
        del self.pending[challenge]
        claims = self.accepted_claims(read)
        bits = given["reports"][report]
        require(bits >> claims == 0 and bool(bits) == bool(claims), 198)
        return {claim for claim in range(claims) if bits >> claim & 1}

    def accepted_claims(self, read):
        """The number of claims of an accepted report, as `waxseal-reporting` has it."""
        inside, tag = read["accepted"][:-32], read["accepted"][-32:]
        macs = [mac(key, b"waxseal/2/acceptance-mac", inside) for key in self.held["acceptance"]]
        require(tag in macs and inside[1:17] == read["id"], 197)
        reader = Reader(inside[1 + 16 + 8 + 4 :])
        report = Reader(reader.long()[1:])
        reader.end()
        report.must(report.int(1) == 0x0A)
        size = shift = 0
        while True:
            byte = report.int(1)
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        claims = Reader(report.take(size))
        claims.short()
        claims.take(4)
        return claims.int(1)


def vault(given):
    opened = Vault(given["keys"], read_secrets(given["secrets"]), given["random"])
    out = None
    for step in given["steps"]:
        read, now = read_request(step["request"]), step["now_ms"]
        kind = read["kind"]
        if kind == 2:
            out = opened.follow(read, now)
        elif kind == 3:
            out = opened.adopt(read)
        elif kind == 4:
            out = opened.challenge(read, now)
        elif kind == 5:
            out = opened.open(read, now)
        else:
            opened.check_followed(now)
            out = opened.accepted_claims(read)
    answered = out if isinstance(out, set) else b"\x01" + be(kind, 1) + out
    return {"answer": answered, "state": opened.saved}


# ------------------------------------------------------------------------------------------ harness

PLAIN = {"keys", "account", "text", "note", "reason", "origin", "authority", "asked"}


def unhex(text):
    if "(" not in text:
        return bytes.fromhex(text)
    out = b""
    for plain, byte, count in re.findall(r"([0-9a-f]*)(?:\(([0-9a-f]{2})\*(\d+)\))?", text):
        out += bytes.fromhex(plain)
        if byte:
            out += bytes.fromhex(byte) * int(count)
    return out


def decoded(value, name=""):
    if isinstance(value, dict):
        return {key: decoded(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [decoded(inner, name) for inner in value]
    return unhex(value) if isinstance(value, str) and name not in PLAIN else value


def same(found, expected):
    """Compares; of an answer with a view, which this script cannot make, only the choice."""
    if isinstance(found.get("answer"), set):
        _, claims = read_view(expected["answer"][2:])
        return found["answer"] == set(claims) and found["state"] == expected["state"]
    return found == expected


def check(vector):
    given = decoded(vector["input"])
    refused = vector.get("must_fail")
    try:
        found = globals()[vector["operation"]](given)
    except Refused as error:
        if not refused:
            return f"refused by {error}"
        numbers = re.findall(r"\d+", str(error))
        return None if refused["check"][4:] in numbers else f"refused by {error}, not {refused}"
    if refused:
        return f"not refused by {refused['check']}"
    expected = decoded(vector["expected"])
    return None if same(found, expected) else f"{found} is not {expected}"


def main():
    passed = failed = 0
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            problem = check(vector)
            if problem:
                failed += 1
                print(f"{path.name} {vector['id']}: {problem}"[:400])
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
