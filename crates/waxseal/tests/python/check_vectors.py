"""Checks ../vectors with a second implementation of linking, written from SPEC.md alone.

    pip install cryptography && python3 check_vectors.py

Needs `cryptography` (pyca), for Ed25519, and the second implementation of `waxseal-roster`, which
reads codes, bundles and rosters. It has no sessions, so it leaves out the operations in OTHERS.

Each function named after an operation takes the "input" of a vector. It returns what SPEC.md says
must come out, or raises Refused with the number of the check that the input breaks.
"""

import importlib.util
import json
import re
import sys
import unicodedata
from pathlib import Path

VECTORS = Path(__file__).parent.parent / "vectors"
OTHERS = {"open_offer", "take_reveal", "accept", "take_answer", "take_welcome"}

MAX_MESSAGE, MAX_ROSTER, MAX_DEVICES = 8_192, 4_096, 8
LIFETIME_MS = 600_000


def load_roster():
    path = Path(__file__).parents[3] / "roster" / "tests" / "python" / "check_vectors.py"
    spec = importlib.util.spec_from_file_location("roster", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


roster = load_roster()


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-348."""


def require(condition, check):
    if not condition:
        raise Refused(f"CHK-{check}")


def verified(signed, account, check):
    """A roster as `waxseal-roster` verifies it. If it does not verify, that breaks this check."""
    try:
        return roster.verify_roster({"roster": signed, "account": account})
    except roster.Refused:
        raise Refused(f"CHK-{check}") from None


class Reader:
    """Takes fields from the front of the data. A missing or further byte breaks check 349."""

    def __init__(self, data):
        self.data = data

    def take(self, length):
        require(len(self.data) >= length, 349)
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def finish(self):
        require(not self.data, 349)


# ------------------------------------------------------------------------------------------ mailbox


def fetch_bundle(given):
    code = roster.decode_link_code({"code": given["code"]})
    digest = roster.SHA256(b"waxseal/1/roster/link-bundle", given["bundle"])
    require(digest == code["digest"], 348)
    bundle = roster.decode_link_bundle({"bundle": given["bundle"]})
    return {"base": bundle["base"], "one_time": bundle["one_time"], "mailbox": code["mailbox"]}


def message_data(given):
    slot = bytes([given["slot"]])
    data = b"waxseal/1/link/message" + given["secret"] + slot + given["nonce"]
    return {"associated_data": data}


def read_message(given):
    require(len(given["message"]) <= MAX_MESSAGE, 349)
    reader = Reader(given["message"])
    require(reader.number(1) == 1, 349)
    require(reader.number(1) == given["slot"], 349)
    return {"nonce": reader.take(16), "session_message": reader.data}


# ----------------------------------------------------------------------------------------- contents


def read_offer(given):
    reader = Reader(given["content"])
    name = reader.take(reader.number(1))
    require(1 <= len(name) <= 128, 349)
    try:
        account = name.decode()
    except UnicodeDecodeError:
        raise Refused("CHK-349") from None
    require(not any(unicodedata.category(character) == "Cc" for character in account), 349)
    number = reader.number(4)
    length = reader.number(2)
    require(length <= MAX_ROSTER, 349)
    signed = reader.take(length)
    reader.finish()
    return {"account": account, "number": number, "roster": signed}


def told(of):
    return {name: of[name] for name in ("account_key", "epoch", "version")}


def judge_offer(given):
    offer = read_offer(given)
    offered = verified(offer["roster"], offer["account"], 351)
    managers = [device["identity"] for device in offered["devices"] if device["manager"]]
    require(given["manager"] in managers, 351)
    require(all(device["identity"] != given["own"] for device in offered["devices"]), 351)
    require(len(offered["devices"]) < MAX_DEVICES, 351)
    require(all(device["id"] < offer["number"] for device in offered["devices"]), 351)
    return told(offered)


def first_digits(session_digest, x):
    digest = roster.SHA256(b"waxseal/1/roster/link-digits", session_digest, x)
    return int.from_bytes(digest[:8], "big") % 10_000


def show_digits(given):
    x = given["content"]
    require(len(x) == 16, 349)
    bundle = roster.decode_link_bundle({"bundle": given["bundle"]})
    commitment = roster.SHA256(b"waxseal/1/roster/link-commitment", x)
    require(commitment == bundle["commitment"], 352)
    return {"digits": f"{first_digits(given['session_digest'], x):04} {given['drawn']:04}"}


def halves(digits):
    return [int(half) for half in digits.split(" ")]


def check_typed(given):
    first, last = halves(given["digits"])
    require(first == first_digits(given["session_digest"], given["x"]), 353)
    return {"last": last}


def judge_answer(given):
    reader = Reader(given["content"])
    last, proof = reader.number(2), reader.take(64)
    reader.finish()
    require(last < 10_000, 349)
    require(last == halves(given["digits"])[1], 354)
    account = roster.short(given["account"].encode())
    context = account + given["account_key"] + roster.be32(given["number"])
    message = b"waxseal/2/core/device-proof" + context
    require(roster.verifies(given["identity"][:32], message, proof), 355)
    return {"proof": proof}


def in_time(given):
    require(abs(given["began_ms"] - given["now_ms"]) <= LIFETIME_MS, 356)
    return {}


def judge_welcome(given):
    offer = read_offer(given)
    offered = verified(offer["roster"], offer["account"], 351)
    new = verified(given["roster"], offer["account"], 358)
    require(new["account_key"] == offered["account_key"], 358)
    stamps = [(one["epoch"], one["version"]) for one in (offered, new)]
    require(stamps[0] < stamps[1], 358)
    listed = {device["id"]: device["identity"] for device in new["devices"]}
    require(listed.get(offer["number"]) == given["own"], 358)
    return told(new)


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"account", "digits"}


def unhex(text):
    """Decodes hexadecimal, in which (c7*75776) is the byte c7, repeated 75,776 times."""
    return re.sub(r"\((..)\*(\d+)\)", lambda run: run[1] * int(run[2]), text)


def from_json(value, name=""):
    """Decodes a vector. Every string is hexadecimal, except those named in TEXTS."""
    if isinstance(value, dict):
        return {key: from_json(item, key) for key, item in value.items()}
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
