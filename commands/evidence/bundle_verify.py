"""Checks an evidence bundle of Duecourse, offline: every file, the audit chain, and that they agree.

    python3 verify.py [FOLDER or FILE.zip]

Needs Python 3.9 or later and nothing else; without an argument it checks the folder it lies in. It ends
with 0 where everything is as it was written, with 1 and a line for each fault where not. Read it before
you trust it: it is short.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

FORMAT = "duecourse-evidence/2"
MANIFEST, MANIFEST_SHA256 = "manifest.json", "manifest.sha256"
CHAIN, HEAD, TEXTS, ANCHORS = (
    "audit/chain.jsonl",
    "audit/head.json",
    "audit/texts.jsonl",
    "audit/anchors.json",
)
FIRST = "00" * 32
#: What reading a damaged zip or folder raises.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError)


def canonical(value: Any) -> bytes:
    """JSON in the one form of which hashes are taken: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode("utf-8")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read(place: Path) -> tuple[dict[str, bytes], list[str]]:
    """Every file of a folder or zip by its name, and what is wrong with the container itself."""
    if place.is_dir():
        files = {}
        for path in sorted(place.rglob("*")):
            if "__pycache__" in path.parts:
                continue
            if path.is_file() and not path.is_symlink():
                files[path.relative_to(place).as_posix()] = path.read_bytes()
        return files, []
    with zipfile.ZipFile(place) as archive:
        names = archive.namelist()
        twice = sorted({name for name in names if names.count(name) > 1})
        return {name: archive.read(name) for name in names}, [f"{name}: is there twice" for name in twice]


def check(files: dict[str, bytes]) -> list[str]:
    """Every fault of a bundle, a line each; none where it is as it was written."""
    faults = check_files(files)
    try:
        faults += check_chain(files)
        faults += check_agreement(files)
        faults += check_customer(files)
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as problem:
        faults.append(f"the audit chain cannot be read: {type(problem).__name__}: {problem}")
    return faults


def check_files(files: dict[str, bytes]) -> list[str]:
    """The manifest names every file with its SHA-256 and size, and its own SHA-256 lies beside it."""
    if MANIFEST not in files or MANIFEST_SHA256 not in files:
        return [f"{name}: is missing" for name in (MANIFEST, MANIFEST_SHA256) if name not in files]
    faults = []
    if files[MANIFEST_SHA256] != f"{sha256(files[MANIFEST])}  {MANIFEST}\n".encode():
        faults.append(f"{MANIFEST}: is not what {MANIFEST_SHA256} says")
    try:
        manifest = json.loads(files[MANIFEST])
        listed = {name: (entry["sha256"], entry["size"]) for name, entry in manifest["files"].items()}
        if manifest["format"] != FORMAT:
            faults.append(f"{MANIFEST}: is not of format {FORMAT}: run the verify.py that lies in the bundle")
    except (ValueError, KeyError, TypeError, AttributeError):
        return [*faults, f"{MANIFEST}: cannot be read"]
    for name, (digest, size) in sorted(listed.items()):
        if name not in files:
            faults.append(f"{name}: is missing")
        elif (sha256(files[name]), len(files[name])) != (digest, size):
            faults.append(f"{name}: was changed")
    for name in sorted(set(files) - set(listed) - {MANIFEST, MANIFEST_SHA256}):
        faults.append(f"{name}: does not belong to the bundle")
    return faults


def check_chain(files: dict[str, bytes]) -> list[str]:
    """Each row of the chain hashes itself and the row before it, up to the head and through every anchor."""
    rows, head = chain(files), json.loads(files[HEAD])
    faults = []
    before = FIRST
    by_seq: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        seq = row["seq"]
        if seq != number:
            faults.append(f"audit row {seq}: stands in place {number}: rows are missing or out of order")
        if row["customer_id"] != head["customer_id"]:
            faults.append(f"audit row {seq}: belongs to another chain")
        if row["prev_hash"] != before:
            faults.append(f"audit row {seq}: does not follow the row before it")
        if sha256(canonical({key: row[key] for key in row if key != "hash"})) != row["hash"]:
            faults.append(f"audit row {seq}: was changed")
        before, by_seq[seq] = row["hash"], row
    if (len(rows), before) != (head["seq"], head["hash"]):
        faults.append(f"the audit chain ends at row {len(rows)}, which is not its head")
    for anchor in json.loads(files[ANCHORS]):
        seq = anchor["seq"]
        if seq not in by_seq or by_seq[seq]["hash"] != anchor["hash"]:
            faults.append(f"audit row {seq}: is not the row that was anchored on {anchor['day']}")
    for line in files[TEXTS].decode("utf-8").split("\n"):
        if not line:
            continue
        text = json.loads(line)
        seq = text["seq"]
        if sha256(bytes.fromhex(text["salt"]) + text["body"].encode("utf-8")) != by_seq.get(seq, {}).get(
            "text_sha256"
        ):
            faults.append(f"audit row {seq}: its text was changed")
    return faults


def check_agreement(files: dict[str, bytes]) -> list[str]:
    """Facts and messages are those that the chain committed to when they were made, payments stand in the ledger
    as they were told, and nothing about the invoice was left out."""
    case, listed = json.loads(files["case.json"]), json.loads(files["facts.json"])
    messages = json.loads(files["messages.json"])
    there = {message["message_id"] for message in messages}
    facts, mails, sent, reserved = {}, {}, set(), set()
    for row in chain(files):
        body = row["body"]
        if "event_id" in body and "payload_sha256" in body:
            facts[row["kind"], row["ref"], body["event_id"]] = body["payload_sha256"]
        if row["kind"] == "message_written":
            mails[row["ref"]] = body["payload_sha256"]
        if row["kind"] == "message_sent":
            sent.add(row["ref"])
        if row["kind"] == "message_reserved" and case["invoice_id"] in body.get("invoices", []):
            reserved.add(row["ref"])
    faults = [f"message {ref}: was written, and is missing" for ref in sorted(reserved - there)]
    known = {(fact["kind"], fact["invoice_id"] or fact["customer_id"], fact["event_id"]) for fact in listed}
    for key in sorted(set(facts) - known):
        # What was confirmed about other invoices alone is no part of this evidence: see check_customer.
        if key[1] == case["invoice_id"] or (key[1] == case["customer_id"] and key[0] != "portal_answer"):
            faults.append(f"fact {key}: was recorded, and is missing")
    faults += check_payments(listed, json.loads(files["ledger.json"]), case["invoice_id"])
    for fact in listed:
        key = (fact["kind"], fact["invoice_id"] or fact["customer_id"], fact["event_id"])
        if sha256(canonical(fact["payload"])) != fact["payload_sha256"]:
            faults.append(f"fact {key}: was changed")
        if key in facts and facts[key] != fact["payload_sha256"]:
            faults.append(f"fact {key}: is not the one of the audit chain")
        if key not in facts and fact["in_chain"]:
            faults.append(f"fact {key}: is not in the audit chain")
    for message in messages:
        ref, file = message["message_id"], message["file"]
        if file is None:
            if ref in sent:
                faults.append(f"message {ref}: was sent, and its bytes are missing")
        elif (message["in_chain"] or ref in mails) and mails.get(ref) != sha256(files[file]):
            faults.append(f"message {ref}: its bytes are not those of the audit chain")
    return faults


def check_payments(facts: list[dict[str, Any]], ledger: list[dict[str, Any]], invoice: str) -> list[str]:
    """Each payment of the invoice is one entry of the ledger, of the amount that was told, and no entry more."""
    kind = "payment_received"
    told = {
        fact["event_id"]: Decimal(fact["payload"]["amount"])
        for fact in facts
        if (fact["kind"], fact["invoice_id"]) == (kind, invoice)
    }
    booked = {entry["event_id"]: -Decimal(entry["amount"]) for entry in ledger if entry["kind"] == kind}
    return [
        f"payment {ref}: the ledger does not say what was told"
        for ref in sorted({*told, *booked})
        if told.get(ref) != booked.get(ref)
    ]


def check_customer(files: dict[str, bytes]) -> list[str]:
    """Mails that came in, what was confirmed on the portal and the terms of plans are those that the chain
    committed to when they came, and no mail about the invoice was left out."""
    faults = []
    invoice = json.loads(files["case.json"])["invoice_id"]
    rows = chain(files)
    arrived = {row["ref"]: row["body"] for row in rows if row["kind"] == "reply_received"}
    replies = {reply["reply_id"]: reply for reply in json.loads(files["replies.json"])}
    for ref, body in arrived.items():
        if invoice in body.get("invoices", []) and ref not in replies:
            faults.append(f"mail {ref}: came in, and is missing")
    for ref, reply in replies.items():
        kept = arrived.get(ref, {}).get("kept_sha256")
        if sha256(files[reply["file"]]) != reply["kept_sha256"]:
            faults.append(f"mail {ref}: was changed")
        if kept is None and reply["in_chain"]:
            faults.append(f"mail {ref}: is not in the audit chain")
        if kept is not None and (kept, arrived[ref]["raw_sha256"]) != (
            reply["kept_sha256"],
            reply["raw_sha256"],
        ):
            faults.append(f"mail {ref}: is not the one of the audit chain")
    facts = json.loads(files["facts.json"])
    confirmed = {fact["event_id"]: fact["payload"] for fact in facts if fact["kind"] == "portal_answer"}
    done = {row["ref"]: row["body"] for row in rows if row["kind"] == "portal_answer_done"}
    refused = {ref: body["refused"] for ref, body in done.items()}
    answers = json.loads(files["portal.json"])["answers"]
    about = {ref for ref, body in done.items() if invoice in body.get("invoices", [])} | set(confirmed)
    for missing in sorted(about - {answer["answer_id"] for answer in answers}):
        faults.append(f"answer {missing}: was confirmed, and is missing")
    for answer in answers:
        ref = answer["answer_id"]
        attached = [file["sha256"] for file in answer["files"]]
        if [sha256(files[file["file"]]) for file in answer["files"]] != attached:
            faults.append(f"answer {ref}: its files were changed")
        if ref in confirmed:
            said = {**answer, "files": attached}
            if any(said.get(name) != value for name, value in {"files": [], **confirmed[ref]}.items()):
                faults.append(f"answer {ref}: is not what was confirmed")
        elif answer["in_chain"]:
            faults.append(f"answer {ref}: is not in the audit chain")
        outcome = {name: rule for name, rule in (answer["outcome"] or {}).items() if rule is not None}
        if (ref in refused and refused[ref] != outcome) or (answer["done_in_chain"] and ref not in refused):
            faults.append(f"answer {ref}: what became of it is not what the audit chain says")
    terms = {
        fact["payload"]["plan_id"]: fact["payload"]["text_sha256"]
        for fact in facts
        if fact["kind"] == "plan_accepted"
    }
    for plan in json.loads(files["plans.json"]):
        ref = plan["plan_id"]
        if ref in terms and sha256(plan["terms_text"].encode("utf-8")) != terms[ref]:
            faults.append(f"plan {ref}: its terms are not those that were accepted")
    return faults


def chain(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The rows of the audit chain in the order of the file."""
    return [json.loads(line) for line in files[CHAIN].decode("utf-8").split("\n") if line]


def main(arguments: list[str]) -> int:
    place = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        files, faults = read(place)
    except UNREADABLE as problem:
        print(f"{place} cannot be read: {problem}", file=sys.stderr)
        return 1
    faults += check(files)
    for fault in faults:
        print(fault)
    if faults:
        print(f"NOT AS WRITTEN, faults: {len(faults)}")
        return 1
    print(f"as written: {len(files)} files, {len(chain(files))} audit rows")
    live = [link["link_id"] for link in json.loads(files["links.json"]) if link["live"]]
    if live:
        print(f"links that opened the customer's account when this was made: {', '.join(live)}")
    print(f"SHA-256 of the manifest: {sha256(files[MANIFEST])}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
