"""Bodies of a status that says yes, by name: JSON that is none, JSON that says nothing, and what is no JSON at all."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

#: What each document of the protocol would have to say; here it says it wrongly.
MEMBERS = (
    *("issuer", "resource", "authorization_servers", "authorization_endpoint", "token_endpoint", "client_id"),
    *("access_token", "device_code", "user_code", "verification_uri"),
)


def each(value: str) -> bytes:
    """Return an object in which every member that matters has the same value, given as JSON."""
    return ("{" + ", ".join(f'"{name}": {value}' for name in MEMBERS) + "}").encode("utf-8", "surrogatepass")


def deep(levels: int) -> str:
    """Return arrays in arrays."""
    return "[" * levels + "]" * levels


JSON: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "a number": b"1e999",
    "a number of 5,000 digits": b"9" * 5000,
    "an exponent of 5,000 digits": b"1e" + b"9" * 5000,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a string": b'"text"',
    "a string of a megabyte": b'"' + b"x" * ((1 << 20) - 2) + b'"',
    "half a character": b'"\\ud800"',
    "an array": b"[{}]",
    "an array of a hundred thousand": b"[" + b"0," * 99_999 + b"0]",
    "an empty object": b"{}",
    "an object of an object": b'{"data": {"access_token": 7, "client_id": 7}}',
    "an object of 50,000 members": json.dumps({str(number): number for number in range(50_000)}).encode(),
    "100,000 arrays deep": b"[" * 100_000,
    "100,000 objects deep": b'{"a":' * 100_000,
    "a thousand arrays deep, each closed": deep(1000).encode(),
    "members that are null": each("null"),
    "members that are empty": each('""'),
    "members that are blank": each('" "'),
    "members that are no number": each("NaN"),
    "members without end": each("-Infinity"),
    "members that are numbers": each("7"),
    "members that are huge numbers": each("9" * 400),
    "members that are objects": each('{"a": 1}'),
    "members 900 arrays deep": each(deep(900)),
    "members with a NUL": each('"\\u0000"'),
    "members with a line break": each('"a\\r\\nX-Evil: 1"'),
    "members of half characters": each('"\\udfff\\ud800"'),
    "members that count at last": each('"https://login.example.com/a"')[:-1] + b", " + each("false")[1:],
    "an object of other things": json.dumps({"hello": "world", "error_description": "\x1b[2J"}).encode(),
}

NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"  \r\n ",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "half an object": b'{"issuer": "htt',
    "an object without its end": each('"x"')[:-1],
    "two objects": b"{}{}",
    "lines of objects": b'{"a": 1}\n{"b": 2}\n',
    "a comment": b"/* */ {}",
    "a comma too many": b'{"access_token": "x",}',
    "single quotes": b"{'access_token': 'x'}",
    "a name without quotes": b"{access_token: 1}",
    "a control character in a string": b'{"access_token": "\x01"}',
    "a bad escape": b'{"access_token": "\\x41"}',
    "a call of a function": b'callback({"access_token": "x"});',
    "a guard against scripts": b")]}',\n{}",
    "an event of a stream": b'event: message\ndata: {"access_token": "x"}\n\n',
    "parts of a mail": b'--x\r\nContent-Type: application/json\r\n\r\n{"a": 1}\r\n--x--\r\n',
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><token>&b;</token>',
    "YAML": b"access_token: x\ntoken_type: Bearer\n",
    "a JWT": b"eyJhbGciOiJub25lIn0" + b".e30.",
    "a page that says it is JSON": b"<!doctype html><title>Sign in</title>",
    "a script": b"<script>location='https://evil.example.com'</script>",
    "no UTF-8": each('"x"').replace(b"x", b"\xff\xfe\xc3"),
    "UTF-8 that is too long": each('"x"').replace(b"x", b"\xc0\xaf"),
    "Latin-1": each('"x"').replace(b"x", b"\xe9"),
    "UTF-16": each('"x"').decode().encode("utf-16"),
    "UTF-16 without a mark": each('"x"').decode().encode("utf-16-be"),
    "UTF-32": each('"x"').decode().encode("utf-32"),
    "UTF-7": b"+AHsAfQ-",
    "EBCDIC": each('"x"').decode().encode("cp500"),
    "NULs": b"\0" * 4096,
    "NULs around an object": b"\0{}\0",
    "bytes": bytes(range(256)) * 16,
    "gzip that nobody named": gzip.compress(b"{}"),
    "deflate that nobody named": zlib.compress(b"{}"),
    "a form of nothing": b"a=&b=",
    "a form of 100,000 fields": b"a=1&" * 100_000,
    "a form of half a token": b"access_token=%ED%A0%80&token_type=Bearer&client_id=%00",
}

TEXTS: dict[str, bytes] = {**JSON, **NO_JSON}

#: Values of a type that no member of any document has.
WRONG_TYPES: dict[str, Any] = {
    "a number": 7,
    "a number of 400 digits": json.loads("9" * 400),
    "a number that is none": float("nan"),
    "a number without end": float("inf"),
    "true": True,
    "an object": {"a": 1},
    "an array of numbers": [1, 2],
    "an array in an array": [["x"]],
    "900 arrays": json.loads(deep(900)),
}
