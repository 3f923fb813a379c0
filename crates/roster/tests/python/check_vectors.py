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
MAX_MEMBERS, MAX_OPS, MAX_CHANGES, MAX_RECENT, MAX_TARGETS = 1_024, 64, 1_024, 64, 4_096
MAX_STATE, MAX_ENTRY, MAX_CHAIN, MAX_LOG = 174_156, 10_771, 1_048_576, 1_235_563
DAY_MS = 86_400_000


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-260."""


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check}")


# ----------------------------------------------------------------------------------------- notation


def short(data):
    return bytes([len(data)]) + data


def be16(number):
    return struct.pack(">H", number)


def be32(number):
    return struct.pack(">I", number)


def be64(number):
    return struct.pack(">Q", number)


def medium(data):
    return be16(len(data)) + data


def long(data):
    return be32(len(data)) + data


def SHA256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Reader:
    """Takes fields from the front of the data. A missing or further byte breaks check 262."""

    too_long, version, form = 260, 261, 262

    def __init__(self, data, longest):
        require(len(data) <= longest, self.too_long)
        self.data = data
        require(self.number(1) == 1, self.version)

    def take(self, length):
        require(len(self.data) >= length, self.form)
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def medium(self):
        return self.take(self.number(2))

    def account(self):
        return account_of(self.take(self.number(1)))

    def long(self):
        return self.take(self.number(4))

    def finish(self):
        require(not self.data, self.form)


class GroupReader(Reader):
    """The same for the formats of groups."""

    too_long, version, form = 390, 391, 392

    def role(self):
        role = self.number(1)
        require(role in (MEMBER, ADMIN), self.form)
        return role

    def policy(self):
        policy = self.number(1)
        require(policy <= 1, self.form)
        return policy

    def counted(self):
        """A version, which is not 0."""
        version = self.number(8)
        require(version > 0, self.form)
        return version


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


# ------------------------------------------------------------------------------------------- groups

MEMBER, ADMIN = 1, 2
ADD, REMOVE, ROLE, POLICY = 1, 2, 3, 4


def id_of(authority):
    label = b"waxseal/1/conversation-group" + b"waxseal/1/roster/group-authority"
    return SHA256(label, authority)


def group_id(given):
    require(is_usable_key(given["authority"]), 268)
    return {"group": id_of(given["authority"])}


def encode_state(state):
    parts = [b"\x01", state["group"], be64(state["version"]), state["authority"]]
    parts += [bytes([state["policy"]]), be16(len(state["members"]))]
    for name, (role, key, since) in sorted(state["members"].items()):
        parts += [short(name), bytes([role]), key, be64(since)]
    return b"".join(parts)


def state_hash(state):
    return SHA256(b"waxseal/1/roster/group-state", encode_state(state))


def has_admin(members):
    return any(role == ADMIN for role, _, _ in members.values())


def read_state(data):
    reader = GroupReader(data, MAX_STATE)
    state = {"group": reader.take(32), "version": reader.counted(), "authority": reader.take(32)}
    state |= {"policy": reader.policy(), "members": {}}
    count, last = reader.number(2), b""
    require(1 <= count <= MAX_MEMBERS, 393)
    for _ in range(count):
        name = reader.account().encode()
        member = reader.role(), reader.take(32), reader.number(8)
        require(last < name and 1 <= member[2] <= state["version"], 393)
        state["members"][name], last = member, name
    reader.finish()
    require(has_admin(state["members"]), 394)
    return state


def read_op(reader):
    kind = reader.number(1)
    require(ADD <= kind <= POLICY, 392)
    if kind == POLICY:
        return kind, reader.policy()
    name = reader.account().encode()
    if kind == REMOVE:
        return kind, name
    role = reader.role()
    return (kind, name, role) if kind == ROLE else (kind, name, role, reader.take(32))


def read_entry(data):
    reader = GroupReader(data, MAX_ENTRY)
    require(len(data) >= 64, 392)
    reader.data = reader.data[:-64]
    entry = {"signed": data[:-64], "signature": data[-64:], "group": reader.take(32)}
    entry |= {"version": reader.counted(), "previous": reader.take(32), "at": reader.number(8)}
    entry |= {"actor": reader.account().encode(), "authority": reader.take(32)}
    count = reader.number(1)
    require(1 <= count <= MAX_OPS, 399)
    entry["ops"] = [read_op(reader) for _ in range(count)]
    entry["state_hash"] = reader.take(32)
    reader.finish()
    return entry


def check_entry_keys(entry):
    keys = [op[3] for op in entry["ops"] if op[0] == ADD]
    require(all(is_usable_key(key) for key in keys + [entry["authority"]]), 268)


def check_entry_signature(entry, authority):
    message = b"waxseal/1/roster/group-entry" + entry["signed"]
    require(verifies(authority, message, entry["signature"]), 397)


def run_ops(entry, policy, members):
    """Carries out the operations. Returns the policy, and whether an admin of before is gone."""
    named, removed, gone, is_set = set(), {}, False, False
    for kind, *op in entry["ops"]:
        if kind == POLICY:
            require(op[0] != policy and not is_set, 400)
            policy, is_set = op[0], True
            continue
        name = op[0]
        if kind == ADD:
            require(name not in members, 400)
            require(name not in named or removed.get(name, op[2]) != op[2], 400)
            removed.pop(name, None)
            members[name] = (op[1], op[2], entry["version"])
        else:
            require(name in members and name not in named, 400)
            role, key, since = members.pop(name)
            gone = gone or role == ADMIN
            if kind == REMOVE:
                removed[name] = key
            else:
                require(op[1] != role, 400)
                members[name] = (op[1], key, since)
        named.add(name)
    require(len(members) <= MAX_MEMBERS, 393)
    require(has_admin(members), 394)
    return policy, gone


def made(entry, policy, members):
    state = {"group": entry["group"], "version": entry["version"], "authority": entry["authority"]}
    state |= {"policy": policy, "members": members}
    require(state_hash(state) == entry["state_hash"], 403)
    return state


def found(entry, group):
    require(entry["group"] == group, 396)
    require(id_of(entry["authority"]) == group, 395)
    require(entry["version"] == 1, 398)
    check_entry_keys(entry)
    check_entry_signature(entry, entry["authority"])
    require(entry["previous"] == bytes(32), 398)
    first = entry["ops"][0]
    require(first[0] == ADD and first[1:3] == (entry["actor"], ADMIN), 401)
    members = {}
    policy, _ = run_ops(entry, 0, members)
    return made(entry, policy, members)


def follow(state, entry, other_previous=398):
    require(entry["group"] == state["group"], 396)
    require(entry["version"] == state["version"] + 1, 398)
    check_entry_keys(entry)
    check_entry_signature(entry, state["authority"])
    require(entry["previous"] == state_hash(state), other_previous)
    require(state["members"].get(entry["actor"], (0,))[0] == ADMIN, 401)
    members = dict(state["members"])
    policy, gone = run_ops(entry, state["policy"], members)
    require(not gone or entry["authority"] != state["authority"], 402)
    return made(entry, policy, members)


def told_state(state):
    hashed = state_hash(state)
    return {"state": encode_state(state), "hash": hashed, "version": state["version"]}


def decode_state(given):
    state = read_state(given["state"])
    members = [
        {"account": name.decode(), "role": role, "account_key": key, "since": since}
        for name, (role, key, since) in list(state["members"].items())[:4]
    ]
    hashed = {"hash": state_hash(state), "count": len(state["members"]), "first_members": members}
    return state | hashed


def found_group(given):
    return told_state(found(read_entry(given["entry"]), given["group"]))


def apply_entry(given):
    state = read_state(given["state"])
    return told_state(follow(state, read_entry(given["entry"])))


def group_seed(given):
    state = read_state(given["state"])
    public = Ed25519PrivateKey.from_private_bytes(given["authority_seed"]).public_key()
    authority = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    require(authority == state["authority"], 406)
    return {"authority": authority}


# --------------------------------------------------------------------------------- authority chains


class Chain:
    def __init__(self, data):
        reader = GroupReader(data, MAX_CHAIN)
        self.first, count = reader.take(32), reader.number(2)
        require(count <= MAX_CHANGES, 404)
        self.changes = []
        for _ in range(count):
            self.changes.append(read_entry(reader.medium()))
        reader.finish()

    def encode(self):
        entries = [medium(one["signed"] + one["signature"]) for one in self.changes]
        return b"\x01" + self.first + be16(len(entries)) + b"".join(entries)

    def authority(self):
        return self.changes[-1]["authority"] if self.changes else self.first

    def version(self):
        return self.changes[-1]["version"] if self.changes else 1

    def before(self, version):
        earlier = [one["authority"] for one in self.changes if one["version"] < version]
        return ([self.first] + earlier)[-1]

    def begins(self, other, version):
        """Whether the other chain begins with this one, and goes on after the version."""
        count = len(self.changes)
        same = [one["signed"] for one in self.changes]
        later = other.changes[count:]
        return (
            self.first == other.first
            and same == [one["signed"] for one in other.changes[:count]]
            and all(one["version"] > version for one in later)
        )

    def push(self, entry, group):
        require(entry["group"] == group, 396)
        known = [self.first] + [one["authority"] for one in self.changes]
        require(entry["version"] > self.version() and entry["authority"] not in known, 404)
        require(len(self.changes) < MAX_CHANGES, 404)
        length = len(self.encode()) + 2 + len(entry["signed"]) + 64
        require(length <= MAX_CHAIN, 404)
        check_entry_keys(entry)
        check_entry_signature(entry, self.authority())
        self.changes.append(entry)


def read_chain(data, group):
    chain = Chain(data)
    require(is_usable_key(chain.first), 268)
    require(id_of(chain.first) == group, 395)
    changes, chain.changes = chain.changes, []
    for entry in changes:
        chain.push(entry, group)
    return chain


def decode_chain(given):
    chain = read_chain(given["chain"], given["group"])
    return {"authority": chain.authority(), "version": chain.version()}


def proven(state, entry, chain, group):
    require(state["group"] == group and entry["group"] == group, 396)
    require(entry["version"] == state["version"], 405)
    require(entry["state_hash"] == state_hash(state), 405)
    require(entry["authority"] == state["authority"] == chain.authority(), 405)
    require(chain.version() <= state["version"], 405)
    keys = [key for _, key, _ in state["members"].values()] + [state["authority"]]
    require(all(is_usable_key(key) for key in keys), 268)
    if state["version"] == 1:
        found(entry, group)
    elif chain.version() == state["version"]:
        require(chain.changes[-1]["signed"] == entry["signed"], 405)
    else:
        check_entry_signature(entry, chain.authority())


def prove_state(given):
    chain = read_chain(given["chain"], given["group"])
    entry = read_entry(given["entry"])
    state = read_state(given["state"])
    proven(state, entry, chain, given["group"])
    return told_state(state)


# -------------------------------------------------------------------------- what is kept of a group


class Log:
    def __init__(self, data):
        reader = GroupReader(data, MAX_LOG)
        state, entry, chain = reader.long(), reader.medium(), reader.long()
        self.recent = [reader.take(32) for _ in range(reader.number(1))]
        reader.finish()
        self.state, self.entry, self.chain = read_state(state), read_entry(entry), Chain(chain)
        version, last = self.state["version"], self.recent[-1:]
        require(id_of(self.chain.first) == self.state["group"] == self.entry["group"], 392)
        require(self.chain.authority() == self.state["authority"], 392)
        require(self.chain.version() <= version == self.entry["version"], 392)
        require(self.entry["state_hash"] == state_hash(self.state), 392)
        require(len(self.recent) <= MAX_RECENT and len(self.recent) < version, 392)
        require(last in ([], [self.entry["previous"]]), 392)

    def encode(self):
        entry = self.entry["signed"] + self.entry["signature"]
        parts = [b"\x01", long(encode_state(self.state)), medium(entry), long(self.chain.encode())]
        return b"".join(parts + [bytes([len(self.recent)])] + self.recent)

    def differs(self, version, hashed):
        """Whether another hash is kept of this version."""
        back = self.state["version"] - version
        known = [state_hash(self.state)] + self.recent[::-1]
        return back < len(known) and known[back] != hashed

    def told(self, change, old=None):
        told = {"change": change, "log": self.encode()}
        if old:
            before, after = old["members"], self.state["members"]
            both = sorted(before.keys() & after.keys())
            names = {
                "added": sorted(after.keys() - before.keys()),
                "removed": sorted(before.keys() - after.keys()),
                "rekeyed": [name for name in both if before[name][1] != after[name][1]],
                "roles": [name for name in both if before[name][0] != after[name][0]],
            }
            told |= {field: [name.decode() for name in list_] for field, list_ in names.items()}
            told["new_authority"] = old["authority"] != self.state["authority"]
            told["new_policy"] = old["policy"] != self.state["policy"]
        return told


def decode_log(given):
    log = Log(given["log"])
    told = told_state(log.state)
    return {"authority_since": log.chain.version()} | told


def take_entry(given):
    log = Log(given["log"])
    entry, state = read_entry(given["entry"]), log.state
    require(entry["group"] == state["group"], 396)
    version = entry["version"]
    if version > state["version"] + 1:
        return log.told("gap")
    if version == state["version"] + 1:
        log.state = follow(state, entry, other_previous=409)
        if entry["authority"] != state["authority"]:
            log.chain.push(entry, state["group"])
        log.recent = (log.recent + [state_hash(state)])[-MAX_RECENT:]
        log.entry = entry
        return log.told("newer", state)
    if entry["signed"] == log.entry["signed"]:
        return log.told("same")
    changes = [one for one in log.chain.changes if one["version"] == version]
    differs = version == state["version"] or log.differs(version, entry["state_hash"])
    if not differs and all(one["signed"] == entry["signed"] for one in changes):
        return log.told("older")
    check_entry_signature(entry, log.chain.before(version))
    raise Refused("CHK-409")


def take_state(given):
    log = Log(given["log"])
    old, group = log.state, log.state["group"]
    chain, entry = read_chain(given["chain"], group), read_entry(given["entry"])
    state = read_state(given["state"])
    proven(state, entry, chain, group)
    version, hashed = state["version"], state_hash(state)
    if version > old["version"]:
        follows = version > old["version"] + 1 or entry["previous"] == state_hash(old)
        require(follows and log.chain.begins(chain, old["version"]), 409)
        log.state, log.entry, log.chain, log.recent = state, entry, chain, [entry["previous"]]
        return log.told("newer", old)
    require(not log.differs(version, hashed), 409)
    if version == old["version"]:
        return log.told("same")
    require(chain.begins(log.chain, version), 409)
    return log.told("older")


def group_targets(given):
    state, now = read_state(given["state"]), given["now_ms"]
    rosters = {one["account"]: verified(one)["told"] for one in given["rosters"]}
    sender = (given["account"], given["device"])
    own = rosters.get(sender[0], {"devices": []})["devices"]
    seen = {device["identity"][:32] for device in own if device["id"] == sender[1]}
    suspended, missing, targets, listed = [], [], [], []
    for name, (_, key, _) in state["members"].items():
        account = name.decode()
        told = rosters.get(account)
        if not told or told["account_key"] != key:
            (suspended if told else missing).append(account)
            continue
        age = now - told["at_ms"]
        off = age > 60 * DAY_MS or -age > 7 * DAY_MS
        for device in told["devices"]:
            counts = device["manager"] or not off
            signing = device["identity"][:32]
            if not counts or (account, device["id"]) == sender or signing in seen:
                continue
            seen.add(signing)
            targets.append(short(name) + be32(device["id"]) + device["identity"])
            listed.append({"account": account, "id": device["id"]})
    require(len(targets) <= MAX_TARGETS, 408)
    parts = [state["group"], be64(state["version"]), state_hash(state)] + targets
    digest = SHA256(b"waxseal/1/roster/group-targets", *parts)
    return {"targets": listed, "suspended": suspended, "missing": missing, "digest": digest}


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"account", "change", "digits", "text"}
TEXTS |= {"added", "removed", "rekeyed", "roles", "suspended", "missing"}


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
