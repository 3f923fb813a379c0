"""Checks ../vectors with a second implementation, written from SPEC.md alone.

    pip install cryptography && python3 check_vectors.py

Needs `cryptography` (pyca) and nothing else. pyca does not have HPKE with X-Wing, so sealing to the
moderation key is left out. The operations in OTHERS are counted as skipped.

Each function named after an operation takes the "input" of a vector. It returns what SPEC.md says
must come out, or raises Refused with the number of the check that the input breaks.
"""

import hashlib
import json
import re
import struct
import sys
import unicodedata
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

VECTORS = Path(__file__).parent.parent / "vectors"
OTHERS = {"moderation_key_pair", "moderation_public_key", "unseal"}

DAY_MS = 86_400_000
MAX_PAYLOAD, MAX_PLAINTEXT, MAX_CIPHERTEXT = 65_536, 67_584, 75_776
MAX_WIRE = {"Delivery": 76_217, "Receipt": 441, "Report": 2_110_926}
MAX_WIRE |= {"PostedReseal": 76_307, "PostedFanout": 1_212_660, "PostedGroup": 2_169_024}
MAX_EVIDENCE, MAX_SENT, MAX_ACCEPTED, MAX_STAMP_KEYS = 65_910, 65_734, 2_110_991, 102
MAX_ENVELOPE, MAX_STAMPED, MAX_CLAIM, MAX_UNSEALED = 75_809, 76_118, 342, 2_109_729
MAX_FANOUT, MAX_SLOTS = 1_212_610, 16
MAX_GROUP_FANOUT, MAX_GROUP_BODY, MAX_STAMPED_GROUP = 2_168_973, 71_680, 71_925
MAX_GROUP_SLOTS, MAX_GROUP_SLOTS_LEN, MAX_KEY_SLOT = 4_096, 2_097_152, 4_000
MAX_OPENINGS = 2_097_152
MAX_EXTENSIONS = 1_024
MAX_CONTROL, MAX_CONTROL_TAGS = 4_096, 64
MAX_CONTROL_ROSTER, MAX_CONTROL_SYNC = 2_048, 3_072
MAX_REFUSAL, MAX_REFUSED_MESSAGES, MAX_REFUSED_SESSIONS = 2_688, 64, 5
MAX_CLOCK_SKEW_MS = 300_000
MAX_POST_SKEW_MS = 600_000
MAX_LAST_AHEAD_MS = 300_000
MAX_EPOCHS_KEPT = 400
MAX_FILE, CHUNK, MAX_PREVIEW = 1 << 32, 65_536, 16_384
MAX_SHOWN_CHUNKS, MAX_BLOBS = 1_024, 64


class Refused(Exception):
    """SPEC.md refuses the input. The text is the number of the check, such as CHK-57."""


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


def short(data):
    return bytes([len(data)]) + data


def medium(data):
    return be16(len(data)) + data


def long(data):
    return be32(len(data)) + data


def HMAC(key, message):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(message)
    return mac.finalize()


def mac_is(key, message, expected, check):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(message)
    try:
        mac.verify(expected)
    except InvalidSignature:
        raise Refused(f"CHK-{check}") from None


def SHA256(data):
    return hashlib.sha256(data).digest()


def expand(key, info):
    return HKDFExpand(algorithm=hashes.SHA256(), length=32, info=info).derive(key)


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


# ------------------------------------------------------------------------------------ wire messages

FIELDS = {
    "PostedFanout": ("franking_tag", "posted_at", "fanout_mac", "slots"),
    "PostedGroup": ("franking_tag", "posted_at", "group_mac", "message"),
    "PostedReseal": ("franking_tag", "stamp_context", "stamp", "target", "posted_at", "reseal_mac", "ciphertext"),
    "Delivery": ("franking_tag", "stamp_context", "stamp", "delivery_mac", "ciphertext"),
    "Receipt": ("franking_tag", "stamp_context", "stamp", "receipt_mac"),
    "Report": ("claims", "moderation_key_fingerprint", "encapsulated_key", "sealed_openings", "reporter_mac"),
}
REPORT_3 = FIELDS["Report"][:4] + ("blobs", "reporter_mac")  # a report of version 03
LENGTHS = {"franking_tag": 32, "stamp": 32, "delivery_mac": 32, "receipt_mac": 32, "reporter_mac": 32}
LENGTHS |= {"posted_at": 8, "reseal_mac": 32, "fanout_mac": 32, "group_mac": 32}
LENGTHS |= {"moderation_key_fingerprint": 32, "encapsulated_key": 1_120}


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def version_of(kind):
    return {"PostedFanout": 3, "PostedGroup": 4}.get(kind, 2)


def fields_of(kind, version):
    return REPORT_3 if (kind, version) == ("Report", 3) else FIELDS[kind]


def encode(kind, **values):
    """Encodes the version, then the key, length and bytes of each field that is present."""
    version = values.get("version", version_of(kind))
    out = bytes([version])
    for number, name in enumerate(fields_of(kind, version), 1):
        if values.get(name):
            out += bytes([number << 3 | 2]) + varint(len(values[name])) + values[name]
    return out


def read_varint(reader):
    number = shift = 0
    while True:
        byte = reader.number(1)
        number |= (byte & 0x7F) << shift
        shift += 7
        require(shift <= 35, 53)
        if byte < 0x80:
            return number


def decode(kind, data):
    require(len(data) <= MAX_WIRE[kind], 51)
    reader = Reader(data, 53)
    version = data[0] if reader.data else reader.number(1)
    require(version == version_of(kind) or (version in (1, 3) and kind == "Report"), 52)
    reader.take(1)
    fields = fields_of(kind, version)
    found = {"version": version}  # fields by name
    while reader.data:
        key = read_varint(reader)
        require(key & 7 == 2 and 1 <= key >> 3 <= len(fields), 53)
        found[fields[(key >> 3) - 1]] = reader.take(read_varint(reader))
    # Each message has one encoding: encoding it again must give the same bytes.
    require(encode(kind, **found) == data, 53)
    if kind in ("Delivery", "Receipt"):
        require("stamp" in found and ("delivery_mac" in found or "receipt_mac" in found), 63)
    if kind == "Delivery":
        found.setdefault("ciphertext", b"")  # the message was not sealed for this device
    if version == 3 and kind == "Report":
        require("blobs" in found, 490)
    for name in fields:
        require(name in found and len(found[name]) == LENGTHS.get(name, len(found[name])), 54)
    require(len(found.get("ciphertext", b"")) <= MAX_CIPHERTEXT, 54)
    return found


def stored(data, longest, check, versions=(1,)):
    """Checks length and version of a stored artefact; returns a reader of what follows."""
    return stored_message(data, longest, check, versions)[1]


def stored_message(data, longest, check, versions=(1, 2)):
    """The same for what is read in both formats; returns the version too."""
    require(len(data) <= longest, 51)
    require(data, check)
    require(data[0] in versions, 52)
    return data[0], Reader(data[1:], check)


# ----------------------------------------------------------------------------------------- payloads


def padme(length):
    """Rounds up to the next length that Padmé allows.

    The lowest E - S bits of such a length are zero. E is the exponent of the length, and S is the
    number of bits of E.
    """
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    return (length + (1 << low_bits) - 1) >> low_bits << low_bits


def padded_length(length):
    """The length that padded content of at least one byte has."""
    padded = (length + 63) // 64 * 64
    return padme(length) if padded > 1_024 else padded


def pad(data):
    length = len(data) + 1
    return data + b"\x80" + bytes(padded_length(length) - length)


def unpad(padded, check):
    data = padded.rstrip(b"\0")
    require(data.endswith(b"\x80"), check)
    require(pad(data[:-1]) == padded, check)
    return data[:-1]


def encode_parts(parts):
    return bytes([len(parts)]) + b"".join(map(long, parts))


def read_parts(reader):
    count = reader.number(1)
    require(2 <= count <= 32, 57)
    parts = [reader.prefixed(4) for _ in range(count)]
    reader.finish()
    require(len(encode_parts(parts)) <= MAX_PAYLOAD, 57)
    return parts


def text(data, check, at_most=MAX_PAYLOAD):
    require(len(data) <= at_most, check)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"CHK-{check}") from None


def visible_ascii(data, shortest, longest, check):
    require(shortest <= len(data) <= longest and all(0x21 <= byte <= 0x7E for byte in data), check)
    return data.decode("ascii")


def read_header(version, part):
    """Returns the header and the conversation in it, which format 02 does not have."""
    reader = Reader(part, 58)
    flags = reader.number(1)
    require(flags & ~3 == 0, 58)
    conversation = reader.take(32) if version == 1 else None
    header = {
        "sequence": reader.number(8),
        "sent_ms": reader.number(8),
        "forwards": reader.number(1),
        "expires_after_secs": reader.number(4),
        "last_seen": reader.take(32) if flags & 1 else None,
        "reply_to": reader.take(32) if flags & 2 else None,
        "extensions": [],
    }
    if version == 2:
        header["extensions"] = read_extensions(reader.take(len(reader.data)))
    reader.finish()
    return header, conversation


def read_extensions(data):
    require(len(data) <= MAX_EXTENSIONS, 94)
    reader = Reader(data, 94)
    extensions = []
    while reader.data:
        extensions.append({"number": reader.number(2), "value": reader.prefixed(2)})
    types = [extension["number"] for extension in extensions]
    require(all(one < other for one, other in zip(types, types[1:])), 94)
    return extensions


def is_hidden(header):
    """No type of extension is known yet, so each critical one hides content and attachments."""
    return any(extension["number"] & 0x8000 for extension in header["extensions"])


def read_message(version, parts):
    """Reads all parts of a delivery as far as this version shows them."""
    header, conversation = read_header(version, parts[0])
    content = read_content(parts[1])
    attachments = {i: read_attachment(version, parts[i]) for i in range(2, len(parts))}
    if is_hidden(header):
        content = unknown_content(parts[1])
        attachments = {i: unknown_attachment(parts[i]) for i in attachments}
    for i in attachments:
        require(is_in_place(attachments, i, len(parts)), 488)
    return header, conversation, content, join_attachments(attachments)


def read_committed(version, parts, count):
    """Reads the shown parts of a message that was shown, perhaps when some were unknown.

    Returns the header, the conversation in it, and the shown parts of attachments.
    """
    header, conversation = read_header(version, parts[0])
    if 1 in parts:
        read_shown_content(parts[1])
    attachments = {}
    for i in sorted(i for i in parts if i > 1):
        try:
            attachments[i] = read_attachment(version, parts[i])
        except Refused:
            if version == 1 or parts[i][:1] in (b"", b"\0"):
                raise
            attachments[i] = unknown_attachment(parts[i])
    for i in attachments:
        if is_hidden(header) or not is_in_place(attachments, i, count):
            attachments[i] = unknown_attachment(parts[i])
    return header, conversation, attachments


def is_in_place(attachments, i, count):
    """Whether a shown part of a file is in its place. Parts from 2 on may be withheld."""

    def is_scheme(i, scheme):
        if not 2 <= i < count:
            return False
        part = attachments.get(i, {"scheme": scheme})
        return part["scheme"] == scheme and "description_len" not in part

    if "description_len" in attachments[i]:
        return True
    return {
        0: lambda: True,
        1: lambda: is_scheme(i + 1, 2),
        2: lambda: is_scheme(i - 1, 1),
        3: lambda: is_scheme(i - 1, 2) and i >= 4,
    }[attachments[i]["scheme"]]()


def join_attachments(attachments):
    """Joins the parts of files in a message of which all parts are there and in place."""
    joined = []
    for part in attachments.values():
        if "description_len" in part:
            joined.append(part)
        elif part["scheme"] == 2:
            joined[-1]["key"] = part["key"]
        elif part["scheme"] == 3:
            joined[-1]["preview"] = {"media_type": part["media_type"], "picture": part["picture"]}
        else:
            joined.append(part | {"preview": None} if part["scheme"] == 1 else part)
    return joined


def unknown_content(part):
    return {"kind": "unknown", "number": part[0], "body": part[1:]}


def unknown_attachment(part):
    return {"scheme": part[0], "description_len": len(part)}


def read_content(part):
    reader = Reader(part, 59)
    kind = reader.number(1)
    if kind == 1:
        return {"kind": "text", "text": text(reader.data, 59)}
    if kind == 2:
        return {"kind": "edit", "of": reader.take(32), "text": text(reader.data, 59)}
    if kind == 3:
        content = {"kind": "deletion", "of": reader.take(32)}
        reader.finish()
        return content
    if kind == 4:
        return {"kind": "reaction", "to": reader.take(32), "reaction": text(reader.data, 59, 64)}
    if kind == 6:
        return {"kind": "invitation", "group": reader.take(32), "text": text(reader.data, 59, 255)}
    if kind == 7:
        content = {"kind": "acceptance", "group": reader.take(32)}
        reader.finish()
        return content
    if kind == 8:
        reader.finish()
        return {"kind": "leave"}
    if kind == 9:
        title = text(reader.prefixed(1), 59)
        require(len(reader.data) <= 32_768, 59)
        return {"kind": "profile", "text": title, "picture": reader.data}
    if kind == 10:
        content = {"kind": "timer", "after_secs": reader.number(4)}
        reader.finish()
        return content
    if kind != 5:
        return unknown_content(part)
    name = visible_ascii(reader.prefixed(1), 1, 128, 59)
    return {"kind": "application", "type": name, "body": reader.data}


def read_shown_content(part):
    """Reads content that was shown, perhaps when its kind was unknown: kinds up to 9 never were."""
    try:
        return read_content(part)
    except Refused:
        if part[:1] <= b"\x09":
            raise
        return unknown_content(part)


def read_attachment(version, part):
    reader = Reader(part, 60)
    scheme = reader.number(1) if version == 2 else 0
    if scheme == 1:
        return read_descriptor(reader)
    if scheme == 2:
        key = reader.take(32)
        reader.finish()
        return {"scheme": 2, "key": key}
    if scheme == 3:
        media_type = visible_ascii(reader.prefixed(1), 0, 127, 60)
        require(1 <= len(reader.data) <= MAX_PREVIEW, 60)
        return {"scheme": 3, "media_type": media_type, "picture": reader.data}
    if scheme != 0:
        return unknown_attachment(part)
    attachment = {
        "scheme": 0,
        "size": reader.number(8),
        "ciphertext_digest": reader.take(32),
        "plaintext_digest": reader.take(32),
        "key": reader.take(32),
        "media_type": visible_ascii(reader.prefixed(1), 0, 127, 60),
        "location": visible_ascii(reader.prefixed(2), 0, 2_048, 60),
    }
    reader.finish()
    return attachment


def read_descriptor(reader):
    descriptor = {"scheme": 1, "size": reader.number(8), "root": reader.take(32)}
    require(descriptor["size"] <= MAX_FILE, 60)
    descriptor["media_type"] = visible_ascii(reader.prefixed(1), 0, 127, 60)
    descriptor["name"] = text(reader.prefixed(1), 60)
    require(all(unicodedata.category(character) != "Cc" for character in descriptor["name"]), 60)
    descriptor["location"] = visible_ascii(reader.prefixed(2), 0, 2_048, 60)
    reader.finish()
    blob = re.fullmatch("blob:([0-9a-f]{64})", descriptor["location"])
    return descriptor | {"blob": bytes.fromhex(blob[1]) if blob else None}


# ------------------------------------------------------------------------------------------- BLAKE3

# BLAKE3 in its keyed mode, for chunks of files. Numbers are little-endian words of 32 bits.

INITIAL = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED = 1, 2, 4, 8, 16
ORDERS = [tuple(range(16))]  # in which the seven rounds take the words of a block
for _ in range(6):
    ORDERS.append(tuple(ORDERS[-1][at] for at in PERMUTATION))
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
MASK = 0xFFFFFFFF


def compress(chaining, block, length, counter, flags):
    """Returns the first eight words of output."""
    state = [*chaining, *INITIAL, counter & MASK, counter >> 32, length, flags]
    words = struct.unpack("<16I", block)
    for order in ORDERS:
        for number, (a, b, c, d) in enumerate(COLUMNS + DIAGONALS):
            for word, one, other in (
                (words[order[2 * number]], 16, 12),
                (words[order[2 * number + 1]], 8, 7),
            ):
                state[a] = state[a] + state[b] + word & MASK
                turned = state[d] ^ state[a]
                state[d] = (turned >> one | turned << 32 - one) & MASK
                state[c] = state[c] + state[d] & MASK
                turned = state[b] ^ state[c]
                state[b] = (turned >> other | turned << 32 - other) & MASK
    return [state[at] ^ state[at + 8] for at in range(8)]


def blake3_keyed(key, data):
    key = struct.unpack("<8I", key)

    def of_kilobyte(data, counter, is_root):
        chaining = key
        blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
        for number, block in enumerate(blocks):
            is_last = number == len(blocks) - 1
            flags = KEYED | CHUNK_START * (number == 0) | CHUNK_END * is_last
            flags |= ROOT * (is_last and is_root)
            chaining = compress(chaining, block.ljust(64, b"\0"), len(block), counter, flags)
        return chaining

    def of_tree(data, counter, is_root):
        if len(data) <= 1_024:
            return of_kilobyte(data, counter, is_root)
        # The left side has the most whole kilobytes that are a power of two and leave some over.
        kilobytes = (len(data) - 1) // 1_024
        left = 1 << kilobytes.bit_length() - 1
        sides = data[: left * 1_024], data[left * 1_024 :]
        sides = of_tree(sides[0], counter, False) + of_tree(sides[1], counter + left, False)
        return compress(key, struct.pack("<16I", *sides), 64, 0, KEYED | PARENT | ROOT * is_root)

    return struct.pack("<8I", *of_tree(data, 0, True))


def check_blake3():
    """Compares with the published vectors of BLAKE3 (test_vectors.json, `keyed_hash`)."""
    published = {
        0: "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
        1: "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
        1_023: "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
        1_024: "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
        1_025: "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
        2_048: "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1",
        2_049: "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5",
        3_072: "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770",
        5_121: "6ccf1c34753e7a044db80798ecd0782a8f76f33563accaddbfbb2e0ea4b2d024",
        7_168: "b42835e40e9d4a7f42ad8cc04f85a963a76e18198377ed84adddeaecacc6f3fc",
    }
    for length, expected in published.items():
        data = bytes(at % 251 for at in range(length))
        assert blake3_keyed(b"whats the Elvish word for friend", data).hex() == expected, length


# -------------------------------------------------------------------------------------------- files


def shape(size):
    """Returns the lengths of the sealed chunks, and how many nodes each level in a blob has."""
    require(size <= MAX_FILE, 480)
    sealed = padded_length(max(size, 1))
    count = (sealed + CHUNK - 1) // CHUNK
    lengths = [min(CHUNK, sealed - at * CHUNK) for at in range(count)]
    levels = [count]
    while levels[-1] > 2:
        levels.append((levels[-1] + 1) // 2)
    return lengths, levels


def path_of(size, index):
    """Where a chunk's tag is in the blob, and each node that its path needs; None for others."""
    lengths, levels = shape(size)
    if index >= len(lengths):
        return None
    at, offsets = sum(lengths), []
    for level, nodes in enumerate(levels):
        place = index >> level
        if level == 0:
            offsets.append(at + 32 * place)
        if place ^ 1 < nodes:
            offsets.append(at + 32 * (place ^ 1))
        at += 32 * nodes
    return offsets


def file_shape(given):
    lengths, levels = shape(given["size"])
    return {
        "sealed_len": sum(lengths),
        "chunks": len(lengths),
        "tags_offset": sum(lengths),
        "blob_len": sum(lengths) + 32 * sum(levels),
        "path_offsets": path_of(given["size"], given["index"]),
    }


def chunk_key(key, index):
    return expand(key, b"waxseal/2/file-chunk-key" + be32(index))


def chunk_tag(key, index, padded):
    hashed = blake3_keyed(expand(key, b"waxseal/2/file-hash-key"), padded)
    return HMAC(key, b"waxseal/2/file-chunk-tag" + be32(index) + be32(len(padded)) + hashed)


def chacha20(key, tag, data):
    """XORs the key stream. pyca wants the counter, in little endian, before the nonce."""
    key = expand(key, b"waxseal/2/file-cipher-key")
    return Cipher(algorithms.ChaCha20(key, bytes(4) + tag[:12]), mode=None).encryptor().update(data)


def tree_over(size, tags):
    """Returns the nodes of a blob, and the root."""
    lengths, _ = shape(size)
    require(len(tags) == len(lengths), 481)
    nodes, level, number = list(tags), list(tags), 1
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [node_over(number, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        number += 1
        if len(level) > 1:
            nodes += level
    return b"".join(nodes), root_over(size, level[0])


def node_over(level, left, right):
    return SHA256(b"waxseal/2/file-node" + bytes([level]) + left + right)


def root_over(size, top):
    return SHA256(b"waxseal/2/file-root" + be64(size) + be32(len(shape(size)[0])) + top)


def seal_file(given):
    size = len(given["content"])
    lengths, _ = shape(size)
    padded = given["content"] + bytes(sum(lengths) - size)
    chunks, tags = b"", []
    for index, length in enumerate(lengths):
        key, chunk = chunk_key(given["file_key"], index), padded[index * CHUNK :][:length]
        tags.append(chunk_tag(key, index, chunk))
        chunks += chacha20(key, tags[-1], chunk)
    nodes, root = tree_over(size, tags)
    return {
        "root": root,
        "tags": b"".join(tags),
        "blob": chunks + nodes,
        "blob_digest": SHA256(chunks + nodes),
        "chunk_key": chunk_key(given["file_key"], 0),
    }


def file_tree(given):
    nodes, root = tree_over(given["size"], given["tags"])
    return {"root": root, "tree": nodes}


def check_tags(given):
    count = len(shape(given["size"])[0])
    require(len(given["tags"]) == 32 * count, 481)
    tags = [given["tags"][at : at + 32] for at in range(0, 32 * count, 32)]
    require(tree_over(given["size"], tags)[1] == given["root"], 482)
    return {}


def opened(size, index, key, tag, chunk):
    """Opens a chunk and returns what the file has in it."""
    padded = chacha20(key, tag, chunk)
    require(chunk_tag(key, index, padded) == tag, 484)
    content = padded[: max(size - index * CHUNK, 0)]
    require(not any(padded[len(content) :]), 485)
    return content


def open_file(given):
    size, blob = given["size"], given["blob"]
    lengths, levels = shape(size)
    require(len(blob) == sum(lengths) + 32 * sum(levels), 481)
    tags = blob[sum(lengths) :][: 32 * len(lengths)]
    check_tags(given | {"tags": tags})
    content = b""
    for index, length in enumerate(lengths):
        key, chunk = chunk_key(given["file_key"], index), blob[index * CHUNK :][:length]
        content += opened(size, index, key, tags[32 * index :][:32], chunk)
    return {"content": content}


def open_chunk(given):
    size, index = given["size"], given["index"]
    lengths, levels = shape(size)
    require(index < len(lengths) and len(given["chunk"]) == lengths[index], 481)
    require(len(given["nodes"]) == len(path_of(size, index)), 483)
    tag, *others = given["nodes"]
    node = tag
    for level, nodes in enumerate(levels):
        place = index >> level
        if place ^ 1 < nodes:
            other = others.pop(0)
            pair = (other, node) if place & 1 else (node, other)
            node = node_over(level + 1, *pair)
    require(root_over(size, node) == given["root"], 483)
    return {"content": opened(size, index, given["chunk_key"], tag, given["chunk"])}


# ----------------------------------------------------------------------------------------- franking


def commit_parts(key, parts, origin):
    """Derives keys, commitments and tag. `origin` is (sender, conversation); None in format 01."""
    root_key = expand(key, b"waxseal/1/frank-root-key")
    part_keys = [expand(key, b"waxseal/1/frank-part-key" + bytes([i])) for i in range(len(parts))]
    commitments = [commit_part(i, part_keys[i], part) for i, part in enumerate(parts)]
    return root_key, part_keys, commitments, tag_over(root_key, commitments, origin)


def commit_part(i, key, part):
    return HMAC(key, b"waxseal/1/frank-commit" + bytes([i]) + long(part))


def tag_over(root_key, commitments, origin):
    named = b"waxseal/1/frank-tag"
    if origin is not None:
        sender, conversation = origin
        named = b"waxseal/2/frank-tag" + write_sender(sender) + conversation
    return HMAC(root_key, named + bytes([len(commitments)]) + b"".join(commitments))


def origin_of(version, sender, conversation):
    return (sender, conversation) if version == 2 else None


def commit_1(given):
    *_, tag = commit_parts(given["franking_key"], given["parts"], None)
    return {"franking_tag": tag}


def commit(given):
    parts = given["parts"]
    origin = (given["sender"], given["conversation"])
    root_key, part_keys, commitments, tag = commit_parts(given["franking_key"], parts, origin)
    return {
        "root_key": root_key,
        "part_keys": part_keys,
        "part_commitments": commitments,
        "franking_tag": tag,
        "plaintext": pad(given["franking_key"] + encode_parts(parts)),
    }


def open_payload(given):
    require(len(given["plaintext"]) <= MAX_PLAINTEXT, 56)
    reader = Reader(unpad(given["plaintext"], 56), 57)
    key = reader.take(32)
    parts = read_parts(reader)
    *_, tag = commit_parts(key, parts, (given["sender"], given["conversation"]))
    require(tag == given["franking_tag"], 61)
    header, _, content, attachments = read_message(2, parts)
    return {"franking_key": key, "header": header, "content": content, "attachments": attachments}


# ----------------------------------------------------------------------- control messages, refusals


def control_tag(key, sender, conversation, control):
    named = write_sender(sender) + conversation + long(control)
    return HMAC(expand(key, b"waxseal/2/control-key"), b"waxseal/2/control-tag" + named)


GROUP_RECORDS = (
    (5, "authority", ("seed", "group", "version")),
    (6, "welcome", ("group", "version", "state_hash")),
    (7, "state_wanted", ("group", "version")),
)


def seal_control(given):
    records = [(1, given["delivered"]), (2, given["opened"])]
    values = [(kind, b"".join(tags)) for kind, tags in records]
    values += [(3, given["roster"]), (4, given["sync"])]
    for kind, name, fields in GROUP_RECORDS:
        record = given[name]
        if record is not None:
            value = b"".join(be64(record[f]) if f == "version" else record[f] for f in fields)
            values.append((kind, value))
    control = b"".join(be16(kind) + medium(value) for kind, value in values if value)
    key = given["franking_key"]
    tag = control_tag(key, given["sender"], given["conversation"], control)
    return {"franking_tag": tag, "plaintext": pad(key + b"\0" + control)}


def open_control(given):
    require(len(given["plaintext"]) <= MAX_PLAINTEXT, 56)
    reader = Reader(unpad(given["plaintext"], 56), 107)
    key, mark = reader.take(32), reader.number(1)
    require(mark == 0 and len(reader.data) <= MAX_CONTROL, 107)
    tag = control_tag(key, given["sender"], given["conversation"], reader.data)
    require(tag == given["franking_tag"], 101)
    return read_control(reader)


def read_control(reader):
    records = {}
    while reader.data:
        kind = reader.number(2)
        require(all(kind > earlier for earlier in records), 107)
        records[kind] = reader.prefixed(2)
    tags = {kind: read_tags(records[kind]) for kind in (1, 2) if kind in records}
    for kind, longest in (3, MAX_CONTROL_ROSTER), (4, MAX_CONTROL_SYNC):
        require(1 <= len(records.get(kind, b"-")) <= longest, 107)
    others = {"roster": records.get(3), "sync": records.get(4)}
    for kind, name, fields in GROUP_RECORDS:
        others[name] = read_group_record(records[kind], fields) if kind in records else None
    return {"delivered": tags.get(1, []), "opened": tags.get(2, [])} | others


def read_group_record(value, fields):
    reader = Reader(value, 107)
    record = {f: reader.number(8) if f == "version" else reader.take(32) for f in fields}
    reader.finish()
    return record


def read_tags(value):
    require(len(value) % 32 == 0 and 1 <= len(value) // 32 <= MAX_CONTROL_TAGS, 107)
    return [value[at : at + 32] for at in range(0, len(value), 32)]


def refusal_data(given):
    named = write_sender(given["refuser"]) + write_account(given["account"])
    return {"associated_data": b"waxseal/2/refusal" + given["franking_tag"] + named}


def read_refusal(given):
    require(len(given["content"]) <= MAX_REFUSAL, 102)
    reader = Reader(unpad(given["content"], 102), 102)
    count = reader.number(1)
    require(1 <= count <= MAX_REFUSED_MESSAGES, 102)
    messages = [{"franking_tag": reader.take(32), "accepted_ms": reader.number(8)} for _ in range(count)]
    count = reader.number(1)
    require(count <= MAX_REFUSED_SESSIONS, 102)
    sessions = [reader.take(16) for _ in range(count)]
    reader.finish()
    return {"messages": messages, "sessions": sessions}


# -------------------------------------------------------------------- identifiers, contexts, claims


def read_account(reader):
    data = reader.prefixed(1)
    require(1 <= len(data) <= 128, 55)
    name = text(data, 55)
    require(all(unicodedata.category(character) != "Cc" for character in name), 55)
    return name


def write_account(name):
    return short(name.encode("utf-8"))


def account(given):
    return {"name": read_account(Reader(short(given["bytes"]), 55))}


def direct(one, other):
    smaller, larger = sorted([one.encode("utf-8"), other.encode("utf-8")])
    return SHA256(b"waxseal/1/conversation-direct" + short(smaller) + short(larger))


def conversation_direct(given):
    return {"conversation": direct(*given["accounts"])}


def conversation_group(given):
    return {"conversation": SHA256(b"waxseal/1/conversation-group" + given["group_name"])}


def write_sender(sender):
    return write_account(sender["account"]) + be32(sender["device"])


def read_sender(reader):
    return {"account": read_account(reader), "device": reader.number(4)}


def write_audience(audience):
    if "direct" in audience:
        return b"\x01" + write_account(audience["direct"])
    return b"\x02" + audience["group"]


def write_context(context):
    addressed = write_sender(context["sender"]) + write_audience(context["audience"])
    return addressed + be64(context["accepted_ms"]) + be32(context["epoch"])


def read_context(data, check=54):
    reader = Reader(data, check)
    sender = read_sender(reader)
    kind = reader.number(1)
    require(kind in (1, 2), check)
    audience = {"direct": read_account(reader)} if kind == 1 else {"group": reader.take(32)}
    context = {"sender": sender, "audience": audience, "accepted_ms": reader.number(8), "epoch": reader.number(4)}
    reader.finish()
    return context


def conversation_of(context):
    if "direct" in context["audience"]:
        return direct(context["sender"]["account"], context["audience"]["direct"])
    return context["audience"]["group"]


def write_claim(claim):
    return claim["franking_tag"] + medium(claim["context"]) + claim["stamp"]


def read_claim(reader):
    return {"franking_tag": reader.take(32), "context": reader.prefixed(2), "stamp": reader.take(32)}


# ------------------------------------------------------------------------------------------- stamps


def next_root(root, epoch):
    return expand(root, b"waxseal/1/stamp-next-root" + be32(epoch))


def key_of_epoch(keys, epoch):
    root = keys["root"]
    for earlier in range(keys["oldest_epoch"], epoch):
        root = next_root(root, earlier)
    return root, expand(root, b"waxseal/1/stamp-epoch-key" + be32(epoch) + short(keys["region"].encode()))


def read_stamp_keys(data):
    reader = stored(data, MAX_STAMP_KEYS, 72)
    keys = {"oldest_epoch": reader.number(4), "root": reader.take(32), "region": text(reader.prefixed(1), 72, 64)}
    reader.finish()
    return keys


def import_stamp_keys(given):
    return read_stamp_keys(given["stamp_keys"])


def epoch_key(given):
    keys = {"root": given["root"], "oldest_epoch": given["oldest_epoch"], "region": given["region"]}
    root, key = key_of_epoch(keys, given["epoch"])
    return {"root_of_epoch": root, "epoch_key": key}


def stamp_over(key, claim):
    return HMAC(key, b"waxseal/1/stamp-mac" + claim["franking_tag"] + claim["context"])


def stamp(given):
    keys = read_stamp_keys(given["stamp_keys"])
    epoch = given["accepted_ms"] // DAY_MS
    require(keys["oldest_epoch"] <= epoch <= keys["oldest_epoch"] + MAX_EPOCHS_KEPT, 69)
    context = {name: given[name] for name in ("sender", "audience", "accepted_ms")} | {"epoch": epoch}
    claim = {"franking_tag": given["franking_tag"], "context": write_context(context)}
    return {
        "context": claim["context"],
        "conversation": conversation_of(context),
        "stamp": stamp_over(key_of_epoch(keys, epoch)[1], claim),
    }


def check_stamp(keys, claim, now_ms):
    context = read_context(claim["context"])
    require(context["epoch"] == context["accepted_ms"] // DAY_MS, 68)
    require(context["accepted_ms"] <= now_ms + MAX_CLOCK_SKEW_MS, 70)
    require(keys["oldest_epoch"] <= context["epoch"] <= keys["oldest_epoch"] + MAX_EPOCHS_KEPT, 69)
    _, key = key_of_epoch(keys, context["epoch"])
    mac_is(key, b"waxseal/1/stamp-mac" + claim["franking_tag"] + claim["context"], claim["stamp"], 71)
    return context


def verify_stamp(given):
    check_stamp(read_stamp_keys(given["stamp_keys"]), given, given["now_ms"])
    return {}


# ----------------------------------------------------------------------------- deliveries, receipts


def write_roster(roster):
    return be32(roster["epoch"]) + be32(roster["version"])


def write_slots(given):
    slots = [bytes([s["side"]]) + be32(s["device"]) + long(s["ciphertext"]) for s in given["slots"]]
    return write_roster(given["own"]) + write_roster(given["peer"]) + bytes([len(slots)]) + b"".join(slots)


def read_slots(data):
    reader = Reader(data, 291)
    own, peer = ({"epoch": reader.number(4), "version": reader.number(4)} for _ in range(2))
    count = reader.number(1)
    require(1 <= count <= MAX_SLOTS, 291)
    slots = []
    for _ in range(count):
        slot = {"side": reader.number(1), "device": reader.number(4), "ciphertext": reader.prefixed(4)}
        require(slot["side"] in (0, 1) and len(slot["ciphertext"]) <= MAX_CIPHERTEXT, 291)
        slots.append(slot)
    reader.finish()
    devices = [(slot["side"], slot["device"]) for slot in slots]
    require(all(one < other for one, other in zip(devices, devices[1:])), 291)
    return {"own": own, "peer": peer, "slots": slots}


def fanout_message(sender, audience, tag, posted_at, slots):
    addressed = write_sender(sender) + write_audience(audience)
    return b"waxseal/2/fanout-mac" + addressed + tag + posted_at + SHA256(slots)


def post_fanout(given):
    tag, posted_at, slots = given["franking_tag"], be64(given["posted_ms"]), write_slots(given)
    message = fanout_message(given["sender"], given["audience"], tag, posted_at, slots)
    mac = HMAC(given["delivery_key"], message)
    posted = encode("PostedFanout", franking_tag=tag, posted_at=posted_at, fanout_mac=mac, slots=slots)
    return {"fanout_mac": mac, "posted": posted, "stored": b"\x03" + tag + slots}


def accept_fanout(given):
    fields = decode("PostedFanout", given["posted"])
    tag, posted_at, slots = fields["franking_tag"], fields["posted_at"], fields["slots"]
    read = read_slots(slots)
    sender, audience = given["sender"], given["audience"]
    message = fanout_message(sender, audience, tag, posted_at, slots)
    mac_is(given["delivery_key"], message, fields["fanout_mac"], 292)
    require(abs(int.from_bytes(posted_at, "big") - given["now_ms"]) <= MAX_POST_SKEW_MS, 111)
    require("direct" in audience, 293)
    accounts = audience["direct"], sender["account"]
    targets = [
        {"account": accounts[slot["side"]], "device": slot["device"], "empty": not slot["ciphertext"]}
        for slot in read["slots"]
    ]
    if accounts[0] == accounts[1]:
        require(all(slot["side"] == 1 for slot in read["slots"]), 293)
        require(read["peer"] == {"epoch": 0, "version": 0}, 293)
    for slot in read["slots"]:
        require((slot["side"], slot["device"]) != (1, sender["device"]), 293)
    return read | {"franking_tag": tag, "targets": targets, "slots_digest": SHA256(slots)}


def import_fanout(given):
    reader = stored(given["stored"], MAX_FANOUT, 115, (3,))
    return {"franking_tag": reader.take(32)} | read_slots(reader.data)


def write_group_slots(slots):
    out = be16(len(slots))
    for at in range(0, len(slots), 4):
        kinds = [slot["number"] for slot in slots[at : at + 4]] + [0, 0, 0]
        out += bytes([kinds[0] << 6 | kinds[1] << 4 | kinds[2] << 2 | kinds[3]])
    out += b"".join(slot["slot"] for slot in slots if slot["number"] == 1)
    return out + b"".join(medium(slot["slot"]) for slot in slots if slot["number"] == 2)


def check_group_slot(slot, check):
    """Slots have numbers 0 (empty), 1 (MAC) and 2 (key)."""
    require(slot["number"] in (0, 1, 2), check)
    shortest, longest = ((0, 0), (16, 16), (17, MAX_KEY_SLOT))[slot["number"]]
    require(shortest <= len(slot["slot"]) <= longest, check)
    return slot


def read_group_slots(data):
    require(len(data) <= MAX_GROUP_SLOTS_LEN, 411)
    reader = Reader(data, 411)
    count = reader.number(2)
    require(1 <= count <= MAX_GROUP_SLOTS, 411)
    kinds = [byte >> shift & 3 for byte in reader.take((count + 3) // 4) for shift in (6, 4, 2, 0)]
    require(not any(kinds[count:]), 411)
    macs = Reader(reader.take(16 * kinds.count(1)), 411)
    slots = []
    for kind in kinds[:count]:
        slot = macs.take(16) if kind == 1 else reader.prefixed(2) if kind == 2 else b""
        slots.append(check_group_slot({"number": kind, "slot": slot}, 411))
    reader.finish()
    return slots


def write_group_message(given):
    state = be64(given["version"]) + given["state_hash"] + given["targets_digest"]
    return given["group"] + state + long(given["body"]) + write_group_slots(given["slots"])


def read_group_message(data):
    reader = Reader(data, 410)
    read = {"group": reader.take(32), "version": reader.number(8)}
    read |= {"state_hash": reader.take(32), "targets_digest": reader.take(32)}
    read["body"] = reader.prefixed(4)
    require(1 <= len(read["body"]) <= MAX_GROUP_BODY, 410)
    read["slots"] = read_group_slots(reader.data)
    return read


def group_mac_input(sender, group, tag, posted_at, message):
    addressed = write_sender(sender) + b"\x02" + group
    return b"waxseal/2/group-post-mac" + addressed + tag + posted_at + SHA256(message)


def post_group(given):
    tag, posted_at, message = given["franking_tag"], be64(given["posted_ms"]), write_group_message(given)
    mac = HMAC(given["delivery_key"], group_mac_input(given["sender"], given["group"], tag, posted_at, message))
    posted = encode("PostedGroup", franking_tag=tag, posted_at=posted_at, group_mac=mac, message=message)
    return {"group_mac": mac, "posted": posted, "stored": b"\x04" + tag + message}


def accept_group(given):
    fields = decode("PostedGroup", given["posted"])
    tag, posted_at, message = fields["franking_tag"], fields["posted_at"], fields["message"]
    read = read_group_message(message)
    covered = group_mac_input(given["sender"], read["group"], tag, posted_at, message)
    mac_is(given["delivery_key"], covered, fields["group_mac"], 412)
    require(abs(int.from_bytes(posted_at, "big") - given["now_ms"]) <= MAX_POST_SKEW_MS, 111)
    require(read["targets_digest"] == given["targets_digest"], 413)
    require(len(read["slots"]) == len(given["targets"]), 413)
    require(given["sender"] not in given["targets"], 413)
    return {
        "franking_tag": tag,
        "group": read["group"],
        "version": read["version"],
        "state_hash": read["state_hash"],
        "targets": [
            target | {"empty": slot["number"] == 0}
            for target, slot in zip(given["targets"], read["slots"])
        ],
        "digest": SHA256(message),
    }


def import_group_fanout(given):
    reader = stored(given["stored"], MAX_GROUP_FANOUT, 410, (4,))
    return {"franking_tag": reader.take(32)} | read_group_message(reader.data)


def deliver_group(given):
    slot = check_group_slot({"number": given["number"], "slot": given["slot"]}, 411)
    kept = b"\x04" + given["franking_tag"] + medium(given["context"]) + given["stamp"] + given["body"]
    ciphertext = b""
    if slot["number"]:
        ciphertext = bytes([slot["number"]]) + medium(slot["slot"]) + given["body"]
    return {
        "stored": kept,
        "stored_slot": bytes([slot["number"]]) + slot["slot"],
        "delivery": deliver(given | {"ciphertext": ciphertext})["delivery"],
    }


def import_stamped_group(given):
    reader = stored(given["stored"], MAX_STAMPED_GROUP, 414, (4,))
    read = {"franking_tag": reader.take(32), "context": reader.prefixed(2), "stamp": reader.take(32)}
    require("group" in read_context(read["context"], 414)["audience"], 414)
    require(1 <= len(reader.data) <= MAX_GROUP_BODY, 414)
    return read | {"body": reader.data}


def import_group_slot(given):
    require(given["stored_slot"], 411)
    number, slot = given["stored_slot"][0], given["stored_slot"][1:]
    return check_group_slot({"number": number, "slot": slot}, 411)


def split_group(given):
    ciphertext = open_delivery(given)["ciphertext"]
    require(ciphertext, 294)
    reader = Reader(ciphertext, 415)
    number = reader.number(1)
    require(number in (1, 2, 3), 415)
    slot = b"" if number == 3 else check_group_slot({"number": number, "slot": reader.prefixed(2)}, 415)["slot"]
    require(reader.data and (number == 3 or len(reader.data) <= MAX_GROUP_BODY), 415)
    return {"number": number, "slot": slot, "body": reader.data}


def reseal_message(sender, target, claim, posted_at, ciphertext):
    claimed = claim["franking_tag"] + claim["context"] + claim["stamp"]
    return b"waxseal/2/reseal-mac" + write_sender(sender) + target + claimed + posted_at + SHA256(ciphertext)


def post_again(given):
    target, posted_at = write_sender(given["target"]), be64(given["posted_ms"])
    message = reseal_message(given["sender"], target, given, posted_at, given["ciphertext"])
    mac = HMAC(given["delivery_key"], message)
    posted = encode(
        "PostedReseal",
        franking_tag=given["franking_tag"],
        stamp_context=given["context"],
        stamp=given["stamp"],
        target=target,
        posted_at=posted_at,
        reseal_mac=mac,
        ciphertext=given["ciphertext"],
    )
    return {"reseal_mac": mac, "posted": posted}


def accept_again(given):
    fields = decode("PostedReseal", given["posted"])
    claim = wire_claim(fields)
    context = read_context(claim["context"])
    # In a group, a byte goes before the ciphertext.
    is_group = "group" in context["audience"]
    require(len(fields["ciphertext"]) + is_group <= MAX_CIPHERTEXT, 54)
    reader = Reader(fields["target"], 54)
    target = read_sender(reader)
    reader.finish()
    posted_at, ciphertext = fields["posted_at"], fields["ciphertext"]
    message = reseal_message(given["sender"], fields["target"], claim, posted_at, ciphertext)
    mac_is(given["delivery_key"], message, fields["reseal_mac"], 103)
    require(abs(int.from_bytes(posted_at, "big") - given["now_ms"]) <= MAX_POST_SKEW_MS, 111)
    try:
        check_stamp(read_stamp_keys(given["stamp_keys"]), claim, given["now_ms"])
    except Refused:
        raise Refused("CHK-104") from None
    require(context["sender"] == given["sender"], 105)
    author = given["sender"]["account"]
    require(target != given["sender"], 106)
    if "direct" in context["audience"]:
        require(target["account"] in (context["audience"]["direct"], author), 106)
    else:
        members = given["members"]
        require(author in members and target["account"] in members, 106)
    return {
        "franking_tag": claim["franking_tag"],
        "target": target,
        "first_accepted_ms": context["accepted_ms"],
        "ciphertext": ciphertext,
    }


def next_accepted(given):
    clock, last = given["clock_ms"], given["last_ms"]
    if last is None or last > clock + MAX_LAST_AHEAD_MS:
        return {"accepted_ms": clock}
    return {"accepted_ms": max(clock, last + 1)}


def import_stamped(given):
    reader = stored(given["stamped"], MAX_STAMPED, 115, (2,))
    claim = read_claim(reader)
    read_context(claim["context"], 115)
    require(len(reader.data) <= MAX_CIPHERTEXT, 115)
    return claim | {"ciphertext": reader.data}


def import_claim(given):
    reader = stored(given["claim"], MAX_CLAIM, 115, (2,))
    claim = read_claim(reader)
    reader.finish()
    read_context(claim["context"], 115)
    return claim


def answer(given):
    asked = short(given["method"].encode()) + medium(given["path"].encode())
    asked += SHA256(given["request_body"]) + given["nonce"]
    message = b"waxseal/2/answer-mac" + asked + be16(given["status"]) + long(given["body"])
    return {"answer_mac": HMAC(given["delivery_key"], message)}


def check_answer(given):
    require(answer(given)["answer_mac"] == given["answer_mac"], 112)
    return {}


def delivery_message(claim, ciphertext):
    claimed = claim["franking_tag"] + claim["context"] + claim["stamp"]
    return b"waxseal/2/delivery-mac" + claimed + SHA256(ciphertext)


def receipt_message(claim):
    return b"waxseal/2/receipt-mac" + claim["franking_tag"] + claim["context"] + claim["stamp"]


def wire_claim(fields):
    return {"franking_tag": fields["franking_tag"], "context": fields["stamp_context"], "stamp": fields["stamp"]}


def deliver(given):
    mac = HMAC(given["delivery_key"], delivery_message(given, given["ciphertext"]))
    return {
        "stamped": b"\x02" + write_claim(given) + given["ciphertext"],
        "delivery_mac": mac,
        "delivery": encode(
            "Delivery",
            franking_tag=given["franking_tag"],
            stamp_context=given["context"],
            stamp=given["stamp"],
            delivery_mac=mac,
            ciphertext=given["ciphertext"],
        ),
    }


def decode_envelope(given):
    reader = stored(given["envelope"], MAX_ENVELOPE, 115, (2,))
    envelope = {"franking_tag": reader.take(32), "ciphertext": reader.data}
    require(reader.data, 115)
    return envelope


def open_delivery(given):
    fields = decode("Delivery", given["delivery"])
    claim = wire_claim(fields)
    context = read_context(claim["context"])
    mac_is(given["delivery_key"], delivery_message(claim, fields["ciphertext"]), fields["delivery_mac"], 64)
    audience = context["audience"]
    own_copy = context["sender"]["account"] == given["account"]
    require(not own_copy or context["sender"]["device"] != given["device"], 290)
    if "direct" in audience:
        require(own_copy or audience["direct"] == given["account"], 65)
    else:
        require(audience["group"] in given["groups"], 65)
        sender, me = context["sender"]["account"], given["account"]
        pairs = (sender, me), (sender, sender), (me, me)
        require(audience["group"] not in [direct(one, other) for one, other in pairs], 65)
    return {
        "franking_tag": fields["franking_tag"],
        "sender": context["sender"],
        "conversation": conversation_of(context),
        "accepted_ms": context["accepted_ms"],
        "ciphertext": fields["ciphertext"],
        "own_copy": own_copy,
    }


def make_receipt(given):
    mac = HMAC(given["delivery_key"], receipt_message(given))
    receipt = encode(
        "Receipt",
        franking_tag=given["franking_tag"],
        stamp_context=given["context"],
        stamp=given["stamp"],
        receipt_mac=mac,
    )
    return {"receipt_mac": mac, "receipt": receipt}


def read_sent_message(data):
    version, reader = stored_message(data, MAX_SENT, 92)
    try:
        sent = {"version": version, "sender": read_sender(reader)}
        conversation = reader.take(32) if version == 2 else None
        sent |= {"franking_key": reader.take(32), "parts": read_parts(reader)}
        _, in_header, _ = read_committed(version, dict(enumerate(sent["parts"])), len(sent["parts"]))
    except Refused:
        raise Refused("CHK-92") from None
    return sent | {"conversation": conversation or in_header}


def confirm_receipt(given):
    sent = read_sent_message(given["sent_message"])
    fields = decode("Receipt", given["receipt"])
    claim = wire_claim(fields)
    context = read_context(claim["context"])
    mac_is(given["delivery_key"], receipt_message(claim), fields["receipt_mac"], 66)
    origin = origin_of(sent["version"], sent["sender"], sent["conversation"])
    *_, tag = commit_parts(sent["franking_key"], sent["parts"], origin)
    require(tag == claim["franking_tag"], 67)
    require(context["sender"] == sent["sender"], 67)
    require(conversation_of(context) == sent["conversation"], 67)
    message = sent["franking_key"] + encode_parts(sent["parts"])
    return {"evidence": bytes([sent["version"]]) + write_claim(claim) + message}


def channel_associated_data(sender, conversation, tag):
    return b"waxseal/1/channel" + tag + write_sender(sender) + conversation


def open_channel(given):
    """Opens a ciphertext of a minimal channel: one ChaCha20-Poly1305 key and a nonce of zeros.

    That is enough to show what the associated data binds.
    """
    require(given["ciphertext"], 294)
    ad = channel_associated_data(given["sender"], given["conversation"], given["franking_tag"])
    try:
        opened = ChaCha20Poly1305(given["channel_key"]).decrypt(bytes(12), given["ciphertext"], ad)
    except InvalidTag:
        raise Refused("CHK-93") from None
    return {"associated_data": ad, "plaintext": opened}


# -------------------------------------------------------------------------------- evidence, reports


def import_evidence(given):
    version, reader = stored_message(given["evidence"], MAX_EVIDENCE, 73)
    claim = read_claim(reader)
    key = reader.take(32)
    try:
        context = read_context(claim["context"])
        parts = read_parts(reader)
        _, in_header, _ = read_committed(version, dict(enumerate(parts)), len(parts))
    except Refused:
        raise Refused("CHK-73") from None
    conversation = conversation_of(context)
    require(in_header in (None, conversation), 73)
    *_, tag = commit_parts(key, parts, origin_of(version, context["sender"], conversation))
    require(tag == claim["franking_tag"], 73)
    return {"franking_tag": tag, "sender": context["sender"], "franking_key": key, "parts": parts}


def read_claims(data, version):
    """Returns the reporter, the claims, and the account that a report without claims is about."""
    reader = Reader(data, 54)
    reporter = read_sender(reader)
    count = reader.number(1)
    about = None
    if count == 0:
        require(version == 2 and reader.data != b"", 75)
        about = read_account(reader)
    require(count <= 30, 75)
    claims = [read_claim(reader) for _ in range(count)]
    reader.finish()
    for claim in claims:
        claim["read"] = read_context(claim["context"])
    return reporter, claims, about


def read_blobs(data, claims, check=490):
    reader = Reader(data, check)
    count = reader.number(1)
    require(1 <= count <= MAX_BLOBS, check)
    blobs = []
    for _ in range(count):
        blobs.append({"claim": reader.number(1), "part": reader.number(1), "blob": reader.take(32)})
    reader.finish()
    places = [(named["claim"], named["part"]) for named in blobs]
    require(all(one < other for one, other in zip(places, places[1:])), check)
    require(all(claim < claims and 2 <= part < 32 for claim, part in places), check)
    return blobs


def blobs_of(fields, claims):
    return read_blobs(fields["blobs"], len(claims)) if fields["version"] == 3 else []


def nullifier_of(claim, reporter):
    sender = claim["read"]["sender"]
    return SHA256(b"waxseal/1/nullifier" + claim["franking_tag"] + write_sender(sender) + write_account(reporter))


def account_nullifier(about, reporter):
    return SHA256(b"waxseal/2/account-nullifier" + write_account(about) + write_account(reporter))


def nullifier(given):
    if "account" in given:
        return {"nullifier": account_nullifier(given["account"], given["reporter"])}
    claim = {"franking_tag": given["franking_tag"], "read": read_context(given["context"])}
    return {"nullifier": nullifier_of(claim, given["reporter"])}


def reporter_message(fields):
    names = ("claims", "moderation_key_fingerprint", "encapsulated_key", "sealed_openings")
    names += ("blobs",) if fields["version"] == 3 else ()
    label = b"waxseal/%d/reporter-mac" % fields["version"]
    return label + b"".join(long(fields[name]) for name in names)


def names_direct_as_group(reporter, claims):
    """Whether a claim's group is the direct conversation of two accounts that the report names."""
    contexts = [claim["read"] for claim in claims]
    accounts = {reporter["account"]} | {context["sender"]["account"] for context in contexts}
    audiences = [context["audience"] for context in contexts]
    accounts |= {audience["direct"] for audience in audiences if "direct" in audience}
    groups = {audience["group"] for audience in audiences if "group" in audience}
    return any(direct(one, other) in groups for one in accounts for other in accounts)


def claim_order(claim, version):
    sender = claim["read"]["sender"]
    sender = () if version == 1 else (sender["account"].encode(), sender["device"])
    return claim["read"]["accepted_ms"], sender, claim["franking_tag"]


def accept(given):
    fields = decode("Report", given["report"])
    reporter, claims, about = read_claims(fields["claims"], fields["version"])
    blobs = blobs_of(fields, claims)
    mac_is(given["delivery_key"], reporter_message(fields), fields["reporter_mac"], 74)
    order = [claim_order(claim, fields["version"]) for claim in claims]
    require(all(one < other for one, other in zip(order, order[1:])), 76)
    require(len({claim["franking_tag"] for claim in claims}) == len(claims), 76)
    require(len({conversation_of(claim["read"]) for claim in claims}) <= 1, 77)
    keys = read_stamp_keys(given["stamp_keys"])
    for claim in claims:
        context = check_stamp(keys, claim, given["now_ms"])
        if "direct" in context["audience"]:
            taking_part = (context["sender"]["account"], context["audience"]["direct"])
            require(reporter["account"] in taking_part, 78)
    require(not names_direct_as_group(reporter, claims), 114)
    require(about != reporter["account"], 117)
    if any("group" in claim["read"]["audience"] for claim in claims):
        require(reporter["account"] in given["members"], 78)
    nullifiers = [nullifier_of(claim, reporter["account"]) for claim in claims]
    repeated = sum(1 << i for i, one in enumerate(nullifiers) if one in given["seen"])
    if about is not None:
        nullifiers = [account_nullifier(about, reporter["account"])]
    require(not all(one in given["seen"] for one in nullifiers), 80)
    data = b"\x02" + given["id"] + be64(given["now_ms"]) + be32(repeated) + long(given["report"])
    accepted = data + HMAC(given["acceptance_key"], b"waxseal/2/acceptance-mac" + data)
    return {"nullifiers": nullifiers, "repeated": repeated, "accepted": accepted, "blobs": blobs}


def import_accepted(given):
    accepted = given["accepted"]
    reader = stored(accepted[:-32], MAX_ACCEPTED - 32, 81, (1, 2))
    version = accepted[0]
    label = b"waxseal/%d/acceptance-mac" % version
    mac_is(given["acceptance_key"], label + accepted[:-32], accepted[-32:], 81)
    if version == 2:
        require(reader.take(16) == given["id"], 113)
    read = {"accepted_ms": reader.number(8), "repeated": reader.number(4), "report": reader.prefixed(4)}
    reader.finish()
    report = decode("Report", read["report"])
    _, claims, _ = read_claims(report["claims"], report["version"])
    blobs_of(report, claims)
    return read


# ------------------------------------------------------------------------------------------- review


def read_opening(report_version, reader):
    """Reads an opening. Version 3 is that of a message of format 02 with chunks of files."""
    version = reader.number(1) if report_version != 1 else 1
    require(version in (1, 2, 3), 97)
    count = reader.number(1)
    require(2 <= count <= 32, 84)
    root_key = reader.take(32)
    commitments = [reader.take(32) for _ in range(count)]
    shown = reader.number(4)
    require(shown >> count == 0, 84)
    parts = {i: (reader.take(32), reader.prefixed(4)) for i in range(count) if shown >> i & 1}
    chunks = read_shown_chunks(reader) if version == 3 else []
    return min(version, 2), root_key, commitments, parts, chunks


def read_shown_chunks(reader):
    count = reader.number(2)
    require(1 <= count <= MAX_SHOWN_CHUNKS, 489)
    chunks = [(reader.number(1), reader.number(4), reader.take(32)) for _ in range(count)]
    places = [(part, index) for part, index, _ in chunks]
    require(all(one < other for one, other in zip(places, places[1:])), 489)
    return chunks


def import_unsealed(given):
    reader = stored(given["unsealed"], MAX_UNSEALED, 116, (2,))
    read = {"report_version": reader.number(1), "id": reader.take(16), "accepted_ms": reader.number(8)}
    read["repeated"] = reader.number(4)
    try:
        version = read["report_version"]
        read["reporter_address"], claims, read["account"] = read_claims(reader.prefixed(4), version)
        read["blobs"] = read_blobs(reader.prefixed(2), len(claims)) if version == 3 else []
    except Refused:
        raise Refused("CHK-116") from None
    require(read["report_version"] in (1, 2, 3), 116)
    require(read["repeated"] >> len(claims) == 0, 116)
    require(len(reader.data) <= MAX_OPENINGS, 116)
    return read | {"openings": reader.data}


def steps_back(before, after):
    return before["accepted_ms"] > after["accepted_ms"] + MAX_LAST_AHEAD_MS


def numbered_before(one, other):
    return one["sender"] == other["sender"] and one["sequence"] < other["sequence"]


def seen_before(one, other):
    return one["sender"] != other["sender"] and other["last_seen"] == one["franking_tag"]


def transcript(given):
    messages = given["messages"]
    ordered = [(one, other) for one in messages for other in messages if numbered_before(one, other) or seen_before(one, other)]
    stepped_back = any(steps_back(one, other) for one, other in ordered)

    def key(message):
        sender = message["sender"]
        address = sender["account"].encode(), sender["device"]
        return message["accepted_ms"], address, message["franking_tag"]

    left, shown = sorted(messages, key=key), []
    while left:
        together = [one for one in left if stepped_back or one["accepted_ms"] == left[0]["accepted_ms"]]
        unnumbered = [one for one in together if not any(numbered_before(other, one) for other in together)]
        free = [one for one in unnumbered if not any(seen_before(other, one) for other in together)]
        shown.append((free or unnumbered)[0])
        left.remove(shown[-1])
    positions = [transcript_position(shown, index, stepped_back) for index in range(len(shown))]
    for position, message in zip(positions, shown):
        position["message"] = messages.index(message)
    return {"shown": positions, "clock_stepped_back": stepped_back}


def transcript_position(shown, index, stepped_back):
    message = shown[index]
    earlier = [one["sequence"] for one in shown[:index] if one["sender"] == message["sender"]]
    contradictions = ["SequenceRepeated"] if message["sequence"] in earlier else []
    before = [other for other in shown if numbered_before(message, other)]
    if not stepped_back and any(message["accepted_ms"] > other["accepted_ms"] for other in before):
        contradictions.append("SequenceRunsBack")
    gap = message["sequence"] - max(earlier) - 1 if earlier and not contradictions else None
    tags = [one["franking_tag"] for one in shown]
    seen = tags.index(message["last_seen"]) if message["last_seen"] in tags else None
    if seen is not None:
        other = shown[seen]
        later = other["accepted_ms"] > message["accepted_ms"] and not stepped_back
        if seen == index or later:
            contradictions.append("LastSeenLater")
    return {"gap_before": gap, "seen": seen, "contradictions": contradictions}


REFERENCES = ("edit", "deletion", "reaction")


def check_reference(reference, base):
    """Checks whether an edit, a deletion or a reaction counts for the message that it names."""
    require(base["kind"] in ("text", "other", "withheld"), 552)
    if reference["kind"] == "reaction":
        return
    require(reference["account"] == base["account"], 550)
    require(reference["account_key"] == base["account_key"], 551)
    if reference["kind"] == "edit":
        require(base["kind"] != "other", 553)


def reference(given):
    check_reference(given["reference"], given["base"])
    return {"counts": True}


def fold(given):
    messages = given["messages"]
    views = {
        i: {"message": i, "edits": [], "edit_count": 0, "deletion": None, "reactions": []}
        for i, message in enumerate(messages)
        if message["kind"] not in REFERENCES
    }
    for i, view in views.items():
        view["is_certain"] = messages[i]["kind"] != "withheld"
    places = {message["franking_tag"]: i for i, message in enumerate(messages)}

    def order(i):
        message = messages[i]
        return message["sent_ms"], message["device"], message["sequence"], message["franking_tag"]

    outcomes, counting = [], {}
    for i, message in enumerate(messages):
        if i in views:
            outcomes.append({"name": "shown"})
            continue
        on = places.get(message["to"])
        outcomes.append({"name": "NotHere", "on": None})
        if on is None:
            continue
        try:
            check_reference(message, messages[on])
        except Refused as refused:
            names = ("OtherAccount", "OtherAccountKey", "NotChangeable", "NotText")
            outcomes[i] = {"name": names[int(str(refused)[-1])], "on": on}
            continue
        outcomes[i] = {"name": "counts" if views[on]["is_certain"] else "may_count", "on": on}
        by = message["account"] if message["kind"] == "reaction" else None
        counting.setdefault((on, message["kind"], by), []).append(i)
    for (on, kind, by), rivals in sorted(counting.items(), key=lambda item: item[0][2] or ""):
        rivals.sort(key=order)
        counts = rivals[0] if kind == "deletion" else rivals[-1]
        for i in rivals:
            if i != counts:
                outcomes[i] = {"name": "superseded", "on": on, "by": counts}
        if kind == "edit":
            views[on] |= {"edits": rivals[-10:], "edit_count": len(rivals)}
        elif kind == "deletion":
            views[on]["deletion"] = counts
        else:
            views[on]["reactions"].append(counts)
    return {"views": list(views.values()), "outcomes": outcomes}


def review_openings(given):
    _, claims, about = read_claims(given["claims"], given["report_version"])
    blobs = read_blobs(given["blobs"], len(claims)) if given["report_version"] == 3 else []
    reader = Reader(unpad(given["openings"], 84), 84)
    reason = reader.number(1)
    require(1 <= reason <= 16, 84)
    note = text(reader.prefixed(2), 84, 2_000)
    count = reader.number(1)
    require(count <= 30, 84)
    openings = [read_opening(given["report_version"], reader) for _ in range(count)]
    reader.finish()
    require(sum(len(chunks) for *_, chunks in openings) <= MAX_SHOWN_CHUNKS, 489)
    require(len(openings) == len(claims), 85)
    messages = []
    for claim, (version, root_key, commitments, parts, chunks) in zip(claims, openings):
        conversation = conversation_of(claim["read"])
        origin = origin_of(version, claim["read"]["sender"], conversation)
        require(tag_over(root_key, commitments, origin) == claim["franking_tag"], 86)
        for i, (key, part) in parts.items():
            require(commit_part(i, key, part) == commitments[i], 87)
        require(0 in parts, 88)
        shown = {i: part for i, (_, part) in parts.items()}
        header, in_header, attachments = review_parts(version, shown, len(commitments))
        files = review_files(attachments, chunks)
        require(in_header in (None, conversation), 89)
        for named in blobs:
            if named["claim"] == len(messages):
                in_place = [file for file in files if file["part"] == named["part"]]
                require(in_place and in_place[0]["at"] == named["blob"], 119)
                require(in_place[0]["key"] or in_place[0]["chunks"], 119)
                in_place[0]["blob"] = named["blob"]
        files = [{name: file[name] for name in file if name != "at"} for file in files]
        shown = {str(i): part for i, part in shown.items()}
        message = {"header": header, "shown": shown, "parts": len(commitments)}
        message |= {"files": files} if files else {}
        messages.append(message | {"tag_names_sender": version == 2})
    return {"reason": reason, "note": note, "messages": messages, "account": about}


def review_parts(version, parts, count):
    """Checks that each shown part has the form of its place."""
    try:
        return read_committed(version, parts, count)
    except Refused:
        raise Refused("CHK-90") from None


def review_files(attachments, chunks):
    """Joins the shown descriptors with keys, previews and chunks. `at` is the blob's location."""
    files = {}
    for part, descriptor in attachments.items():
        if descriptor["scheme"] == 1 and "description_len" not in descriptor:
            file = {"part": part, "size": descriptor["size"], "root": descriptor["root"], "blob": None}
            preview = attachments.get(part + 2, {})
            file["key"] = attachments.get(part + 1, {}).get("key")
            file["preview"] = preview.get("picture")
            files[part] = file | {"chunks": [], "at": descriptor["blob"]}
    for part, index, key in chunks:
        require(part in files and files[part]["key"] is None, 118)
        require(index < len(shape(files[part]["size"])[0]), 118)
        files[part]["chunks"].append({"index": index, "key": key})
    return list(files.values())


# ------------------------------------------------------------------------------------------- driver

TEXTS = {"account", "accounts", "direct", "kind", "location", "media_type", "members", "name", "note"}
TEXTS |= {"contradictions", "method", "path"}
TEXTS |= {"reaction", "region", "reporter", "text", "type"}


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
        return None if str(refused) == wanted else f"refused by {refused}, not {wanted}"
    if "must_fail" in vector:
        return f"not refused: {vector['must_fail']['check']}"
    expected = from_json(vector["expected"])
    differing = [name for name in expected if outcome.get(name) != expected[name]]
    return f"differs in {', '.join(differing)}" if differing else None


def main():
    check_blake3()
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
