#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the chains of a Postern audit directory with nothing but the Python standard library.

usage: verify_audit.py DIRECTORY [WITNESS]    exit code 0: every chain holds, every head is met

Signatures of heads are checked by openssl where it is installed (1.1.1 or later).
"""
import base64, hashlib, json, os, pathlib, re, subprocess, sys, tempfile

root, faults, heads, retired = pathlib.Path(sys.argv[1]), [], {}, {}


def signed(body, signature):
    with tempfile.TemporaryDirectory() as place:
        pathlib.Path(place, "body").write_bytes(body)
        pathlib.Path(place, "signature").write_bytes(signature)
        for pem in re.findall(r"-----BEGIN[^-]+-----[^-]+-----END[^-]+-----", keys):
            pathlib.Path(place, "key").write_text(pem)
            command = "openssl pkeyutl -verify -pubin -inkey key -rawin -in body -sigfile signature"
            if subprocess.run(command.split(), cwd=place, capture_output=True).returncode == 0:
                return True
    return False


keys = (root / "signing-key.pub.pem").read_text() if (root / "signing-key.pub.pem").exists() else ""
openssl = any(os.access(os.path.join(p, "openssl"), os.X_OK) for p in os.environ["PATH"].split(":"))
prev, number, kept = "0" * 64, 0, {}
first, gone = None, {"head": 0}
for file in sorted(root.glob("heads-*.jsonl")) + list(root.glob("heads.jsonl")):
    for line in file.read_bytes().split(b"\n")[:-1]:
        head, number = json.loads(line), number + 1
        if first is None:
            first, number, prev = head, head["head"], head["prev"]
        if head["head"] != number or head["prev"] != prev:
            faults.append(f"{file.name}: head {number} does not follow the head before it")
        if openssl and not signed(line[:-104], base64.b64decode(head["signature"])):
            faults.append(f"{file.name}: head {number} has no valid signature")
        gone = head.get("retiredHeads", gone)
        prev = hashlib.sha256(line).hexdigest()
        kept[head["head"]] = prev
        for at in head["streams"]:
            heads.setdefault(at["stream"], {})[at["seq"]] = at["hash"]
        retired.update({at["stream"]: at for at in head.get("retired", [])})

begin = first["head"] if first else 1
if begin > 1 and (gone["head"] < begin - 1 or gone["head"] == begin - 1 and gone["hash"] != first["prev"]):
    faults.append(f"the heads before {begin} are missing")
if len(sys.argv) > 2:
    seen = {}
    for line in pathlib.Path(sys.argv[2]).read_bytes().split(b"\n"):
        try:
            seen.setdefault(json.loads(line)["head"], set()).add(hashlib.sha256(line).hexdigest())
        except (ValueError, KeyError, TypeError):
            continue
    faults += [f"head {n} is not as witnessed" for n in seen if n >= begin and seen[n] != {kept.get(n)}]
    faults += [f"the witness lacks head {n}" for n in range(min(seen), max(seen)) if n not in seen]

for stream in sorted(p for p in root.iterdir() if p.is_dir() and p.name != "policies"):
    prev, seq, named = "0" * 64, 0, heads.pop(stream.name, {})
    segments = sorted(stream.glob("*.jsonl"))
    gone = retired.get(stream.name, {"seq": 0})
    first = int(segments[0].stem) if segments else gone["seq"] + 1
    if 1 < first <= gone["seq"] + 1:  # the records before were kept until their retention was over
        prev, seq = gone["hash"] if first == gone["seq"] + 1 else None, first - 1
        named = {n: h for n, h in named.items() if n >= first}
    for segment in segments:
        if int(segment.stem) != seq + 1:
            faults.append(f"{segment}: it is not named after its first record")
        for line in segment.read_bytes().split(b"\n")[:-1]:
            record, seq = json.loads(line), seq + 1
            if (record["stream"], record["seq"]) != (stream.name, seq) or prev not in (
                None,
                record["prev"],
            ):
                faults.append(f"{segment}: record {seq} does not follow the record before it")
            prev = hashlib.sha256(line[:-75]).hexdigest()
            if record["hash"] != prev:
                faults.append(f"{segment}: record {seq} was changed")
            if named.pop(seq, prev) != prev:
                faults.append(f"{segment}: record {seq} is not the one that was signed")
    faults += [f"{stream.name}: the signed record {seq} is missing" for seq in named]
for name, named in heads.items():
    if max(named) > retired.get(name, {"seq": 0})["seq"]:
        faults.append(f"{name}: the whole stream is missing")
print("\n".join(faults) if faults else f"every chain holds, {len(kept)} heads are met")
sys.exit(1 if faults else 0)
